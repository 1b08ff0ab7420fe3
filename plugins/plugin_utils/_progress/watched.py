# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Watched: what a run that goes on elsewhere does, as the task that read it returned it. Internal."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.plugin_utils._run import budgets


class Watched(NamedTuple):
    """What ``fleet_run`` said with ``state: status``."""

    hosts: int
    done: int
    bad: Tuple[int, ...]
    stopped: str
    lines: Tuple[str, ...]
    sentence: str

    @classmethod
    def of(cls, action: str, result: dict) -> Optional[Watched]:
        """Return what a result says of a run; None if it is of another task, or one that failed."""
        found = result.get("status")
        if action.rpartition(".")[2] != "fleet_run" or not isinstance(found, dict):
            return None
        bad = tuple(found["counts"][state] for state in budgets.NAMES)
        return cls(found["hosts"], found["done"], bad, found["stopped"], tuple(result["lines"]), result["msg"])

    def differs(self, before: Optional[Watched]) -> bool:
        """Whether it is worth a line at once: the first time, a host more that is not well, a stop."""
        return before is None or (self.bad, self.stopped) != (before.bad, before.stopped)
