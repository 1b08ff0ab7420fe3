# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fields: what a query over a host document may name. Internal to the collection.

A test holds it equal with host-document.schema.json.
"""

from __future__ import annotations

#: Stands for an object with any keys.
ANY = "any"

_POD = dict.fromkeys(("namespace", "name", "uid", "container"))
_TARGET = dict.fromkeys(
    ("target", "release_class", "release_class_sure", "at_risk", "rescuable", "start_estimate", "refusal"),
)
_TARGET = {**_TARGET, "outcomes": ANY}

#: A dictionary is an object, a list with one member a list of those, None a value without parts.
DOCUMENT = {
    **dict.fromkeys(("schema", "kind", "host", "run_id", "at", "layout", "truncated", "elapsed")),
    "asked": dict.fromkeys(("connect", "state", "pids")),
    "daemon": dict.fromkeys(
        (
            *("running", "installed", "running_class", "installed_class", "pid", "started", "executable", "code"),
            *("behind_disk", "address", "state_dir", "root_dir", "load_timeout"),
        )
    ),
    "unit": {
        **dict.fromkeys(("name", "active_state", "kill_mode", "delegate", "need_daemon_reload", "timeout_start")),
        "restarts": None,
        "drop_ins": [None],
    },
    "bundles": [
        {
            **dict.fromkeys(("namespace", "id", "role", "runtime", "record", "status", "live", "shim_pid", "task_pid")),
            **dict.fromkeys(("shim_code", "answer", "pids_answer", "answers", "listed", "outcome", "decided_by")),
            **dict.fromkeys(("task", "client", "at_risk", "rescuable", "rule", "reason", "delay")),
            "pod": _POD,
            "bootstrap": dict.fromkeys(("kind", "version", "protocol", "legacy")),
        }
    ],
    "other_tasks": [
        {
            **dict.fromkeys(("namespace", "id", "runtime", "record", "status", "live", "shim_pid", "task_pid")),
            **dict.fromkeys(("outcome", "task", "client", "at_risk", "rule", "reason")),
        }
    ],
    "shims": [
        {
            **dict.fromkeys(("pid", "started", "namespace", "id", "executable", "code", "version", "endpoint", "live")),
            **dict.fromkeys(("answer", "connections", "tasks")),
            "pod": _POD,
            "bundles": [None],
        }
    ],
    "forecast": _TARGET,
    "targets": [_TARGET],
    "hazards": [dict.fromkeys(("id", "outcome", "reason", "remedy"))],
    "rollback": {"class": None, "to": None, "containers": [None]},
    "leftovers": [
        {**dict.fromkeys(("kind", "namespace", "id", "pid", "path", "reason", "command")), "pod": _POD},
    ],
    "modes": [
        dict.fromkeys(
            ("kind", "path", "namespace", "id", "mode", "owner", "expected", "reason", "command"),
        )
    ],
    "counts": dict.fromkeys(("bundles", "other_tasks", "tasks", "shims", "leftovers", "modes")),
}
