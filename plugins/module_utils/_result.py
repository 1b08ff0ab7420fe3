# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module's result, small unless more is asked for. Pure. Internal to the collection."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, Sequence

#: Bytes of JSON that a host's result may take when no more detail is asked for; Ansible adds the arguments to it.
SMALL = 1300
# Characters of a target's refusal where the result would be too large with the whole of it.
_SENTENCE = 120


def select(rows: Sequence[Any], detail: str, wrong: Callable[[Any], Any]) -> List[Any]:
    """All rows for ``full``, else those that are wrong."""
    return list(rows) if detail == "full" else [row for row in rows if wrong(row)]


def fit(result: Dict[str, Any], detail: str) -> Dict[str, Any]:
    """Shorten lists until the result is small; what was left out is counted in ``summary.truncated``.

    The first row of each list stays. With detail ``problems`` or ``full`` nothing is left out.
    """
    result["summary"]["truncated"] = 0
    # What was asked for is answered: of the targets none is left out.
    lists = _lists({key: result[key] for key in result if key != "targets"}) if detail == "summary" else []
    lengths = [[len(json.dumps(row)) for row in one] for one in lists]
    surplus = len(json.dumps(result)) - SMALL
    for one in result.get("targets", ()) if detail == "summary" and surplus > 0 else ():
        surplus -= max(0, len(one["refusal"]) - _SENTENCE)
        one["refusal"] = _shortened(one["refusal"])
    while surplus > 0 and any(len(one) > 1 for one in lists):
        longest = max(range(len(lists)), key=lambda place: sum(lengths[place][1:]))
        lists[longest].pop()
        # A comma and a blank go with it.
        surplus -= lengths[longest].pop() + 2
        surplus -= len(str(result["summary"]["truncated"]))
        result["summary"]["truncated"] += 1
        surplus += len(str(result["summary"]["truncated"]))
    return result


def _shortened(sentence: str) -> str:
    return sentence if len(sentence) <= _SENTENCE else sentence[: _SENTENCE - 3] + "..."


def _lists(value: object) -> List[List[Any]]:
    """Every list that can be cut: those in dictionaries, and instead of a list of instances the tables in them."""
    if isinstance(value, dict):
        return [found for child in value.values() for found in _lists(child)]
    if not isinstance(value, list):
        return []
    children = [child for row in value if isinstance(row, dict) for child in row.values()]
    tables = [child for child in children if isinstance(child, list) and child and isinstance(child[0], dict)]
    return [found for table in tables for found in _lists(table)] or [value]
