# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger: what ran on a host before, and how far the restart came. Internal to the collection.

Its types are what stands in the file, see ledger_file.py.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Set, Tuple, TypedDict

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.forecast import Forecast
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict import Moments
from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict_rows import VerdictRow

SCHEMA = 1
PHASES = ("recorded", "restarting", "restarted", "verified")

#: Namespace and id of a task; with its init pid, where one of the same id may have come after it.
Key = Tuple[str, str]
Incarnation = Tuple[str, str, int]


class DaemonIdentity(TypedDict):
    """One run of containerd: its process, systemd's invocation and count of restarts, the kernel's boot.

    ``pid`` and ``start_time`` (in clock ticks since boot) are None when containerd does not run, ``invocation_id`` and
    ``restarts`` without systemd. ``version`` is the running release.
    """

    pid: Optional[int]
    start_time: Optional[int]
    invocation_id: Optional[str]
    restarts: Optional[int]
    boot_id: str
    version: Optional[str]
    unit: str
    state_dir: str


class _TaskAlways(TypedDict):
    namespace: str
    id: str
    pod: Optional[Dict[str, str]]
    status: Optional[str]
    init: Optional[List[Any]]
    shim: Optional[List[Any]]
    endpoint: Optional[List[Any]]
    service: Optional[str]


class TaskRow(_TaskAlways, total=False):
    """One task as it was before the restart.

    ``pod`` has the Kubernetes names, or is None. ``status`` is the shim's word. ``init`` and ``shim`` are pid and start
    time of the processes. ``endpoint`` is kind, name and protocol of the shim's socket, ``service`` the version of the
    task service that it serves there. What is not known is None. ``bundle`` is false where containerd lists a task that
    has none: then nobody can ask its shim. ``kept`` is whether the last forecast before the restart said that
    containerd and its client keep it, ``ended_before`` that it was gone by then. ``own_numbers`` says that its shim
    listed processes and not the init process: a runtime such as runsc numbers the processes in its sandbox itself.
    """

    own_numbers: bool
    bundle: bool
    kept: bool
    ended_before: bool


class _LedgerAlways(TypedDict):
    schema: int
    run_id: str
    phase: str
    times: Dict[str, float]
    daemon: DaemonIdentity
    tasks: List[TaskRow]
    gap: Optional[float]
    verdicts: List[VerdictRow]


class Ledger(_LedgerAlways, total=False):
    """What ran on the host when the run began, and what is known since.

    ``phase`` is one of PHASES, ``times`` when each was entered, in seconds since the epoch. ``gap`` is how long nothing
    served containerd's socket, in seconds. ``moments`` has a row for each restart of containerd, see Moments in
    verdict.py; ``verified_by`` is the containerd that was seen last. ``logs`` has the log pipes of each task,
    ``stalled`` the logs that stalled, ``package`` what an upgrade installed.
    """

    moments: List[List[Optional[float]]]
    verified_by: DaemonIdentity
    logs: Dict[str, Any]
    stalled: List[Dict[str, Any]]
    package: Dict[str, Any]


def new(run_id: str, daemon: Daemon, observations: List[Observation], now: float) -> Ledger:
    """A ledger in phase ``recorded``. ``now`` is in seconds since the epoch."""
    book: Ledger = {
        "schema": SCHEMA,
        "run_id": run_id,
        "phase": "recorded",
        "times": {"recorded": now},
        "daemon": identity(daemon),
        "tasks": [],
        "gap": None,
        "verdicts": [],
    }
    add(book, observations)
    return book


def identity(daemon: Daemon) -> DaemonIdentity:
    """What identifies one run of containerd: pid, start time, systemd's invocation, the kernel's boot."""
    return {
        "pid": daemon.process.pid if daemon.process else None,
        "start_time": daemon.process.start_time if daemon.process else None,
        "invocation_id": daemon.unit.invocation_id if daemon.unit else None,
        "restarts": daemon.unit.restarts if daemon.unit else None,
        "boot_id": processes.boot_id(),
        "version": daemon.running,
        "unit": daemon.unit_name,
        "state_dir": daemon.state_dir,
    }


def same_process(one: DaemonIdentity, other: DaemonIdentity) -> bool:
    """Whether two identities are the same process, whatever systemd says of it."""
    return all(one.get(key) == other.get(key) for key in ("pid", "start_time", "boot_id"))


def add(book: Ledger, observations: List[Observation]) -> List[str]:
    """Enter the tasks that are not in the book yet; gives their ids."""
    known = keys(book)
    fresh = [_task(observed) for observed in observations if (observed.bundle or observed.listed) and observed.status]
    fresh = [task for task in fresh if (task["namespace"], task["id"]) not in known]
    book["tasks"].extend(fresh)
    return [task["id"] for task in fresh]


def refresh(book: Ledger, forecasts: Sequence[Tuple[Observation, Forecast]]) -> None:
    """Bring the book up to the moment before the restart: a node goes on living while it is observed.

    :param forecasts: what is on the host now, and what the restart would do to it.
    """
    now = {(one.entry.namespace, one.entry.id): (one, forecast) for one, forecast in forecasts}
    for number, task in enumerate(book["tasks"]):
        observed, _forecast = now.get((task["namespace"], task["id"]), (None, None))
        if observed is None or not observed.live:
            task["ended_before"] = True
            continue
        again = _task(observed)
        if again["init"] != task["init"]:
            # Deleted, and made again under the same id.
            book["tasks"][number] = again
    add(book, [observed for observed, _forecast in forecasts])
    for task in book["tasks"]:
        if task["init"] is None and task["status"] != "stopped":
            # Its shim named a process that was gone a moment later.
            task["ended_before"] = True
        _observed, forecast = now.get((task["namespace"], task["id"]), (None, None))
        if forecast is not None:
            task["kept"] = forecast.task == "kept" and forecast.client == "keeps"


def foretold(book: Ledger) -> Set[Tuple[str, str]]:
    """The tasks, by namespace and id, that the restart was forecast to end; none once the restart is verified."""
    if book["phase"] == "verified":
        return set()
    return {(task["namespace"], task["id"]) for task in book["tasks"] if not task.get("kept", True)}


def incarnation(task: TaskRow) -> Incarnation:
    """Namespace, id and init pid of a task; pid 0 where it is not known."""
    return task["namespace"], task["id"], task["init"][0] if task["init"] else 0


def moments(book: Ledger) -> List[Moments]:
    """The restarts of containerd since the run began, as far as they are known."""
    return [Moments(began or 0.0, serves, seen or 0.0) for began, serves, seen in book.get("moments", [])]


def enter_daemon(book: Ledger, daemon: Daemon, now: float) -> None:
    """Enter that this containerd serves at this time, in seconds since the epoch.

    One that was not seen before was started since; when, is between the last time that any was seen and the making of
    its socket.
    """
    found, seen = identity(daemon), book.get("verified_by", book["daemon"])
    rows = [list(row) for row in moments(book)]
    if not same_process(found, seen):
        times = book["times"]
        began = rows[-1][2] if rows and rows[-1][1] else times.get("restarting", times["recorded"])
        if rows and rows[-1][1] is None:
            rows.pop()
        rows.append([began, min(now, daemon.serving_since or now), now])
    elif rows:
        rows[-1][2] = now
    book["moments"], book["verified_by"] = rows, found


def proves(book: Ledger, daemon: DaemonIdentity) -> bool:
    """Whether its verdicts hold for what has ended since: they were final, or containerd was not restarted since."""
    return book["phase"] == "verified" or same_process(book.get("verified_by", book["daemon"]), daemon)


def keys(book: Ledger) -> Set[Key]:
    """Namespace and id of every task in the book."""
    return {(task["namespace"], task["id"]) for task in book["tasks"]}


def _task(observed: Observation) -> TaskRow:
    """One task. The shim's own word for the init pid comes before the file in the bundle."""
    said, init, shim = observed.best_answers, observed.bundle.init if observed.bundle else None, None
    if observed.listed:
        init = processes.look_up(observed.listed.pid)
        shim = processes.parent(init) if init else None
    elif said:
        init = processes.look_up(said.task_pid) if said.task_pid else init
        shim = processes.look_up(said.shim_pid) if said.shim_pid else None
    place = next((place for place, one in observed.answers.items() if one is said), None)
    row: TaskRow = {
        "namespace": observed.entry.namespace,
        "id": observed.entry.id,
        "pod": observed.pod_names,
        "status": observed.status,
        "init": list(init) if init else None,
        "shim": list(shim) if shim else None,
        "endpoint": list(place) if place else None,
        "service": said.service if said else None,
        "bundle": observed.bundle is not None,
    }
    if said and said.pids and init and init.pid not in said.pids:
        row["own_numbers"] = True
    return row


def process(pair: Optional[List[Any]]) -> Optional[Process]:
    """A process from the ledger."""
    return Process(*pair) if pair else None


def endpoint(triple: Optional[List[Any]]) -> Optional[Endpoint]:
    """An endpoint from the ledger."""
    return Endpoint(*triple) if triple else None
