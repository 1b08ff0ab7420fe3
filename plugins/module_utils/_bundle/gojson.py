# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bytes as Go's encoding/json reads them into a struct, for files that containerd parses. Pure. Internal.

Source: encoding/json of Go 1.19 to 1.26: checkValid in scanner.go, object, literalStore and unquoteBytes in decode.go,
foldFunc and foldName in fold.go. Any error at all counts: containerd looks at nothing after one.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Union

# scanner.go: maxNestingDepth.
_DEEPEST = 10000
_TOKEN = re.compile(
    rb"""[ \t\r\n]*(?:
    (?P<mark>[{}\[\],:])
    |"(?P<text>(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"
    |(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    |(?P<word>true|false|null)
    )""",
    re.VERBOSE,
)
_BLANK = re.compile(rb"[ \t\r\n]*\Z")
_INTEGER = re.compile(rb"-?[0-9]+\Z")
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
# Go folds ASCII letters, and the two other characters that Unicode's simple folding makes of k and s.
_FOLD = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_FOLD.update({0x212A: ord("k"), 0x017F: ord("s")})
_PAIR, _HALF = re.compile("([\ud800-\udbff])([\udc00-\udfff])"), re.compile("[\ud800-\udfff]")


class Invalid(NamedTuple):
    """json.Unmarshal gives an error: of ``kind`` syntax, trailing (a whole value and then more), or type."""

    kind: str
    reason: str


class Integer(NamedTuple):
    """A field of a Go integer type with so many bits."""

    bits: int


class String(NamedTuple):
    """A field of Go's type string."""


STRING = String()
Kind = Union[String, Integer]
Value = Union[int, str]


class _Token(NamedTuple):
    kind: str
    data: bytes


def unmarshal(data: bytes, fields: Mapping[str, Kind]) -> Union[Dict[str, Any], Invalid]:
    """The values of a struct's fields after json.Unmarshal into a new one.

    :param fields: the kind of each field by its key in lower case.
    :returns: the value of every field, 0 or empty where the text has none; or Invalid.
    """
    tokens = _tokens(data)
    if isinstance(tokens, Invalid):
        return tokens
    values: Dict[str, Any] = {name: "" if isinstance(kind, String) else 0 for name, kind in fields.items()}
    if tokens[0].data == b"null" and tokens[0].kind == "word":
        return values
    if tokens[0] != ("mark", b"{"):
        return Invalid("type", "it is not an object")
    for key, value in _members(tokens):
        name = fold(unquote(key))
        kind = fields.get(name)
        if kind is None or value[0] == ("word", b"null"):
            continue
        found = _stored(kind, value[0])
        if found is None:
            return Invalid("type", "its {0} is of another type".format(name))
        values[name] = found
    return values


def fold(key: str) -> str:
    """A key as Go compares it with the name of a field when upper and lower case differ."""
    return key.translate(_FOLD)


def text(data: bytes) -> str:
    """UTF-8 as Go decodes it: each byte that is no part of a character becomes U+FFFD."""
    return re.sub("[\udc80-\udcff]", "\ufffd", data.decode("utf-8", "surrogateescape"))


def unquote(data: bytes) -> str:
    """The inside of a string literal without its escapes; a lone half of a surrogate pair becomes U+FFFD."""
    found = text(data)
    if "\\" not in found:
        return found
    return _HALF.sub("\ufffd", _PAIR.sub(_joined, _ESCAPE.sub(_character, found)))


def _joined(match: re.Match[str]) -> str:
    return chr(0x10000 + ((ord(match.group(1)) & 0x3FF) << 10) + (ord(match.group(2)) & 0x3FF))


def _character(match: re.Match[str]) -> str:
    return chr(int(match.group(1), 16)) if match.group(1) else _ESCAPES[match.group(2)]


def _tokens(data: bytes) -> Union[List[_Token], Invalid]:
    """The text's tokens when it is one JSON value and nothing else."""
    found: List[_Token] = []
    open_marks: List[bytes] = []
    place, wanted = 0, "value"
    while wanted != "end":
        match = _TOKEN.match(data, place)
        if not match:
            broken = "it is not JSON at byte {0}".format(place)
            return Invalid("syntax", "it breaks off" if _BLANK.match(data, place) else broken)
        kind = match.lastgroup or ""
        token = _Token(kind, match.group(kind))
        wanted = _next(wanted, token, open_marks)
        if not wanted:
            return Invalid("syntax", "it is not JSON at byte {0}".format(place))
        if len(open_marks) > _DEEPEST:
            return Invalid("syntax", "it is nested too deeply")
        found.append(token)
        place = match.end()
    if _BLANK.match(data, place):
        return found
    return Invalid("trailing", "something follows at byte {0}".format(place))


def _next(wanted: str, token: _Token, open_marks: List[bytes]) -> str:
    """What may follow a token that stands where ``wanted`` is awaited; empty when it may not stand there."""
    mark = token.data if token.kind == "mark" else b""
    if wanted in ("value", "value or ]"):
        if mark in (b"{", b"["):
            open_marks.append(mark)
            return "key or }" if mark == b"{" else "value or ]"
        if not mark:
            return _after_value(open_marks)
        return _closed(open_marks) if mark == b"]" and wanted == "value or ]" else ""
    if wanted in ("key", "key or }"):
        if token.kind == "text":
            return ":"
        return _closed(open_marks) if mark == b"}" and wanted == "key or }" else ""
    if wanted == ":":
        return "value" if mark == b":" else ""
    if mark == b",":
        return "key" if open_marks[-1] == b"{" else "value"
    return _closed(open_marks) if mark == (b"}" if open_marks[-1] == b"{" else b"]") else ""


def _closed(open_marks: List[bytes]) -> str:
    open_marks.pop()
    return _after_value(open_marks)


def _after_value(open_marks: List[bytes]) -> str:
    return ", or end of it" if open_marks else "end"


def _members(tokens: List[_Token]) -> Iterator[Tuple[bytes, List[_Token]]]:
    """Key and tokens of the value of each member of the outermost object, in order, also of those that come twice."""
    place = 1
    while tokens[place].kind == "text":
        begin = place + 2
        end = _end(tokens, begin)
        yield tokens[place].data, tokens[begin:end]
        # After a value there is a comma, with the next key behind it, or the closing brace.
        place = end + 1 if tokens[end].data == b"," else end


def _end(tokens: List[_Token], place: int) -> int:
    depth = 0
    while True:
        if tokens[place].kind == "mark":
            depth += {b"{": 1, b"[": 1, b"}": -1, b"]": -1}.get(tokens[place].data, 0)
        place += 1
        if depth == 0:
            return place


def _stored(kind: Kind, first: _Token) -> Optional[Value]:
    """What a field of that kind is given by a value that begins with that token; None for one of another type."""
    if isinstance(kind, String):
        return unquote(first.data) if first.kind == "text" else None
    return _integer(first, kind.bits)


def _integer(token: _Token, bits: int) -> Optional[int]:
    """strconv.ParseInt and OverflowInt: no fraction, no exponent, within range."""
    if token.kind != "number" or not _INTEGER.match(token.data):
        return None
    # Longer than any int64, and than what Python converts.
    number = int(token.data) if len(token.data) <= 20 else 2**63
    return number if -(2 ** (bits - 1)) <= number < 2 ** (bits - 1) else None
