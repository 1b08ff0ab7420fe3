# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scan: what stands in containerd's state directory. Reads directories only. Internal to the collection.

Source: loadExistingTasks@v1.7.34, LoadExistingShims@v2.1 and recovery-spec 1.2 and 1.3.
"""

from __future__ import annotations

import os
import re
import stat
from typing import List, NamedTuple, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host.layouts import TASK_DIRECTORY

_NAMESPACE = re.compile(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*")


class Entry(NamedTuple):
    """One entry of a namespace directory.

    ``kind`` is ``bundle``, or why containerd passes it over: ``hidden``, ``link``, ``other``,
    ``namespace_invalid``; ``listed`` is a task of containerd's list that has no entry there. ``changed`` is the
    directory's change time in seconds since the epoch.
    """

    namespace: str
    id: str
    path: str
    kind: str
    changed: float


def scan(state_dir: str, namespaces: Optional[List[str]] = None, ids: Optional[List[str]] = None) -> List[Entry]:
    """Every entry below ``state_dir`` in containerd's own order, or only those of the namespaces and ids named.

    Raises ShimError when the state directory cannot be read, or a namespace that was named is not there.
    """
    root = os.path.join(state_dir, TASK_DIRECTORY)
    try:
        present = sorted(entry.name for entry in os.scandir(root) if entry.is_dir(follow_symlinks=False))
    except OSError as error:
        raise ShimError(
            "scan",
            root,
            "cannot be read ({0})".format(error.strerror),
            "name containerd's state directory with state_dir, or its layout",
        ) from error
    for name in namespaces or ():
        if name not in present:
            raise ShimError(
                "scan",
                "namespace " + name,
                "has no bundles in " + root,
                "there are: {0}".format(", ".join(present) or "none"),
            )
    entries = []
    for name in namespaces or present:
        entries.extend(_namespace(root, name))
    return [entry for entry in entries if not ids or entry.id in ids]


def namespaces(state_dir: str) -> List[str]:
    """The valid names of namespaces that have a directory below ``state_dir``; none when it cannot be read."""
    try:
        names = os.listdir(os.path.join(state_dir, TASK_DIRECTORY))
    except OSError:
        return []
    return sorted(name for name in names if _is_valid(name))


def _is_valid(namespace: str) -> bool:
    return len(namespace) <= 76 and _NAMESPACE.fullmatch(namespace) is not None


def _namespace(root: str, name: str) -> List[Entry]:
    valid = _is_valid(name)
    found = []
    try:
        names = sorted(os.listdir(os.path.join(root, name)))
    except OSError:
        # The namespace went away while we looked: so did its bundles.
        return []
    for identifier in names:
        path = os.path.join(root, name, identifier)
        try:
            status = os.lstat(path)
        except OSError:
            continue
        kind = _kind(identifier, status) if valid else "namespace_invalid"
        found.append(Entry(name, identifier, path, kind, status.st_ctime))
    return found


def _kind(name: str, status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return "link"
    if not stat.S_ISDIR(status.st_mode):
        return "other"
    return "hidden" if name.startswith(".") else "bundle"
