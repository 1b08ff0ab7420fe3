# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that all four modules share. Documented in the doc fragment of the same name. Internal."""

from __future__ import annotations

import re
from typing import Any, Dict

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host.layouts import LAYOUTS

MOST_IDS = 256
#: A day, in seconds: the clocks of the operating system take no number whatever.
LONGEST = 86400
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def shared() -> Dict[str, Any]:
    """The argument spec of where, which, how long and how much."""
    return {
        "layout": {"type": "str", "default": "auto", "choices": ["auto"] + list(LAYOUTS)},
        "state_dir": {"type": "path"},
        "root_dir": {"type": "path"},
        "address": {"type": "path"},
        "unit": {"type": "str"},
        "namespaces": {"type": "list", "elements": "str"},
        "ids": {"type": "list", "elements": "str"},
        "timeout": {"type": "float", "default": 60},
        "shim_timeout": {"type": "float", "default": 5},
        "detail": {"type": "str", "default": "summary", "choices": ["summary", "problems", "full"]},
    }


def check(options: Dict[str, Any]) -> None:
    """Refuse values that types cannot; raises ShimError naming the option and what it takes."""
    for name, value in options.items():
        if any("\0" in str(one) for one in (value if isinstance(value, list) else [value])):
            raise ShimError("options", name, "holds a NUL character", "name what exists on the host")
    for name in ("timeout", "shim_timeout", "restart_timeout", "stage_timeout", "sleep"):
        if options.get(name) is not None and not 0 < options[name] <= LONGEST:
            _refuse(name, options[name], "is not a time", "give seconds above 0, at most {0}".format(LONGEST))
    for name in ("settle", "wait_timeout"):
        if options.get(name) is not None and not 0 <= options[name] <= LONGEST:
            _refuse(name, options[name], "is not a time", "give seconds from 0 to {0}".format(LONGEST))
    if len(options.get("ids") or ()) > MOST_IDS:
        _refuse("ids", len(options["ids"]), "are too many", "name at most {0}, or none for all".format(MOST_IDS))
    for name in ("state_dir", "root_dir", "address", "ledger", "staging", "directory", "tarball", "package_dir"):
        if options.get(name) and not options[name].startswith("/"):
            _refuse(name, options[name], "is not an absolute path", "give the whole path on the host")
    if options.get("run_id") and not _RUN_ID.fullmatch(options["run_id"]):
        _refuse("run_id", options["run_id"], "cannot be a file name", "use up to 64 letters, digits, dots, dashes")
    if options.get("unit") and not re.fullmatch(r"[\w@:.\\-]+\.service", options["unit"]):
        _refuse("unit", options["unit"], "is not a service unit", "give its whole name, such as containerd.service")


def _refuse(name: str, value: object, problem: str, remedy: str) -> None:
    raise ShimError("options", "{0}={1}".format(name, value), problem, remedy)
