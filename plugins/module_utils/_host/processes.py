# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What /proc says of one process. Internal to the collection."""

from __future__ import annotations

import os
from typing import Container, Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import wall_clock_after_boot

_DELETED = " (deleted)"
_CHUNK = 1 << 16


class Process(NamedTuple):
    """One living process: a pid alone can be reused, a pid with its start time cannot.

    ``start_time`` is field 22 of /proc/PID/stat, in clock ticks since boot.
    """

    pid: int
    start_time: int

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return look_up(self.pid) == self


def look_up(pid: Optional[int]) -> Optional[Process]:
    """The living process of that number; None when there is none, or only its zombie."""
    fields = _fields(pid) if pid else []
    if not pid or not fields or fields[0] in (b"Z", b"X"):
        return None
    return Process(pid, int(fields[19]))


def parent(process: Process) -> Optional[Process]:
    """The living parent of a living process; that of a container's init process is its shim, the nearest subreaper."""
    fields = _fields(process.pid)
    if not fields or int(fields[19]) != process.start_time:
        return None
    return look_up(int(fields[1]))


def _fields(pid: int) -> List[bytes]:
    """The fields of /proc/PID/stat from the third on; none when there is no such process."""
    text = _read(pid, "stat")
    # The command in the second field can hold blanks and parentheses: count from the last one.
    return text[text.rindex(b")") + 2 :].split() if text else []


def started_at(process: Process) -> float:
    """When a process started, in seconds since the epoch, not later than it did and at most a clock tick earlier."""
    return wall_clock_after_boot(process.start_time / float(os.sysconf("SC_CLK_TCK")))


def executable(pid: int) -> Optional[str]:
    """The path a process was started from, without the kernel's mark for a removed file."""
    path = _link(pid, "exe")
    return path[: -len(_DELETED)] if path and path.endswith(_DELETED) else path


def executable_gone(pid: int) -> Optional[bool]:
    """Whether the file a process runs is no longer the one on disk; None when it cannot be determined."""
    path = _link(pid, "exe")
    return None if path is None else path.endswith(_DELETED)


def arguments(pid: int) -> List[str]:
    """The command line of a process."""
    return [part.decode("utf-8", "replace") for part in _read(pid, "cmdline").split(b"\0")[:-1]]


def command_name(pid: int) -> str:
    """The name of a process's command, as the kernel keeps it: at most 15 characters."""
    return _read(pid, "comm").decode("utf-8", "replace").strip()


def search_path(pid: int) -> Optional[str]:
    """PATH in the environment a process was started with; nothing else of it is read out."""
    for variable in _read(pid, "environ").split(b"\0"):
        if variable.startswith(b"PATH="):
            return variable[5:].decode("utf-8", "replace")
    return None


def working_directory(pid: int) -> Optional[str]:
    """The working directory of a process."""
    return _link(pid, "cwd")


def open_files(pid: int) -> List[str]:
    """What the descriptors of a process lead to, with the kernel's mark for removed files."""
    try:
        numbers = os.listdir("/proc/{0}/fd".format(pid))
    except OSError:
        return []
    return [path for path in (_link(pid, "fd/" + number) for number in numbers) if path]


def threads(pid: int) -> int:
    """How many threads a process has; 0 when it is gone."""
    try:
        return len(os.listdir("/proc/{0}/task".format(pid)))
    except OSError:
        return 0


def in_unit(pid: int, unit: str) -> bool:
    """Whether a process is in the cgroup of a systemd unit, in any hierarchy."""
    return any(("/" + unit) in line for line in _read(pid, "cgroup").decode("utf-8", "replace").splitlines())


def unit_of(pid: int) -> Optional[str]:
    """The service in whose cgroup a process is; None for none, or for one of a user's own systemd."""
    for line in _read(pid, "cgroup").decode("utf-8", "replace").splitlines():
        # The hierarchy of systemd: cgroup v2, or the one that v1 names after it.
        _number, kind, path = (line.split(":", 2) + ["", ""])[:3]
        services = [part for part in path.split("/") if part.endswith(".service")]
        if kind in ("", "name=systemd") and services:
            return None if services[0].startswith("user@") else services[0]
    return None


def another_path(pid: int, paths: Iterable[str]) -> Optional[str]:
    """The first of these paths that leads that process to another file than us, by device and inode; None for none."""
    return next((path for path in paths if _file(path) != _file("/proc/{0}/root{1}".format(pid, path))), None)


def _file(path: str) -> Optional[Tuple[int, int]]:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def namespaces(pid: object) -> Dict[str, Optional[str]]:
    """The pid, mount and network namespace of a process (a number, or ``self``)."""
    return {kind: _link(pid, "ns/" + kind) for kind in ("pid", "mnt", "net")}


def shares_namespaces(pid: int) -> bool:
    """Whether pids and sockets mean the same to that process as to this one; paths need not, see another_path()."""
    ours, theirs = namespaces("self"), namespaces(pid)
    return all(ours[kind] == theirs[kind] for kind in ("pid", "net"))


def named(name: str) -> List[int]:
    """The pids whose command name starts with that text (the kernel keeps 15 characters)."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and _read(entry, "comm").decode("utf-8", "replace").startswith(name[:15]):
            found.append(int(entry))
    return sorted(found)


def running(programs: Container[str]) -> List[int]:
    """The pids of the processes whose program has one of these names: one system call for each process."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and os.path.basename(executable(int(entry)) or "") in programs:
            found.append(int(entry))
    return sorted(found)


def children_of(parents: Set[int]) -> Dict[int, List[int]]:
    """The living children of these processes, from one listing of all processes of the host."""
    found: Dict[int, List[int]] = {parent: [] for parent in parents}
    for entry in os.listdir("/proc") if parents else ():
        text = _read(entry, "stat") if entry.isdigit() else b""
        fields = text[text.rindex(b")") + 2 :].split() if text else []
        if fields and fields[0] not in (b"Z", b"X") and int(fields[1]) in found:
            found[int(fields[1])].append(int(entry))
    return found


def boot_id() -> str:
    """The kernel's id of this boot: pids and start times mean nothing in another one."""
    with open("/proc/sys/kernel/random/boot_id") as handle:
        return handle.read().strip()


def _read(pid: object, name: str) -> bytes:
    # Without Python's own buffers: a host has thousands of processes.
    try:
        handle = os.open("/proc/{0}/{1}".format(pid, name), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        found = data = os.read(handle, _CHUNK)
        # The kernel gives less than was asked for only at the end of these files.
        while len(data) == _CHUNK:
            data = os.read(handle, _CHUNK)
            found += data
        return found
    except OSError:
        return b""
    finally:
        os.close(handle)


def _link(pid: object, name: str) -> Optional[str]:
    try:
        return os.readlink("/proc/{0}/{1}".format(pid, name))
    except OSError:
        return None
