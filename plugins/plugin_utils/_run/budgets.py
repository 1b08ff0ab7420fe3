# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Budgets: how much a run may lose before no further host begins. Pure. Internal."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: What is counted, with the word for people.
NAMES = {"lost": "lost tasks", "failed": "failed hosts", "refused": "refused hosts"}
DEFAULTS = {"lost": "0", "failed": "0", "refused": "50%"}


def parse(wanted: Mapping[str, object], hosts: int) -> dict[str, int]:
    """Return each budget as a number; a percentage is one of the hosts, rounded down.

    Raises ValueError naming the budget and what it takes.
    """
    for key in wanted:
        if key not in NAMES:
            raise ValueError(f"there is no budget {key!r}, only {', '.join(NAMES)}")
    return {name: _number(name, str(wanted.get(name, default)), hosts) for name, default in DEFAULTS.items()}


def _number(name: str, wanted: str, hosts: int) -> int:
    found = re.fullmatch(r"(\d{1,9})(%?)", wanted.strip())
    if found and not found[2]:
        return int(found[1])
    if found and name != "lost" and int(found[1]) <= 100:
        return hosts * int(found[1]) // 100
    share = "" if name == "lost" else ", or a share such as 10%"
    raise ValueError(f"the budget of {NAMES[name]} cannot be {wanted!r}; give a number from 0{share}")


def exceeded(budgets: Mapping[str, int], tally: Mapping[str, int]) -> str:
    """Say which budget is spent, in a few words; empty when none is.

    ``tally`` has for each budget what was counted: lost tasks, or hosts.
    """
    for name, words in NAMES.items():
        count = tally.get(name, 0)
        if count > budgets[name]:
            return f"{count} {words if count != 1 else words[:-1]}, the budget is {budgets[name]}"
    return ""
