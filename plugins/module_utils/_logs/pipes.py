# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Log pipes: which FIFOs the tasks' logs go through, and which of them containerd reads. Internal to the collection.

Seen through /proc/PID/fd alone: no FIFO is opened here. Sources: proc(5), and containerd's fifo library, which keeps a
handle (O_PATH) in addition to every end it opens.
"""

from __future__ import annotations

import os
import stat
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._logs import stall, status
from ansible_collections.shimops.containerd.plugins.module_utils._logs.status import Inode, Pipe
from ansible_collections.shimops.containerd.plugins.module_utils._restart.ledger import Ledger
from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict_rows import VerdictRow
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import Answers

_O_PATH = 0o10000000
_DELETED = " (deleted)"
#: Seconds beyond ``settle`` that containerd may take to open the logs again: CRI's own time for one container.
PATIENCE = 10.0
_TICK = 0.2

Key = Tuple[str, str]


class End(NamedTuple):
    """One open end of a FIFO in a process. ``path`` is where it was opened, ``access`` os.O_RDONLY or another mode."""

    descriptor: int
    path: str
    file: Inode
    access: int


def ends(pid: int) -> Optional[List[End]]:
    """Every end of a FIFO that has a path, of one process; None when its open files cannot be seen."""
    place = "/proc/{0}/fd".format(int(pid))
    try:
        names = os.listdir(place)
    except OSError:
        return None
    return [end for end in (_end(pid, place, name) for name in names) if end]


def _end(pid: int, place: str, name: str) -> Optional[End]:
    try:
        path = os.readlink(os.path.join(place, name))
        if not path.startswith("/"):
            return None
        status = os.stat(os.path.join(place, name))
        if not stat.S_ISFIFO(status.st_mode):
            return None
        flags = _flags(pid, name)
    except OSError:
        # Closed meanwhile.
        return None
    if flags is None or flags & _O_PATH:
        return None
    path = path[: -len(_DELETED)] if path.endswith(_DELETED) else path
    return End(int(name), path, (status.st_dev, status.st_ino), flags & os.O_ACCMODE)


def _flags(pid: int, name: str) -> Optional[int]:
    with open("/proc/{0}/fdinfo/{1}".format(int(pid), name)) as handle:
        for line in handle:
            if line.startswith("flags:"):
                return int(line.split()[1], 8)
    return None


def reading(daemon: Daemon) -> Optional[Set[Inode]]:
    """The FIFOs whose reading end containerd holds; None when that cannot be seen."""
    found = ends(daemon.process.pid) if daemon.process else None
    return None if found is None else {end.file for end in found if end.access in (os.O_RDONLY, os.O_RDWR)}


class Outlet(NamedTuple):
    """Where a task's log leaves its shim: the FIFO, and the shim's own writing end of it."""

    stream: str
    file: Inode
    shim_pid: int
    descriptor: Optional[int]


def outlets(observations: List[Observation]) -> Dict[Key, Optional[List[Outlet]]]:
    """The log FIFOs of every task; None for one whose shim did not report them. Each shim is read once."""
    shims: Dict[int, Optional[List[End]]] = {}
    found = {}
    for observed in observations:
        said = observed.best_answers
        if observed.bundle and observed.status:
            found[(observed.entry.namespace, observed.entry.id)] = _of_task(said, shims) if said else None
    return found


def _of_task(said: Answers, shims: Dict[int, Optional[List[End]]]) -> Optional[List[Outlet]]:
    if said.stdio is None or not said.shim_pid:
        return None
    if said.shim_pid not in shims:
        shims[said.shim_pid] = ends(said.shim_pid)
    held = shims[said.shim_pid]
    if held is None:
        return None
    return [
        outlet for outlet in (_outlet(said.shim_pid, stream, path, held) for stream, path in _paths(said)) if outlet
    ]


def _paths(said: Answers) -> Iterator[Tuple[str, str]]:
    """Stream and path; what is no path is a file or a logger's URI, or nothing."""
    for stream, path in zip(("stdout", "stderr"), said.stdio or ()):
        if path.startswith("/"):
            yield stream, path


def _outlet(shim_pid: int, stream: str, path: str, held: List[End]) -> Optional[Outlet]:
    """The FIFO the shim holds, not the one its path leads to: a file that was removed is held on and never read."""
    mine = [end for end in held if end.path == path or end.path == os.path.realpath(path)]
    if not mine:
        return None
    writing = [end.descriptor for end in mine if end.access == os.O_WRONLY]
    return Outlet(stream, mine[0].file, shim_pid, writing[0] if writing else None)


def record(book: Ledger, observations: List[Observation], daemon: Daemon) -> None:
    """Enter into the ledger where each task's log goes, and whether containerd reads it now."""
    held = reading(daemon)
    logs = book.setdefault("logs", {})
    for (namespace, identifier), found in outlets(observations).items():
        logs.setdefault(
            "/".join((namespace, identifier)),
            None
            if found is None
            else [[one.stream, one.file[0], one.file[1], None if held is None else one.file in held] for one in found],
        )


def pipes(book: Ledger, namespace: str, identifier: str) -> Optional[List[Pipe]]:
    """A task's FIFOs by the ledger; None when they are not known."""
    rows = (book.get("logs") or {}).get("/".join((namespace, identifier)))
    return None if rows is None else [Pipe(*row) for row in rows]


def with_log_status(
    found: List[VerdictRow],
    book: Ledger,
    daemon: Daemon,
    observations: List[Observation],
    patience: Deadline,
) -> List[VerdictRow]:
    """The verdicts, each with its word in ``log`` and the reason in ``log_reason``; waits for logs not read yet.

    A FIFO counts as not emptied when it was full each time it was checked.
    """
    gauge = stall.Gauge(outlets(observations))
    full = None
    while True:
        now = gauge.full()
        full = now if full is None else full & now
        held = reading(daemon)
        rows = [_with_word(one, book, held, full) for one in found]
        if not any(row["log"] == "not_read" and not row["log_before"] for row in rows) or not patience.sleep(_TICK):
            return rows


def _with_word(one: VerdictRow, book: Ledger, held: Optional[Set[Inode]], full: Set[Inode]) -> VerdictRow:
    row, said = one.copy(), status.Status("none")
    # A task that has ended by now, whatever its verdict, has no log to be read.
    if processes.look_up(one["after"].get("pid")):
        known = pipes(book, one["namespace"], one["id"])
        said = status.status_of(known, bool(one["pod"]), held, full)
    row["log"], row["log_reason"], row["log_before"] = said
    return row


def unread(found: List[VerdictRow]) -> List[Dict[str, Any]]:
    """The tasks that are well and whose log is not read; ``before`` says that it was not read before either."""
    return [
        {
            "namespace": one["namespace"],
            "id": one["id"],
            "pod": one["pod"],
            "reason": one["log_reason"],
            "before": one["log_before"],
        }
        for one in found
        if one.get("log") == "not_read" and one["verdict"] in ("reattached", "unproven", "new")
    ]
