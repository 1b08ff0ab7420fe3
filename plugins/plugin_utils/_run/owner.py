# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Holder: which ansible-playbook has a run. Internal.

A task's process ends with the task, so the lock is the life of its parent: ansible-playbook itself.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from ansible_collections.shimops.containerd.plugins.plugin_utils._run import timestamps
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import HOLDER, Entries
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import Store


def take(entries: Entries) -> str:
    """Take the run for this ansible-playbook; who else has it, in a few words, or nothing."""
    pid = os.getppid()
    mine = {"pid": pid, "started": _started(pid), "node": socket.gethostname()}
    held = entries.get(HOLDER)
    if held and {key: held.get(key) for key in mine} != mine:
        since = timestamps.text(held.get("at") or 0)
        if held.get("node") != mine["node"]:
            gone = "if it is gone, share the run (run_shared: true) and give run_launch a new value"
            return f"a controller called {held.get('node')} since {since}; {gone}"
        if _started(held.get("pid")) == held.get("started"):
            return f"ansible-playbook with pid {held['pid']} since {since}; wait for it, or end it"
    entries.put(HOLDER, {**mine, "at": entries.now})
    return ""


def give_back(store: Store) -> None:
    """Let others take the run."""
    store.transact(lambda entries: entries.drop(HOLDER))


def _started(pid: object) -> str | None:
    """Return when a process started, in the kernel's ticks; None when it does not live, or that is not known."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]
