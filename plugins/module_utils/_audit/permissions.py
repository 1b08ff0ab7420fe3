# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modes: sockets and state directories that are open to more than containerd opens them to. Internal.

Whoever may connect to one of the sockets, or write to one of the directories, is root on the host.
Sources: recovery-spec 2.1 and 3; seen with containerd 1.6.20, 1.7.24 and 2.1.9.
"""

from __future__ import annotations

import os
import stat
from shlex import quote
from typing import Iterable, List, NamedTuple, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._audit.inventory import Inventory
from ansible_collections.shimops.containerd.plugins.module_utils._audit.row_types import ModeRow
from ansible_collections.shimops.containerd.plugins.module_utils._host.layouts import TASK_DIRECTORY


class _Expectation(NamedTuple):
    """``refused`` are the mode bits that are too much; ``expected`` is what containerd sets."""

    refused: int
    expected: str
    reason: str


class _Place(NamedTuple):
    """A path whose mode is judged, and the task that it belongs to, as far as there is one."""

    kind: str
    path: str
    namespace: Optional[str] = None
    id: Optional[str] = None


# Group and mode of containerd's own socket are the operator's (grpc.gid); that everybody may connect is never meant.
_KINDS = {
    "daemon_socket": _Expectation(0o007, "0660", "every user can connect to containerd"),
    "shim_socket": _Expectation(0o077, "0600", "users other than root can connect to a shim"),
    # 0600 up to 2.2, 0700 from 2.3 on.
    "socket_directory": _Expectation(0o077, "0700", "users other than root can reach the shims' sockets"),
    "state_directory": _Expectation(0o022, "0711", "users other than root can write to containerd's state"),
    "namespace_directory": _Expectation(0o022, "0711", "users other than root can add and remove bundles"),
    # 0710 with a group where the container has a user namespace of its own.
    "bundle": _Expectation(0o067, "0700", "users other than root can read the bundle"),
}


def find(inventory: Inventory) -> List[ModeRow]:
    """Everything that is too open, in the words of the host document."""
    found = []
    for place in _places(inventory):
        try:
            status = os.lstat(place.path)
        except OSError:
            continue
        row = _judge(place, status)
        if row:
            found.append(row)
    return found


def _places(inventory: Inventory) -> Iterable[_Place]:
    daemon, tasks = inventory.daemon, os.path.join(inventory.daemon.state_dir, TASK_DIRECTORY)
    yield _Place("daemon_socket", daemon.address)
    yield _Place("state_directory", daemon.state_dir)
    yield _Place("state_directory", tasks)
    sockets = {path: shim for shim in inventory.shims for path in shim.sockets}
    for directory in sorted({os.path.dirname(path) for path in sockets}):
        yield _Place("socket_directory", directory)
    for path in sorted(sockets):
        yield _Place("shim_socket", path, sockets[path].namespace, sockets[path].id)
    for namespace in sorted({observed.entry.namespace for observed in inventory.observations}):
        yield _Place("namespace_directory", os.path.join(tasks, namespace), namespace)
    for observed in inventory.observations:
        if observed.bundle:
            yield _Place("bundle", observed.entry.path, observed.entry.namespace, observed.entry.id)


def _judge(place: _Place, status: os.stat_result) -> Optional[ModeRow]:
    if stat.S_ISLNK(status.st_mode):
        return None
    expectation, mode = _KINDS[place.kind], stat.S_IMODE(status.st_mode)
    reasons, commands = [], []
    if status.st_uid != 0:
        reasons.append("it belongs to uid {0}".format(status.st_uid))
        commands.append("chown root -- {0}".format(quote(place.path)))
    if mode & expectation.refused:
        reasons.append(expectation.reason)
        commands.append("chmod {0:04o} -- {1}".format(mode & ~expectation.refused, quote(place.path)))
    if not reasons:
        return None
    return {
        "kind": place.kind,
        "path": place.path,
        "namespace": place.namespace,
        "id": place.id,
        "mode": "{0:04o}".format(mode),
        "owner": "{0}:{1}".format(status.st_uid, status.st_gid),
        "expected": expectation.expected,
        "reason": " and ".join(reasons),
        "command": "; ".join(commands),
    }
