# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``containerd config dump`` prints, as values, and durations as Go reads them. Pure. Internal to the collection.

Only the TOML that containerd itself writes is read: keys and strings, whole numbers, booleans and lists of strings.
Sources: cmd/containerd/command/config.go:outputConfig of v1.6.20, v1.7.24, v2.1.9 and v2.3.4; time.ParseDuration of Go.
"""

from __future__ import annotations

import re
from typing import Dict, List, Optional, Tuple, Union

Value = Union[str, int, bool, Tuple[str, ...]]

_SECTION = re.compile(r"\s*\[([^\[\]]+)\]\s*$")
_KEY = re.compile(r"""\s*(?:"([^"]+)"|'([^']+)'|([\w-]+))\s*=\s*(.*)$""")
_STRING = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)\"""")
_WORD = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}$")
_NANOSECONDS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9}
_NANOSECONDS["h"] = 60 * _NANOSECONDS["m"]
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")


def parse(text: str) -> Dict[str, Value]:
    """The values of a dump, keyed ``section.key`` without quotes; what it is not known how to read is left out."""
    values: Dict[str, Value] = {}
    section = ""
    lines = iter(text.splitlines())
    for line in lines:
        heading = _SECTION.match(line)
        if heading:
            section = _unquoted(heading.group(1)) + "."
            continue
        pair = _KEY.match(line)
        if not pair:
            continue
        words = pair.group(4)
        while words.startswith("[") and not words.rstrip().endswith("]"):
            more = next(lines, None)
            if more is None:
                break
            words += more
        value = _value(words.strip())
        if value is not None:
            values[section + next(filter(None, pair.groups()))] = value
    return values


def duration(text: str) -> Optional[float]:
    """A Go duration such as ``1m30s`` in seconds, negative ones too; None for what time.ParseDuration refuses."""
    sign, rest = (-1, text[1:]) if text[:1] == "-" else (1, text[1:] if text[:1] == "+" else text)
    if rest == "0":
        return 0.0
    total, place = 0, 0
    while place < len(rest):
        part = _PART.match(rest, place)
        if not part or not (part.group(1) or part.group(2)):
            return None
        whole, fraction, unit = int(part.group(1) or 0), part.group(2) or "", _NANOSECONDS[part.group(3)]
        total += whole * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
        place = part.end()
    # It counts in nanoseconds, in 64 bits.
    if not rest or total >= 2**63:
        return None
    return sign * total / 1e9


def _unquoted(name: str) -> str:
    """A dotted name without its quotes: ``plugins.'io.containerd.grpc.v1.cri'``."""
    return ".".join(word.strip("\"'") for word in _WORD.findall(name))


def _value(words: str) -> Optional[Value]:
    text = _STRING.fullmatch(words)
    if text:
        return _content(text)
    if words in ("true", "false"):
        return words == "true"
    if words.startswith("["):
        return _texts(words)
    return int(words) if _NUMBER.match(words) else None


def _texts(words: str) -> Optional[Tuple[str, ...]]:
    """A list of strings; None for a list of something else, or one that breaks off."""
    found: List[str] = [_content(one) for one in _STRING.finditer(words)]
    left = _STRING.sub("", words)
    return tuple(found) if re.fullmatch(r"\[[\s,]*\]", left) else None


def _content(text: re.Match[str]) -> str:
    if text.group(1) is not None:
        return text.group(1)
    return re.sub(r'\\(["\\])', r"\1", text.group(2))
