# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a running containerd keeps its things, by the kernel's word and its start-up flags. Internal to the collection.

The configuration may have changed since the start, so it is asked last, and only for what these two leave open.
"""

from __future__ import annotations

import os
from typing import Callable, Collection, Iterable, List, NamedTuple, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes, unix_sockets
from ansible_collections.shimops.containerd.plugins.module_utils._host.configuration import Configuration, flag
from ansible_collections.shimops.containerd.plugins.module_utils._host.layouts import LAYOUTS, TASK_DIRECTORY

# What follows the state directory, then the root directory, in the names of files a containerd holds open:
# the log of each of its tasks and, from 2.2 on, the database of its mounts; its metadata.
_BELOW_STATE = ("/" + TASK_DIRECTORY + "/", "/io.containerd.mount-manager.v1.bolt/")
_BELOW_ROOT = ("/io.containerd.metadata.v1.bolt/",)
# containerd adds it to its gRPC address unless the configuration names another (cmd/containerd/command/main.go).
_TTRPC = ".ttrpc"


class Places(NamedTuple):
    """The directories and the gRPC socket of one containerd; None where they are not known."""

    state_dir: Optional[str]
    root_dir: Optional[str]
    address: Optional[str]


def places(pid: int, configuration: Callable[[], Configuration]) -> Places:
    """Where the containerd of that pid keeps its things.

    :param configuration: asked at most once, and only when the kernel and the flags leave something open.
    """
    arguments = processes.arguments(pid)[1:]
    files = processes.open_files(pid)
    sockets = listening(unix_sockets.inodes(files))
    found = Places(
        _above(files, _BELOW_STATE) or real_path(flag(arguments, "--state")),
        _above(files, _BELOW_ROOT) or real_path(flag(arguments, "--root")),
        grpc_socket(sockets, flag(arguments, "--address", "-a")),
    )
    if None not in found:
        return found
    settings = configuration()
    address = found.address or grpc_socket(sockets, settings.address) or settings.address
    by_layout = [one for one in LAYOUTS.values() if found.root_dir == one.root_dir or address == one.address]
    # containerd makes this directory when it starts, so it shows whether the guess is right.
    guesses = [one.state_dir for one in by_layout] + ([os.path.dirname(address)] if address else [])
    made = [one for one in guesses if os.path.isdir(os.path.join(one, TASK_DIRECTORY))]
    state_dir = found.state_dir or real_path(settings.state_dir) or next(iter(made), None)
    by_state = [one.root_dir for one in by_layout if one.state_dir == state_dir]
    return Places(state_dir, found.root_dir or real_path(settings.root_dir) or next(iter(by_state), None), address)


def grpc_socket(paths: Iterable[str], named: Optional[str]) -> Optional[str]:
    """The gRPC socket among the paths a containerd listens on; None when it is not known which one it is.

    Others are those of ttrpc, of debugging and of its plugins.

    :param named: the address that its flags or its configuration name.
    """
    known = set(paths)
    with_ttrpc = [path for path in known if path + _TTRPC in known]
    usual = [path for path in known if os.path.basename(path) == "containerd.sock"]
    if len(with_ttrpc) == 1:
        return with_ttrpc[0]
    if named in known:
        return named
    return usual[0] if len(usual) == 1 else None


def listens_on(pid: int) -> List[str]:
    """The paths of the unix sockets a process listens on; none when the kernel does not list them."""
    try:
        return listening(unix_sockets.sockets_of(pid))
    except ShimError:
        return []


def listening(inodes: Collection[int]) -> List[str]:
    """The paths that these sockets listen on; none when the kernel does not list them."""
    try:
        listeners = unix_sockets.snapshot(listening=True).listeners()
    except ShimError:
        return []
    return [name for name, inode in listeners.items() if inode in inodes and name.startswith("/")]


def _above(files: List[str], markers: Iterable[str]) -> Optional[str]:
    for path in files:
        for marker in markers:
            above, found, _below = path.partition(marker)
            if found and above.startswith("/"):
                return above
    return None


def real_path(path: Optional[str]) -> Optional[str]:
    """The kernel's name of a path: the configuration may name it through a link, such as /var/run."""
    return os.path.realpath(path) if path else None
