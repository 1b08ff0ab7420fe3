# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Result: which rows a module returns, and the bound on the size of it all. Pure. Internal to the collection.

A play holds the results of a whole fleet, so with ``detail: summary`` one host's result, with the arguments of the
module that Ansible adds, is at most LARGEST bytes of JSON, whatever is on the host.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, Sequence, Tuple

#: Bytes of JSON of a whole result.
LARGEST = 2048
#: Bytes of JSON beyond which rows are left out, less where the arguments are long.
SMALL = 1300
# What Ansible adds to the arguments: failed, the interpreter it found, its own marks.
_ADDED = 200
# What is left for the result however long the arguments are: its keys, its counts and one sentence.
_LEAST = 900
# Bytes of a target's refusal where the result would be too large with the whole of it.
_SENTENCE = 120
# Bytes of a refusal as long as anything else can be shortened.
_REFUSAL = 420
_WHOLE = ("refusal", "commands")
# Bytes of an error sentence: it is all that there is to read.
_ERROR = 800
# Asked for by an option of its own, so not part of a summary.
_ASIDE = ("document", "diff", "traceback")
# The last to be emptied.
_KEPT = ("changed", "failed", "refused", "host_state", "msg", "summary", "truncated")


def select(rows: Sequence[Any], detail: str, wrong: Callable[[Any], Any]) -> List[Any]:
    """All rows for ``full``, else those that are wrong."""
    return list(rows) if detail == "full" else [row for row in rows if wrong(row)]


def fit(result: Dict[str, Any], detail: str, arguments: int = 0) -> Dict[str, Any]:
    """Shorten a result until it is small, and count the rows that were left out.

    The count is ``truncated`` in the result's ``summary``, or in the result where it has none. The first row of each
    list stays as long as long strings can be shortened instead. With detail ``problems`` or ``full`` nothing is left
    out.

    :param result: what a module or action returns, without its arguments; it is changed.
    :param detail: the option of that name.
    :param arguments: bytes of JSON of the arguments, at most as many as shortened_arguments() leaves.
    """
    inner = _with_summary(result)
    counts = inner.get("summary", inner)
    counts.setdefault("truncated", 0)
    if detail != "summary":
        return result
    aside = {key: result.pop(key) for key in _ASIDE if key in result}
    bound = LARGEST - _ADDED - arguments
    room = min(SMALL, bound)
    rows = _tables({key: result[key] for key in result if key != "targets"})
    steps: List[Tuple[int, Callable[[], None]]] = [
        (room, lambda: _shorten(result.get("targets"), _SENTENCE)),
        (room, lambda: _cut(rows, 1, result, counts, room)),
        (bound, lambda: _shorten(result, 240, _REFUSAL)),
        (bound, lambda: _shorten(result, 120, _REFUSAL)),
        (bound, lambda: _cut(rows, 0, result, counts, bound)),
        (bound, lambda: _shorten(result, 60, _REFUSAL)),
        (bound, lambda: _shorten(result, 60)),
        # What was asked for, and the daemons of a host, go last.
        (bound, lambda: _cut(_lists(result), 1, result, counts, bound)),
        (bound, lambda: _shorten(result, 20)),
    ]
    for limit, step in steps:
        if size(result) > limit:
            step()
    _empty(inner, result, bound)
    result.update(aside)
    return result


def shortened_arguments(arguments: Dict[str, Any]) -> Dict[str, Any]:
    """The arguments of a module as they are returned: those that say something.

    Where they would leave too little room, long lists become their length, long strings their first characters.
    """
    kept = {name: value for name, value in arguments.items() if value not in (None, "", [], {})}
    room = LARGEST - _ADDED - _LEAST
    for limit in (240, 120, 40):
        if invoked(kept) <= room:
            break
        for name, value in kept.items():
            if isinstance(value, (list, dict)) and size(value) > limit:
                kept[name] = "{0} items".format(len(value))
            elif isinstance(value, str):
                kept[name] = _shortened(value, limit)
    return kept


def invoked(arguments: Dict[str, Any]) -> int:
    """Bytes of JSON that these arguments take in a result."""
    return size({"invocation": {"module_args": arguments}})


def sentence(text: str) -> str:
    """An error sentence that fits into a small result."""
    return _shortened(text, _ERROR)


def size(value: object) -> int:
    """Bytes of JSON. Other characters than ASCII count as escapes, which take more bytes than UTF-8."""
    return len(json.dumps(value, default=str))


def _with_summary(result: Dict[str, Any]) -> Dict[str, Any]:
    """The part of a result that has its summary, if there is one: facts are two levels down."""
    inner: Dict[str, Any] = result.get("ansible_facts", {}).get("containerd_shims", result)
    return inner


def _cut(lists: List[List[Any]], keep: int, result: Dict[str, Any], counts: Dict[str, Any], room: int) -> None:
    """Remove last rows, those of the longest list first, until the result fits or each list has ``keep`` rows."""
    lengths = [[size(row) for row in one] for one in lists]
    sums = [sum(one[keep:]) for one in lengths]
    surplus = size(result) - room
    while surplus > 0 and any(len(one) > keep for one in lists):
        longest = max(
            (place for place, one in enumerate(lists) if len(one) > keep), key=lambda place: (sums[place], -place)
        )
        lists[longest].pop()
        length = lengths[longest].pop()
        sums[longest] -= length
        # A comma and a blank go with it.
        surplus -= length + 2 + len(str(counts["truncated"]))
        counts["truncated"] += 1
        surplus += len(str(counts["truncated"]))
        if surplus <= 0:
            # The last row of a list has no comma.
            surplus = size(result) - room


def _tables(value: object) -> List[List[Any]]:
    """Every list that can be cut: those in dictionaries, and instead of a list of instances the tables in them."""
    if isinstance(value, dict):
        return [found for child in value.values() for found in _tables(child)]
    if not isinstance(value, list):
        return []
    children = [child for row in value if isinstance(row, dict) for child in row.values()]
    tables = [child for child in children if isinstance(child, list) and child and isinstance(child[0], dict)]
    return [found for table in tables for found in _tables(table)] or [value]


def _lists(value: object) -> List[List[Any]]:
    """Every list, the outermost first."""
    if isinstance(value, list):
        return [value] + [found for child in value for found in _lists(child)]
    return [found for child in value.values() for found in _lists(child)] if isinstance(value, dict) else []


def _shorten(value: object, most: int, refusal: int = 0) -> None:
    """Shorten every string within a value to so many bytes; what people act on, less."""
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            if isinstance(value[key], str):
                value[key] = _shortened(value[key], max(most, refusal) if key in _WHOLE else most)
            else:
                _shorten(value[key], most, refusal)


def _shortened(text: str, most: int) -> str:
    """The text, or as much of its beginning as fits into so many bytes of JSON, with three dots."""
    if size(text) - 2 <= most:
        return text
    kept = text[: most - 3]
    while size(kept) - 2 > most - 3:
        kept = kept[:-1]
    return kept + "..."


def _empty(inner: Dict[str, Any], result: Dict[str, Any], room: int) -> None:
    """Empty the largest value until the result fits: all that is left is keys and counts."""
    while size(result) > room:
        filled = [key for key, value in inner.items() if isinstance(value, (dict, list, str)) and value]
        last = [key for key in filled if key not in _KEPT] or [key for key in filled if key != "summary"]
        if not last:
            return
        largest = max(last, key=lambda key: size(inner[key]))
        inner[largest] = type(inner[largest])()
