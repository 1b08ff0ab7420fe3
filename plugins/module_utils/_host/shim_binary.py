# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runtime: which shim binary containerd would use for a bundle, and whether it exists. Internal to the collection.

Source: LoadBundle, resolveRuntimePath and BinaryName, recovery-spec 1.3 steps 5 and 6.
"""

from __future__ import annotations

import os
from typing import Any, Dict, NamedTuple, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._host import processes, releases
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon


class Binary(NamedTuple):
    """Where a runtime leads: ``path`` is None when there is no file, ``known`` False when that cannot be determined."""

    known: bool
    path: Optional[str] = None


def find(runtime: bytes, daemon: Daemon, by_1_6: bool = False) -> Binary:
    """The shim binary of a runtime: a path, or a name such as ``io.containerd.runc.v2``.

    A name cannot be determined when the daemon does not run, so that its PATH is not known.

    :param by_1_6: as 1.6 resolves it, which takes a name with a directory before it, or with nothing before the dot.
    """
    name = os.fsdecode(runtime)
    if name.startswith("/"):
        return Binary(True, name if _exists(name) else None)
    binary = binary_name(name, by_1_6)
    return find_named(binary, daemon, os.path.dirname(name)) if binary else Binary(True)


def binary_name(runtime: str, by_1_6: bool = False) -> Optional[str]:
    """The name of the shim binary that a runtime's name stands for; None when it stands for none."""
    parts = runtime.split(".")
    if len(parts) < 2 or (not by_1_6 and (not parts[0] or "/" in runtime)):
        return None
    return "containerd-shim-{0}-{1}".format(*parts[-2:])


def find_named(binary: str, daemon: Daemon, folder: str = "") -> Binary:
    """Where containerd finds a shim binary of that name: in that folder of its cwd, on PATH, next to its executable."""
    if daemon.process is None:
        return Binary(False)
    here = os.path.join(processes.working_directory(daemon.process.pid) or "/", folder, binary)
    if _exists(here):
        return Binary(True, here)
    for place in (processes.search_path(daemon.process.pid) or "").split(":"):
        path = os.path.join(place, binary)
        if place and os.path.isfile(path) and os.access(path, os.X_OK):
            return Binary(True, path)
    last = os.path.join(os.path.dirname(daemon.executable or ""), binary)
    return Binary(True, last if _exists(last) else None)


def facts(runtime: bytes, daemon: Daemon) -> Dict[str, Any]:
    """What a Case says of the shim binary that a runtime leads to."""
    binary = find(runtime, daemon)
    installed = releases.classify(daemon.installed)
    shipped_by = None
    if installed and binary.path and os.path.dirname(binary.path) == os.path.dirname(daemon.executable or ""):
        shipped_by = installed.name if releases.ships(installed.name, binary.path) else None
    absent = None if binary.path else packaged(runtime, daemon)
    return {
        "runtime_resolves": None if not binary.known else binary.path is not None,
        "runtime_path": binary.path,
        "shipped_by": shipped_by,
        "shim_runs": runs(binary.path),
        "resolves_in_1_6": not binary.path and find(runtime, daemon, by_1_6=True).path is not None,
        "packaged_path": absent if absent and installed and not releases.ships(installed.name, absent) else None,
    }


def packaged(runtime: bytes, daemon: Daemon) -> Optional[str]:
    """Where a package of containerd would put the shim binary of a runtime; None for one that is no package's."""
    path, place = os.fsdecode(runtime), os.path.dirname(daemon.executable or "")
    if "." in path and "/" not in path:
        path = os.path.join(place, binary_name(path) or "")
    return path if place and os.path.dirname(path) == place else None


def finds(name: str, daemon: Daemon) -> Optional[bool]:
    """Whether what containerd starts would find this program; None when its PATH is not known."""
    if name.startswith("/") or "\0" in name:
        return _exists(name)
    if daemon.process is None:
        return None
    places = (processes.search_path(daemon.process.pid) or "").split(":")
    return any(place and os.access(os.path.join(place, name), os.X_OK) for place in places)


def runs(path: Optional[str]) -> Optional[bool]:
    """Whether a shim binary can be executed, by its mode and by the mount it lies on; None when there is none."""
    if path is None:
        return None
    try:
        noexec = os.statvfs(path).f_flag & os.ST_NOEXEC
    except OSError:
        return None
    return os.path.isfile(path) and os.access(path, os.X_OK) and not noexec


def _exists(path: str) -> bool:
    """os.Stat of containerd: existence is enough, and a NUL is an error."""
    try:
        return os.path.exists(path)
    except ValueError:
        return False
