# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Leftovers: what is no longer used on a host, and the command that would remove it. Internal to the collection.

They are reported, never removed. What is only on its way is gone in a second observation.
Sources: recovery-spec 1.5, 6.2 and 8.
"""

from __future__ import annotations

import os
import stat
from shlex import quote
from typing import Any, Dict, Iterable, List, Optional, Set, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._audit.inventory import Inventory, endpoint_of
from ansible_collections.shimops.containerd.plugins.module_utils._audit.row_types import LeftoverRow
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host.layouts import TASK_DIRECTORY
from ansible_collections.shimops.containerd.plugins.module_utils._host.shim_processes import ShimProcess

# The directory is compiled into containerd up to 2.2, whatever its state directory is.
SOCKET_DIRECTORY = "/run/containerd/s"
# What identifies one leftover in two observations.
_IDENTITY = ("kind", "namespace", "id", "pid", "path")


def find(inventory: Inventory) -> List[LeftoverRow]:
    """Every leftover of one moment, in the words of the host document."""
    served, stale = inventory.served(), _stale_sockets(inventory)
    found = list(_entries(inventory))
    found.extend(_bundles(inventory, stale))
    found.extend(_shims(inventory, served))
    found.extend(_connections(inventory, served))
    # Those of bundles go with them.
    found.extend(
        _row("stale_socket", "no process listens on it", _unless_bound(path, "rm -- " + quote(path)), path=path)
        for path in sorted(stale - set(map(endpoint_of, inventory.observations)))
    )
    return found


def in_both(first: List[LeftoverRow], second: List[LeftoverRow]) -> List[LeftoverRow]:
    """The leftovers of the first observation that are in the second as well."""
    there = {_identity(one) for one in second}
    return [one for one in first if _identity(one) in there]


def _identity(one: LeftoverRow) -> Tuple[Any, ...]:
    return tuple(one.get(name) for name in _IDENTITY)


def _entries(inventory: Inventory) -> Iterable[LeftoverRow]:
    """What stands among the bundles and is none (rows H1, H2, H3, H8)."""
    bundles = {(observed.entry.namespace, observed.entry.id) for observed in inventory.observations if observed.bundle}
    for observed in inventory.observations:
        entry = observed.entry
        if entry.kind == "hidden":
            # atomicDelete renames a bundle to .ID before it removes it; one that stays blocks the next of that name.
            blocks = (entry.namespace, entry.id[1:]) in bundles and _has_entries(entry.path)
            reason = "a removal of {0} was interrupted, and containerd never takes it up again".format(entry.id[1:])
            if blocks:
                reason += "; the bundle of that name cannot be removed while it is there"
            command = _remove([entry.path])
            yield _row("hidden_directory", reason, command, observed, path=entry.path)
        elif entry.kind in ("link", "other"):
            reason = "it is not a directory, so containerd skips it"
            yield _row("not_a_bundle", reason, "rm -- {0}".format(quote(entry.path)), observed, path=entry.path)
        elif entry.kind == "namespace_invalid":
            reason = "its namespace has no valid name, so containerd skips it"
            yield _row("not_a_bundle", reason, None, observed, path=entry.path)


def _bundles(inventory: Inventory, stale: Set[str]) -> Iterable[LeftoverRow]:
    mounted = _mount_points()
    for observed in inventory.observations:
        if observed.bundle is None or observed.bundle.problem:
            continue
        rootfs = os.path.join(observed.entry.path, "rootfs")
        if rootfs not in mounted and _has_entries(rootfs):
            reason = "containerd cannot remove it: files lie in its rootfs, where nothing is mounted (row G3)"
            if observed.live or inventory.shim_of(observed):
                command = "find {0} -xdev -mindepth 1 -delete".format(quote(rootfs))
            else:
                command = _remove_bundle(inventory, observed, mounted, stale)
            yield _row("undeletable_bundle", reason, command, observed, path=observed.entry.path)
        elif not observed.live and inventory.shim_of(observed) is None:
            reason = "it has neither a shim nor a living task"
            yield _row(
                "bundle_without_shim",
                reason,
                _remove_bundle(inventory, observed, mounted, stale),
                observed,
                path=observed.entry.path,
            )


def _shims(inventory: Inventory, served: Dict[int, List[Observation]]) -> Iterable[LeftoverRow]:
    for shim in inventory.shims:
        pid = shim.process.pid
        if served[pid]:
            continue
        if inventory.children.get(pid):
            kind = "shim_without_bundle"
            reason = "its task runs on, and containerd does not know it: its bundle is gone"
        else:
            kind = "shim_left_behind"
            reason = "it has neither a bundle nor a living task: a load that killed its container left it behind"
        command = _end_shim(inventory, shim, with_children=kind == "shim_without_bundle")
        yield _of_shim(_row(kind, reason, command), shim)


def _connections(inventory: Inventory, served: Dict[int, List[Observation]]) -> Iterable[LeftoverRow]:
    """A failed load leaves its connection open (recovery-spec 1.4); counted where every other one is accounted for."""
    for shim in inventory.shims:
        observations = served[shim.process.pid]
        if (
            not observations
            or inventory.held is None
            or not all(inventory.listed(observed) for observed in observations)
        ):
            continue
        surplus = sum(inventory.held.get(path, 0) for path in shim.sockets) - len(observations)
        if surplus > 0 and not _unplaced(inventory, shim.namespace):
            reason = "containerd holds {0} more connection{1} to this shim than it has tasks on it".format(
                surplus, "" if surplus == 1 else "s"
            )
            unit = "systemctl restart {0}".format(quote(inventory.daemon.unit_name))
            reason += "; only its restart closes them"
            row = _row("connection_without_task", reason, unit, observations[0], shim.sockets[0])
            yield _of_shim(row, shim)


def _unplaced(inventory: Inventory, namespace: Optional[str]) -> bool:
    """Whether containerd lists a task whose bundle is gone: its connection could be to any shim."""
    rows = inventory.tasks.get(namespace or "") or {}
    return bool(
        set(rows) - {observed.entry.id for observed in inventory.observations if observed.entry.namespace == namespace}
    )


def _stale_sockets(inventory: Inventory) -> Set[str]:
    """The socket files of shims that no socket is bound to; none where the kernel does not list sockets."""
    if inventory.sockets is None:
        return set()
    bound: Dict[str, Set[Optional[int]]] = {}
    for row in inventory.sockets.rows.values():
        if row.name:
            bound.setdefault(row.name, set()).add(row.file_inode)
    # A bundle may name any path of the host; where living shims have theirs is no word of a bundle's.
    found, living = set(), {os.path.dirname(path) for shim in inventory.shims for path in shim.sockets}
    for directory in {SOCKET_DIRECTORY} | living:
        for path in (os.path.join(directory, name) for name in _names(directory)):
            status = _status(path)
            # The kernel reports 32 bits of a file's inode.
            if status and stat.S_ISSOCK(status.st_mode) and status.st_ino & 0xFFFFFFFF not in bound.get(path, ()):
                found.add(path)
    return found


def _remove_bundle(inventory: Inventory, observed: Observation, mounted: Set[str], stale: Set[str]) -> str:
    """What removes a bundle that is no longer used, with what is its own; nothing that is mounted is emptied."""
    namespace, identifier = observed.entry.namespace, observed.entry.id
    work = os.path.join(inventory.daemon.root_dir, TASK_DIRECTORY, namespace, identifier)
    paths, socket = [observed.entry.path] + ([work] if _status(work) else []), endpoint_of(observed)
    paths += [socket] if socket in stale else []
    command = _remove(paths)
    rootfs = os.path.join(observed.entry.path, "rootfs")
    if rootfs in mounted:
        command = "umount -- {0} && {1}".format(quote(rootfs), command)
    return _unless_bound(socket, command) if socket else command


def _end_shim(inventory: Inventory, shim: ShimProcess, with_children: bool) -> str:
    """What ends a shim and removes what it leaves, as long as its pid has not gone to another process."""
    pid = shim.process.pid
    mine = "grep -qzxF -e {0} /proc/{1}/cmdline".format(quote(shim.id or inventory.daemon.address), pid)
    end = "kill -KILL {0}".format(pid)
    if with_children:
        end = "pkill -KILL -P {0}; {1}".format(pid, end)
    paths = list(shim.sockets) + _runc_state(shim)
    return (
        "{0} && {{ {1}; {2}; }}".format(mine, end, _remove(paths)) if paths else "{0} && {{ {1}; }}".format(mine, end)
    )


def _unless_bound(socket: str, command: str) -> str:
    """The command, unless by then a new shim has the socket: a container of the same name has the same."""
    return "grep -qF -e {0} /proc/net/unix || {{ {1}; }}".format(quote(socket), command)


def _remove(paths: List[str]) -> str:
    return "rm -rf --one-file-system -- {0}".format(" ".join(quote(path) for path in paths))


def _runc_state(shim: ShimProcess) -> List[str]:
    """runc's own record of a container, which blocks the next one of that name."""
    if not shim.namespace or not shim.id or "/" in shim.namespace + shim.id:
        return []
    path = os.path.join("/run/containerd/runc", shim.namespace, shim.id)
    return [path] if _status(path) else []


def _row(
    kind: str, reason: str, command: Optional[str], observed: Optional[Observation] = None, path: Optional[str] = None
) -> LeftoverRow:
    return {
        "kind": kind,
        "namespace": observed.entry.namespace if observed else None,
        "id": observed.entry.id if observed else None,
        "pod": observed.pod_names if observed else None,
        "pid": None,
        "path": path,
        "reason": reason,
        "command": command,
    }


def _of_shim(row: LeftoverRow, shim: ShimProcess) -> LeftoverRow:
    row["namespace"], row["id"], row["pid"] = shim.namespace, shim.id, shim.process.pid
    return row


def _mount_points() -> Set[str]:
    """Where something is mounted in our mount namespace."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as handle:
        # A blank in a path is written as \040 and the like.
        return {_unescaped(line.split()[4]) for line in handle}


def _unescaped(text: str) -> str:
    for code, mark in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, mark)
    return text


def _names(directory: str) -> List[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _has_entries(directory: str) -> bool:
    return not os.path.islink(directory) and bool(_names(directory))


def _status(path: str) -> Optional[os.stat_result]:
    try:
        return os.lstat(path)
    except OSError:
        return None
