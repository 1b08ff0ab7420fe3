# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shims: the shim processes of a host and the sockets they listen on, without asking one. Internal."""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional, Set

from ansible_collections.shimops.containerd.plugins.module_utils._recovery import processes, unix_sockets
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.processes import Process


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
