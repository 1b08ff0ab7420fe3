# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stall: which log pipes are full while they are not read, and how fast they fill. Internal to the collection.

A pipe is looked at through the writing end that its shim has open already, opened once more without waiting: a writer
that writes nothing takes nothing out, and its coming and going wakes nobody, since the shim's own end stays open. The
reading end is never opened. Sources: pipe(7), fifo(7), poll(2).
"""

from __future__ import annotations

import os
import re
import select
import stat
from collections import Counter
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Set, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._logs import status
from ansible_collections.shimops.containerd.plugins.module_utils._logs.status import Inode

#: Seconds over which writing is measured for a forecast.
WINDOW = 0.5

Key = Tuple[str, str]


class _Tap(NamedTuple):
    """One FIFO of one task, with what is needed to look at it and at the pipe its container writes to."""

    key: Key
    stream: str
    file: Inode
    shim: int
    descriptor: int
    init: Optional[int]


class Gauge:
    """The log pipes of a host, looked at again and again.

    :param outlets: by (namespace, id), as log_pipes.outlets() gives them.
    :param inits: the init pid of each task, to find out whether the container itself waits.
    """

    def __init__(self, outlets: Mapping[Key, Optional[List[Any]]], inits: Optional[Dict[Key, int]] = None):
        self._taps = [
            _Tap(key, one.stream, one.file, one.shim_pid, one.descriptor, (inits or {}).get(key))
            for key, found in outlets.items()
            for one in found or ()
            if one.descriptor is not None
        ]
        self._stalled: Dict[Tuple[Key, str], bool] = {}

    def only(self, read: Set[Inode]) -> Gauge:
        """Leave out the FIFOs that containerd did not read: their filling has nothing to do with it."""
        self._taps = [tap for tap in self._taps if tap.file in read]
        return self

    def full(self) -> Set[Inode]:
        """The FIFOs that are full now."""
        return {tap.file for tap in self._taps if _is_full(tap.shim, tap.descriptor, tap.file[1])}

    def sample(self) -> None:
        """Note the FIFOs that are full now, and whether the containers behind them wait too."""
        for tap in self._taps:
            if _is_full(tap.shim, tap.descriptor, tap.file[1]):
                known = self._stalled.get((tap.key, tap.stream), False)
                self._stalled[(tap.key, tap.stream)] = known or _container_waits(tap)

    def stalled(self) -> List[Dict[str, Any]]:
        """The tasks whose log pipe was full at some time: which stream, and whether the container itself waited."""
        return [
            {"namespace": key[0], "id": key[1], "stream": stream, "waited": waited}
            for (key, stream), waited in sorted(self._stalled.items())
        ]


def _is_full(pid: int, descriptor: int, inode: int) -> bool:
    """Whether nothing more can be written into the pipe of that inode, at that descriptor of a process."""
    try:
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC
        handle = os.open("/proc/{0}/fd/{1}".format(int(pid), int(descriptor)), flags)
    except OSError:
        return False
    try:
        status = os.fstat(handle)
        if not stat.S_ISFIFO(status.st_mode) or status.st_ino != inode:
            # The number belongs to another process or file by now.
            return False
        poll = select.poll()
        poll.register(handle, select.POLLOUT)
        return not any(event & select.POLLOUT for _handle, event in poll.poll(0))
    finally:
        os.close(handle)


def _container_waits(tap: _Tap) -> bool:
    """Whether the pipe from the container to its shim is full as well."""
    number = {"stdout": 1, "stderr": 2}[tap.stream]
    try:
        own = os.readlink("/proc/{0}/fd/{1}".format(tap.init, number))
    except OSError:
        return False
    # A container may have put anything in place of its stdout; only the pipe its shim reads counts.
    pipe = re.fullmatch(r"pipe:\[(\d+)\]", own)
    if not pipe or tap.init is None:
        return False
    return own in _links(tap.shim) and _is_full(tap.init, number, int(pipe.group(1)))


def _links(pid: int) -> Set[str]:
    place, found = "/proc/{0}/fd".format(pid), set()
    try:
        for name in os.listdir(place):
            found.add(os.readlink(os.path.join(place, name)))
    except OSError:
        pass
    return found


def written(pid: int) -> Optional[int]:
    """Bytes a process has written so far, to files, pipes and sockets; None when the kernel does not count."""
    try:
        with open("/proc/{0}/io".format(int(pid))) as handle:
            return int(dict(line.split(": ") for line in handle.read().splitlines())["wchar"])
    except (OSError, KeyError, ValueError):
        return None


class Rates:
    """How much each task writes to its log, measured from now on.

    A shim writes little else than logs. Where several tasks share one, a task counts with what its own init process
    writes, and never with more than the shim does.
    """

    def __init__(self, outlets: Mapping[Key, Optional[List[Any]]], inits: Dict[Key, int]):
        self._shims = {key: found[0].shim_pid for key, found in outlets.items() if found}
        self._inits = inits
        watched = set(self._shims.values()) | {inits[key] for key in self._shims if inits.get(key)}
        self._before = {pid: written(pid) for pid in watched}
        self._window = Deadline(WINDOW if watched else 0)

    def measured(self, clock: Deadline) -> Dict[Key, float]:
        """Bytes per second of each task, over the window, or over what the deadline leaves of it."""
        clock.sleep(self._window.remaining())
        seconds = max(self._window.elapsed(), 0.001)
        grown = {pid: _grown(before, written(pid), seconds) for pid, before in self._before.items()}
        found, tasks = {}, Counter(self._shims.values())
        for key, shim in self._shims.items():
            own = grown.get(self._inits.get(key, 0), 0.0)
            found[key] = grown[shim] if tasks[shim] == 1 else min(grown[shim], own)
        return found


def _grown(before: Optional[int], after: Optional[int], seconds: float) -> float:
    return (after - before) / seconds if before is not None and after is not None and after > before else 0.0


def forecast(measured: Mapping[Key, float], start_estimate: float) -> List[Dict[str, Any]]:
    """The tasks whose log is likely to stall in a restart: bytes per second, and seconds until their pipe is full.

    :param measured: bytes per second.
    :param start_estimate: seconds that containerd will need to load its shims, by the forecast.
    """
    gap = status.expected_gap(start_estimate)
    return [
        {"namespace": key[0], "id": key[1], "rate": int(measured[key]), "full_after": round(seconds, 1)}
        for key, seconds in status.likely(dict(measured), gap)
    ]
