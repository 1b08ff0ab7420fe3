# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of fleet_run, for its documentation's check and for the action that does its work. Internal."""

from __future__ import annotations

STATES = (
    "begun",
    "host_checked",
    "refused",
    "failed",
    "current",
    "host_completed",
    "batch_checked",
    "reported",
    "status",
    "stopped",
)
SPEC = {
    "state": {"type": "str", "required": True, "choices": list(STATES)},
    "run_folder": {"type": "path"},
    "run_dir": {"type": "path", "default": "shimops-runs"},
    "run_store": {"type": "str"},
    "run_id": {"type": "str"},
    "operation": {"type": "str", "default": "restart"},
    "join": {"type": "bool", "default": False},
    "launch": {"type": "str", "default": ""},
    "deadline": {"type": "str"},
    "budgets": {"type": "dict", "default": {}},
    "batches": {"type": "raw", "default": 1},
    "seconds": {"type": "dict", "default": {}},
    "seconds_above_zero": {"type": "list", "elements": "str"},
    "settle_per": {"type": "str", "default": "host", "choices": ["host", "batch"]},
    "quarantine": {"type": "list", "elements": "str"},
    "hooks": {"type": "dict", "default": {}},
    "packs": {"type": "list", "elements": "raw", "default": []},
    "waivers": {"type": "raw"},
    "show": {"type": "bool", "default": True},
    "reason": {"type": "str", "default": ""},
    "counts": {"type": "str", "choices": ["lost", "failed", "refused"]},
}
