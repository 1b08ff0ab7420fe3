# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runtime: which shim binary containerd would use for a bundle, and whether it exists. Internal to the collection.

Source: LoadBundle and resolveRuntimePath, recovery-spec 1.3 steps 5 and 6.
"""

from __future__ import annotations

import os
from typing import Optional

from ansible_collections.shimops.containerd.plugins.module_utils._recovery import processes
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.daemon import Daemon


def resolves(runtime: str, daemon: Daemon) -> Optional[bool]:
    """Whether a runtime (a path or a name such as ``io.containerd.runc.v2``) leads to a file for this daemon.

    None when the daemon does not run, so that its PATH is not known.
    """
    if os.path.isabs(runtime):
        return os.path.exists(runtime)
    # BinaryName@v2.1.9: the last two parts of a dotted name.
    parts = runtime.split(".")
    if len(parts) < 2 or not parts[0] or "/" in runtime:
        return False
    binary = "containerd-shim-{0}-{1}".format(*parts[-2:])
    if daemon.process is None:
        return None
    path = processes.search_path(daemon.process.pid) or ""
    places = [processes.working_directory(daemon.process.pid) or "/"] + path.split(":")
    places.append(os.path.dirname(daemon.executable or ""))
    return any(os.access(os.path.join(place, binary), os.X_OK) for place in places if place)
