# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Daemon's shims: the shim processes of one containerd, with and without bundles. Internal to the collection."""

from __future__ import annotations

import os
import re
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._host import command, processes, releases, unix_sockets
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process

# Programs that are known to answer -v and do nothing else then.
_TELL_THEIR_VERSION = ("containerd-shim-runc-v1", "containerd-shim-runc-v2")
_VERSION = re.compile(r"^\s*Version:\s+(\S+)", re.MULTILINE)
# Commands of a shim binary that do not make it a shim.
_ERRANDS = ("start", "delete")


class ShimProcess(NamedTuple):
    """One shim. ``namespace`` and ``id`` are those of its command line; ``code`` as code_of() has it.

    ``sockets`` are the paths it listens on.
    """

    process: Process
    namespace: Optional[str]
    id: Optional[str]
    executable: Optional[str]
    code: Optional[str]
    sockets: Tuple[str, ...]


def find(daemon: Daemon, known: Optional[unix_sockets.UnixSockets], endpoints: Set[str]) -> List[ShimProcess]:
    """The shims of this containerd in the order of their pids: by the address in their command line, or by a bundle.

    :param known: the host's sockets; None leaves ``sockets`` empty.
    :param endpoints: the socket paths that the bundles name.
    """
    by_inode = {inode: path for path, inode in known.listeners().items()} if known else {}
    found = []
    for pid in processes.named("containerd-shim"):
        words = processes.arguments(pid)
        if not words or words[-1] in _ERRANDS or not processes.shares_namespaces(pid):
            continue
        listening = {by_inode[inode] for inode in unix_sockets.sockets_of(pid) & set(by_inode)} if known else set()
        if _option(words, "address") != daemon.address and not listening & endpoints:
            continue
        process = processes.look_up(pid)
        if process:
            found.append(
                ShimProcess(
                    process=process,
                    namespace=_option(words, "namespace"),
                    id=_option(words, "id"),
                    executable=processes.executable(pid),
                    code=code_of(pid),
                    sockets=tuple(sorted(listening)),
                )
            )
    return found


class Shim(NamedTuple):
    """A shim process; ``executable_gone`` says that the code it runs is no longer on disk."""

    process: Process
    executable: Optional[str]
    executable_gone: Optional[bool]


def describe(pid: Optional[int]) -> Optional[Shim]:
    """The shim of that pid; None when there is no such process."""
    process = processes.look_up(pid)
    if process is None:
        return None
    return Shim(process, processes.executable(process.pid), processes.executable_gone(process.pid))


def by_socket(paths: Set[str], known: unix_sockets.UnixSockets) -> Dict[str, Shim]:
    """The shim that listens on each of these paths, found from the processes' own descriptors."""
    inodes = {inode: path for path, inode in known.listeners().items() if path in paths}
    found = {}
    for pid in processes.named("containerd-shim"):
        for inode in unix_sockets.sockets_of(pid) & set(inodes):
            shim = describe(pid)
            if shim:
                found[inodes[inode]] = shim
    return found


def code_of(pid: int) -> Optional[str]:
    """Whether the program in memory is the one on disk.

    ``current``; ``replaced``: another file is at its path now; ``deleted``: none is; None when it cannot be determined.
    """
    gone = processes.executable_gone(pid)
    if gone is None:
        return None
    if not gone:
        return "current"
    return "replaced" if os.path.exists(processes.executable(pid) or "") else "deleted"


def versions(found: List[ShimProcess], deadline: Deadline) -> Dict[int, Optional[str]]:
    """What the program in memory says of itself, by pid; None where it does not report one.

    Each program runs once with -v, from the process itself, so that a replaced one speaks too.
    """
    by_file: Dict[Tuple[int, int], Optional[str]] = {}
    sentence: Dict[int, Optional[str]] = {}
    for shim in found:
        pid = shim.process.pid
        path = "/proc/{0}/exe".format(pid)
        sentence[pid] = None
        if os.path.basename(shim.executable or "") not in _TELL_THEIR_VERSION:
            continue
        try:
            status = os.stat(path)
        except OSError:
            continue
        key = (status.st_dev, status.st_ino)
        if key not in by_file:
            match = _VERSION.search(command.run([path, "-v"], deadline.within(3)).stdout)
            by_file[key] = releases.upstream(match.group(1)) if match else None
        sentence[pid] = by_file[key]
    return sentence


def _option(words: List[str], name: str) -> Optional[str]:
    """The value of a flag as Go writes them: -name VALUE or --name VALUE."""
    for flag in ("-" + name, "--" + name):
        if flag in words[:-1]:
            return words[words.index(flag) + 1]
    return None
