# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Row types of the host document: what host-document.schema.json says, as types. Pure. Internal to the collection.

None means that something was not asked, or cannot be determined; it never means that all is well. A unit test compares
the fields with the schema's.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, TypedDict

PodNames = Dict[str, str]


class BootstrapRow(TypedDict):
    """Which form a bundle's connection parameters have.

    ``kind`` is ``bootstrap.json``, ``address``, ``both`` or ``none``; ``legacy`` says that the release on disk would no
    longer write that form itself.
    """

    kind: str
    version: Optional[int]
    protocol: Optional[str]
    legacy: bool


class BundleRow(TypedDict):
    """One bundle with the forecast for it.

    ``record`` is whether containerd has a container of that id, ``listed`` whether it lists a task. ``status`` is the
    shim's word, else ``running`` while the init process lives. ``answer`` and ``pids_answer`` sum up Connect and Pids,
    ``answers`` has each service version as text. ``decided_by`` is ``host`` where a hazard decides. ``rule`` is the row
    or hazard of docs/forecast.md, ``delay`` the seconds the bundle adds to containerd's start.
    """

    namespace: str
    id: str
    pod: Optional[PodNames]
    role: Optional[str]
    runtime: Optional[str]
    bootstrap: BootstrapRow
    record: Optional[bool]
    status: Optional[str]
    live: bool
    shim_pid: Optional[int]
    task_pid: Optional[int]
    shim_code: Optional[str]
    answer: str
    pids_answer: str
    answers: str
    listed: Optional[bool]
    outcome: str
    decided_by: str
    task: str
    client: str
    at_risk: bool
    rescuable: bool
    rule: str
    reason: str
    delay: float


class OtherTaskRow(TypedDict):
    """One task that containerd lists and that has no bundle, such as those of runtime v1, with the forecast for it."""

    namespace: str
    id: str
    runtime: Optional[str]
    record: Optional[bool]
    status: str
    live: bool
    shim_pid: Optional[int]
    task_pid: int
    outcome: str
    task: str
    client: str
    at_risk: bool
    rule: str
    reason: str


class ShimRow(TypedDict):
    """One shim process.

    ``namespace`` and ``id`` are those of its command line. ``code`` is whether the program in memory is the one on
    disk, ``version`` what it says of itself, ``started`` in seconds since the epoch. ``bundles`` are namespace/id of
    each it serves, ``connections`` how many containerd holds to it by the kernel, ``tasks`` how many of its tasks
    containerd lists.
    """

    pid: int
    started: float
    namespace: Optional[str]
    id: Optional[str]
    pod: Optional[PodNames]
    executable: Optional[str]
    code: Optional[str]
    version: Optional[str]
    endpoint: Optional[str]
    bundles: List[str]
    live: Optional[bool]
    answer: str
    connections: Optional[int]
    tasks: Optional[int]


class LeftoverRow(TypedDict):
    """One thing that is no longer used; ``command`` is one shell line that removes it, or None where none is safe."""

    kind: str
    namespace: Optional[str]
    id: Optional[str]
    pod: Optional[PodNames]
    pid: Optional[int]
    path: Optional[str]
    reason: str
    command: Optional[str]


class ModeRow(TypedDict):
    """One path that more than root can use; ``mode`` in four octal digits, ``owner`` as uid:gid."""

    kind: str
    path: str
    namespace: Optional[str]
    id: Optional[str]
    mode: str
    owner: str
    expected: str
    reason: str
    command: str


class DaemonRow(TypedDict):
    """containerd itself.

    ``running`` is the release in memory, ``installed`` the one on disk, each with its release class. ``behind_disk`` is
    whether a restart would run another file than the one in memory. ``started`` in seconds since the epoch,
    ``load_timeout`` in seconds for one shim.
    """

    running: Optional[str]
    installed: Optional[str]
    running_class: Optional[str]
    installed_class: Optional[str]
    pid: Optional[int]
    started: Optional[float]
    executable: Optional[str]
    code: Optional[str]
    behind_disk: Optional[bool]
    address: str
    state_dir: str
    root_dir: str
    load_timeout: float


class UnitRow(TypedDict):
    """What systemd says of containerd's unit; ``timeout_start`` in seconds, None for no limit."""

    name: str
    active_state: str
    kill_mode: str
    delegate: bool
    need_daemon_reload: bool
    timeout_start: Optional[float]
    restarts: int
    drop_ins: List[str]


class HostDocument(TypedDict):
    """The document of one host; the controller enters ``host`` and ``run_id``.

    ``at`` is in seconds since the epoch, ``elapsed`` in seconds. ``asked`` is which calls shims were asked, ``counts``
    the lengths of the lists before ``truncated`` rows were left out. ``forecast`` is the first of ``targets``.
    """

    schema: int
    kind: str
    host: Optional[str]
    run_id: Optional[str]
    at: float
    layout: str
    asked: Dict[str, bool]
    daemon: DaemonRow
    unit: Optional[UnitRow]
    bundles: List[BundleRow]
    other_tasks: List[OtherTaskRow]
    shims: List[ShimRow]
    forecast: Dict[str, Any]
    targets: List[Dict[str, Any]]
    hazards: List[Dict[str, Any]]
    rollback: Dict[str, Any]
    leftovers: List[LeftoverRow]
    modes: List[ModeRow]
    counts: Dict[str, int]
    truncated: int
    elapsed: float
