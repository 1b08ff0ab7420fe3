# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Host conditions: what else on a host decides how a restart ends. Internal to the collection."""

from __future__ import annotations

import json
import os
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.configuration_hazards import Start
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host import dockerd, processes, storage
from ansible_collections.shimops.containerd.plugins.module_utils._host import unit as systemd
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon_paths import real_path
from ansible_collections.shimops.containerd.plugins.module_utils._host.dockerd import LiveRestore
from ansible_collections.shimops.containerd.plugins.module_utils._host.unit import Unit

# One answer of systemd, which is asked for nothing but names.
_PATIENCE = 10.0


class HostConditions(NamedTuple):
    """What of_host() in host_hazards.py judges.

    ``stops_with`` are the active services that stop with containerd, ``supervisor`` is the program that is restarted
    instead of containerd, and ``live_restore`` is what holds for a dockerd among them.
    ``metadata`` is ``missing``, ``damaged`` or None. ``moved`` pairs a directory in use with the one the next start
    would use. ``without_runc`` is one task (namespace/id) per shim that does not find runc, ``pids_asked`` whether the
    shims were asked to run it. ``threads`` is how many the unit has. ``full`` says that the state directory has no
    room; ``mounts_db`` is as observed, ``mounts`` says what is wrong with it, as ``metadata``. ``start`` is what
    the next start would find.
    """

    unit: Optional[Unit] = None
    stops_with: Tuple[str, ...] = ()
    supervisor: Optional[str] = None
    live_restore: Optional[LiveRestore] = None
    metadata: Optional[str] = None
    moved: Tuple[Tuple[str, str], ...] = ()
    without_runc: Tuple[str, ...] = ()
    pids_asked: bool = True
    threads: int = 0
    full: bool = False
    mounts_db: bool = True
    state_dir: str = ""
    mounts: Optional[str] = None
    start: Optional[Start] = None


def observe(daemon: Daemon, observations: List[Observation]) -> HostConditions:
    """Look around, once for all targets.

    Raises ShimError when systemd does not answer in time.
    """
    running = daemon.process is not None
    stops_with = systemd.stops_with(daemon.unit_name, Deadline(_PATIENCE)) if daemon.unit else []
    supervisor = _supervisor(daemon)
    docker = "docker.service" in stops_with or supervisor == dockerd.PROGRAM
    place = storage.observe_files(daemon, 1)
    answers = [observed.best_answers for observed in observations if observed.live and observed.best_answers]
    return HostConditions(
        unit=daemon.unit,
        stops_with=tuple(stops_with),
        supervisor=supervisor,
        live_restore=dockerd.live_restore(Deadline(_PATIENCE)) if docker else None,
        metadata=storage.metadata_problem(daemon) if running else None,
        moved=_moved(daemon) if running else (),
        without_runc=tuple(_without_runc(observations)),
        pids_asked=not answers or any(one.pids is not None or one.pids_failure for one in answers),
        threads=_threads(daemon.unit.name) if daemon.unit and daemon.unit.tasks_max is not None else 0,
        full=place.writable is False,
        mounts_db=place.mounts_db,
        state_dir=os.path.realpath(daemon.state_dir),
        mounts=storage.mounts_problem(daemon),
        start=_start(daemon, observations),
    )


def _start(daemon: Daemon, observations: List[Observation]) -> Start:
    """What the next start would find; containerd lists its plugins only where some are required."""
    plugins: Optional[Dict[str, str]] = {}
    if daemon.configured.required_plugins:
        plugins = daemon.ctr().plugins(Deadline(_PATIENCE)) if daemon.process else None
    return Start(
        # A name such as /var/run leads to the same place as /run.
        daemon.configured._replace(address=real_path(daemon.configured.address)),
        real_path(daemon.address) or "",
        None if plugins is None else tuple(name for name, status in plugins.items() if status == "ok"),
        any(observed.live and observed.bundle and observed.bundle.pod for observed in observations),
    )


def _moved(daemon: Daemon) -> Tuple[Tuple[str, str], ...]:
    """The directories that the next start would look for elsewhere."""
    after = daemon.configured
    pairs = [(daemon.state_dir, after.state_dir), (daemon.root_dir, after.root_dir)]
    return tuple((now, then) for now, then in pairs if then and os.path.realpath(now) != os.path.realpath(then))


def _threads(unit: str) -> int:
    """The threads of containerd and its shims, for a systemd that does not count them."""
    return sum(processes.threads(pid) for pid in processes.named("containerd") if processes.in_unit(pid, unit))


def _supervisor(daemon: Daemon) -> Optional[str]:
    """The name of the program that the unit starts, where that starts containerd; None where it is containerd."""
    if not daemon.supervised or not daemon.unit:
        return None
    return os.path.basename(processes.executable(daemon.unit.main_pid or 0) or "") or "a program that cannot be seen"


def _without_runc(observations: List[Observation]) -> List[str]:
    """One live task of every shim of runc's that would not find its runc."""
    found: List[str] = []
    seen: Set[int] = set()
    for observed in observations:
        said = observed.best_answers
        if not observed.live or not said or not said.shim_pid or said.shim_pid in seen:
            continue
        seen.add(said.shim_pid)
        if "containerd-shim-runc" in (observed.runtime_path or "") and not _finds(
            said.shim_pid, _runtime_binary(observed)
        ):
            found.append("{0}/{1}".format(observed.entry.namespace, observed.entry.id))
    return found


def _runtime_binary(observed: Observation) -> str:
    """The OCI runtime that the bundle's options name: ``binary_name`` of runc's options."""
    try:
        name = json.loads(observed.bundle.options_json.text()).get("binary_name") if observed.bundle else None
    except (ValueError, AttributeError, RecursionError):
        name = None
    return name if isinstance(name, str) and name else "runc"


def _finds(pid: int, name: str) -> bool:
    """exec.LookPath with the PATH of that process; true where its PATH cannot be read."""
    if "/" in name:
        return os.path.exists(name)
    path = processes.search_path(pid)
    return path is None or any(os.access(os.path.join(place, name), os.X_OK) for place in path.split(":") if place)
