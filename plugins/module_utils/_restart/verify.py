# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verify: the same route again, compared with the ledger. Internal to the collection."""

from __future__ import annotations

from typing import Any, Callable, Container, Dict, List, Mapping, NamedTuple, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import (
    HostObservations,
    Observation,
)
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes, unix_sockets
from ansible_collections.shimops.containerd.plugins.module_utils._host.ctr import Task
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._restart import ledger
from ansible_collections.shimops.containerd.plugins.module_utils._restart.events import Ended
from ansible_collections.shimops.containerd.plugins.module_utils._restart.ledger import (
    Incarnation,
    Key,
    Ledger,
    TaskRow,
    incarnation,
)
from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict import Evidence, Exit, judge
from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict_rows import ProcessRow, VerdictRow
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import (
    BROKEN,
    CLOSED,
    TOO_LITTLE_TIME,
    Answers,
    Question,
)
from ansible_collections.shimops.containerd.plugins.module_utils._shim.ask import ask
from ansible_collections.shimops.containerd.plugins.module_utils._shim.status import NOT_FOUND

# The witness that speaks for a task without a bundle, too.
_LIST = "containerd"


class Ends(NamedTuple):
    """How tasks ended since the ledger was written, by the Waits on their shims and by containerd's events.

    ``alive_at`` is when their processes were last seen, ``dead_by`` when they were first seen to be gone, in seconds
    since the epoch.
    """

    waits: Dict[Incarnation, Exit] = {}
    events: Dict[Incarnation, Ended] = {}
    alive_at: Dict[Incarnation, float] = {}
    dead_by: Dict[Incarnation, float] = {}


class After(NamedTuple):
    """What a host says after a restart: containerd's lists, the shims' answers, the kernel's connections.

    ``containers`` are the ids of containerd's container records, by namespace, where tasks have ended.
    """

    daemon: Daemon
    observations: List[Observation]
    tasks: Dict[str, Optional[Dict[str, Task]]]
    answers: Dict[Key, Answers]
    connections: Optional[Dict[str, int]]
    containers: Mapping[str, Container[str]]


def collect(book: Ledger, daemon: Daemon, seen: HostObservations, shim_timeout: float, deadline: Deadline) -> After:
    """Hear every witness once. Shims are heard where the ledger found them, whatever the bundle says now."""
    observations = seen.all
    names = {task["namespace"] for task in book["tasks"]} | {observed.entry.namespace for observed in observations}
    # A namespace that containerd does not list has no task.
    tasks = {name: None if seen.tasks is None else seen.tasks.get(name, {}) for name in names}
    heard = {(observed.entry.namespace, observed.entry.id): observed.answers for observed in observations}
    answers, questions = {}, {}
    for task in book["tasks"]:
        key, place = (task["namespace"], task["id"]), ledger.endpoint(task["endpoint"])
        if place in heard.get(key, {}):
            answers[key] = heard[key][place]
        elif place:
            questions[key] = Question(task["namespace"], task["id"], place)
    answers.update(ask(questions.items(), deadline, shim_timeout))
    gone = {task["namespace"] for task in book["tasks"] if not alive(task)} if daemon.process else set()
    records = {name: daemon.ctr().containers(name, deadline.within(15)) for name in sorted(gone)}
    containers = {name: found for name, found in records.items() if found is not None}
    return After(daemon, observations, tasks, answers, connections(daemon), containers)


def alive(task: TaskRow) -> bool:
    """Whether the init process of a task of the ledger runs."""
    init = ledger.process(task["init"])
    return init is not None and init.alive()


def connections(daemon: Daemon) -> Optional[Dict[str, int]]:
    """How many connections containerd holds to each socket path; None when the kernel does not say.

    The kernel's list is no atomic picture and can miss a connection, so the better of two counts.
    """
    held: Dict[str, int] = {}
    try:
        for process in [daemon.process, daemon.process] if daemon.process else []:
            found = unix_sockets.snapshot().connections_of(unix_sockets.sockets_of(process.pid))
            held.update({path: max(count, held.get(path, 0)) for path, count in found.items()})
    except ShimError:
        return None
    return held


def verdicts(book: Ledger, after: After, ends: Callable[[], Ends], required: List[str]) -> List[VerdictRow]:
    """One verdict per task of the ledger, then one per task that is new.

    :param ends: asked for how tasks ended once it is known which have.
    """
    inits = [processes.look_up(task["init"][0]) if task["init"] else None for task in book["tasks"]]
    known = ends()
    same_boot = book["daemon"]["boot_id"] == processes.boot_id()
    moments = ledger.moments(book)
    shared = _tasks_by_endpoint(book, after)
    twins = _twins(book, after)
    found: List[VerdictRow] = []
    for task, now in zip(book["tasks"], inits):
        key = (task["namespace"], task["id"])
        before = ledger.process(task["init"])
        events = known.events.get(incarnation(task), Ended(None, False))
        rows = after.tasks.get(task["namespace"])
        evidence = Evidence(
            before=before,
            status=task["status"],
            alive=bool(before and same_boot and now == before),
            answered=rows is not None,
            listed=rows.get(task["id"]) if rows else None,
            shim=_shim(task, after.answers.get(key)),
            kernel=_kernel(task, after.connections, shared),
            exit=known.waits.get(incarnation(task), events.exit),
            moments=moments,
            same_boot=same_boot,
            twin=twins.get(key),
            pid_taken=now is not None and now != before,
            alive_at=known.alive_at.get(incarnation(task)),
            dead_by=known.dead_by.get(incarnation(task)),
            removed=task["id"] not in after.containers.get(task["namespace"], (task["id"],)),
            shim_deleted=_deleted_by_shim(task, after.answers.get(key)),
            ended_before=task.get("ended_before", False),
            deleted=events.deleted,
            kept=task.get("kept", True),
        )
        # Without a bundle nobody knows where its shim listens: the process and containerd's list remain.
        one = judge(evidence, required if task.get("bundle", True) else [name for name in required if name == _LIST])
        found.append(
            {
                "namespace": task["namespace"],
                "id": task["id"],
                "pod": task["pod"],
                "verdict": one.verdict,
                "witnesses": one.witnesses,
                "reason": one.reason,
                "before": _brief(task["init"], task["shim"]),
                "after": _after(evidence, after.answers.get(key)),
            }
        )
    return found + [_new(observed) for observed in _fresh(book, after)]


def _shim(task: TaskRow, said: Optional[Answers]) -> Optional[bool]:
    """The shim's word: same shim pid and start, same task pid, and it lists that pid. None when it was not asked."""
    if said is None or not said.asked:
        return None
    init, shim = ledger.process(task["init"]), ledger.process(task["shim"])
    if not said.service or init is None or shim is None:
        return False
    return said.shim_pid == shim.pid and shim.alive() and said.task_pid == init.pid and _lists(task, said)


def _deleted_by_shim(task: TaskRow, said: Optional[Answers]) -> bool:
    """Whether the shim has no such task any more, or has ended as it does after its last one."""
    shim = ledger.process(task["shim"])
    return bool(shim and not shim.alive()) or bool(said and said.state_code == NOT_FOUND)


def _lists(task: TaskRow, said: Answers) -> bool:
    """Whether the shim lists the init process of a task.

    One that cannot run ``runc ps`` lists nothing of any task (recovery-spec E4), and one whose runtime has numbers of
    its own lists others; then its State has to do.
    """
    failed = said.pids_failure and said.pids_failure[0] not in (None, NOT_FOUND, TOO_LITTLE_TIME, BROKEN, CLOSED)
    if failed or (task.get("own_numbers") and said.pids):
        return said.status in ("created", "running", "paused", "pausing")
    return said.task_pid in (said.pids or [])


def _kernel(task: TaskRow, held: Optional[Dict[str, int]], shared: Dict[Endpoint, int]) -> Optional[bool]:
    """The kernel's word: containerd holds at least one connection per task of its on that socket."""
    place = ledger.endpoint(task["endpoint"])
    if held is None or place is None or place.kind != "unix":
        return None
    return held.get(place.name, 0) >= max(1, shared.get(place, 0))


def _tasks_by_endpoint(book: Ledger, after: After) -> Dict[Endpoint, int]:
    """How many of containerd's tasks share each endpoint: a pod's workloads and its sandbox have one shim."""
    places = {(task["namespace"], task["id"]): ledger.endpoint(task["endpoint"]) for task in book["tasks"]}
    for observed in after.observations:
        for place, said in observed.answers.items():
            if said.service:
                places.setdefault((observed.entry.namespace, observed.entry.id), place)
    count: Dict[Endpoint, int] = {}
    for (namespace, identifier), where in places.items():
        if where and identifier in (after.tasks.get(namespace) or {}):
            count[where] = count.get(where, 0) + 1
    return count


def _fresh(book: Ledger, after: After) -> List[Observation]:
    known = ledger.keys(book)
    return [
        observed
        for observed in after.observations
        if observed.live and (observed.entry.namespace, observed.entry.id) not in known
    ]


def _twins(book: Ledger, after: After) -> Dict[Key, str]:
    """New live tasks with the pod and container name of one in the ledger, which CRI names with a new id."""
    fresh = {}
    for observed in _fresh(book, after):
        names = observed.pod_names
        if names and names.get("uid"):
            fresh[(names["uid"], names.get("container"))] = observed.entry.id
    found = {}
    for task in book["tasks"]:
        pod = task["pod"] or {}
        if pod.get("uid") and (pod["uid"], pod.get("container")) in fresh:
            found[(task["namespace"], task["id"])] = fresh[(pod["uid"], pod.get("container"))]
    return found


def _new(observed: Observation) -> VerdictRow:
    said = observed.best_answers
    return {
        "namespace": observed.entry.namespace,
        "id": observed.entry.id,
        "pod": observed.pod_names,
        "verdict": "new",
        "witnesses": {"shim": "absent", "containerd": "absent", "kernel": "absent"},
        "reason": "it was not there before",
        "before": None,
        "after": {"pid": said.task_pid if said else None, "shim_pid": said.shim_pid if said else None},
    }


def _brief(init: Optional[List[Any]], shim: Optional[List[Any]]) -> ProcessRow:
    return {
        "pid": init[0] if init else None,
        "start_time": init[1] if init else None,
        "shim_pid": shim[0] if shim else None,
    }


def _after(evidence: Evidence, said: Optional[Answers]) -> ProcessRow:
    """The same three after the restart; the pid by containerd's own list, its start time by the kernel."""
    pid = (
        evidence.listed.pid
        if evidence.listed
        else (evidence.before.pid if evidence.before and evidence.alive else None)
    )
    process = processes.look_up(pid)
    return {
        "pid": pid,
        "start_time": process.start_time if process else None,
        "shim_pid": said.shim_pid if said and said.service else None,
    }
