# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Holder: which ansible-playbook has a run's folder. Internal.

A task's process ends with the task, so the lock is the life of its parent: ansible-playbook itself.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from ansible_collections.shimops.containerd.plugins.plugin_utils._run import files, timestamps

_NAME = "holder.json"


def take(folder: Path) -> str:
    """Take the folder for this ansible-playbook; who else has it, in a few words, or nothing.

    Call it under the lock of the folder.
    """
    pid = os.getppid()
    mine = {"pid": pid, "started": _started(pid), "node": socket.gethostname()}
    held = files.load(folder / _NAME)
    if held and {key: held.get(key) for key in mine} != mine:
        since = timestamps.text(held.get("at") or 0)
        if held.get("node") != mine["node"]:
            return f"a controller called {held.get('node')} since {since}; if it is gone, remove {folder / _NAME}"
        if _started(held.get("pid")) == held.get("started"):
            return f"ansible-playbook with pid {held['pid']} since {since}; wait for it, or end it"
    files.save(folder / _NAME, {**mine, "at": timestamps.now()})
    return ""


def give_back(folder: Path) -> None:
    """Let others take the folder."""
    (folder / _NAME).unlink(missing_ok=True)


def _started(pid: object) -> str | None:
    """Return when a process started, in the kernel's ticks; None when it does not live, or that is not known."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]
