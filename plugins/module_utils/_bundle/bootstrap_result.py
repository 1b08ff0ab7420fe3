# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The binary BootstrapResult, which containerd 2.3 tries before JSON. Pure. Internal to the collection.

Source: containerd's api/runtime/bootstrap/v1/bootstrap.proto; protowire and impl/codec_gen of Go's protobuf. Here any
bytes may come, and what counts is whether Go takes them: so it is decoded by hand, not by the host's protobuf.
"""

from __future__ import annotations

from typing import Iterator, NamedTuple, Optional, Tuple, Union

_VARINT, _FIXED64, _BYTES, _OPEN, _CLOSE, _FIXED32 = range(6)
_LAST_FIELD = 2**29 - 1
# protowire: DefaultRecursionLimit.
_DEEPEST = 10000


class Result(NamedTuple):
    """The fields that containerd dials with."""

    version: int
    address: str
    protocol: str


class _Broken(Exception):
    """These bytes are no message."""


def decode(data: bytes) -> Optional[Result]:
    """What proto.Unmarshal makes of these bytes; None where it gives an error. No bytes at all are a message too."""
    version, texts = 0, {2: "", 3: ""}
    try:
        for field, wire, value in _fields(data):
            if field == 1 and isinstance(value, int):
                version = ((value + 2**31) % 2**32) - 2**31
            elif isinstance(value, int):
                continue
            elif field in texts and wire == _BYTES:
                texts[field] = value.decode("utf-8")
            elif field == 4 and wire == _BYTES:
                _packed(value)
            elif field == 5 and wire == _BYTES:
                _entry(value)
    except (_Broken, UnicodeDecodeError):
        return None
    return Result(version, texts[2], texts[3])


def _entry(data: bytes) -> None:
    """One entry of the map ``metadata``: key and value are text."""
    for field, wire, value in _fields(data):
        if field in (1, 2) and wire == _BYTES and isinstance(value, bytes):
            value.decode("utf-8")


def _packed(data: bytes) -> None:
    place = 0
    while place < len(data):
        _number, place = _varint(data, place)


class _Field(NamedTuple):
    """One field as it is on the wire."""

    number: int
    wire: int
    value: Union[int, bytes]


def _fields(data: bytes) -> Iterator[_Field]:
    """Number, wire type and value of each field; groups, which the message does not have, are passed over."""
    place = 0
    while place < len(data):
        field, wire, place = _tag(data, place)
        if wire == _OPEN:
            place = _group(data, place, field)
            continue
        value, place = _value(data, place, wire)
        yield _Field(field, wire, value)


def _group(data: bytes, place: int, field: int) -> int:
    """Where a group ends; groups may hold others."""
    inside = [field]
    while inside:
        number, wire, place = _tag(data, place)
        if wire == _OPEN:
            inside.append(number)
        elif wire == _CLOSE:
            if inside.pop() != number:
                raise _Broken
        else:
            _content, place = _value(data, place, wire)
        if len(inside) > _DEEPEST:
            raise _Broken
    return place


class _Tag(NamedTuple):
    """The head of a field, and where its value begins."""

    number: int
    wire: int
    place: int


def _tag(data: bytes, place: int) -> _Tag:
    number, place = _varint(data, place)
    if not 1 <= number >> 3 <= _LAST_FIELD:
        raise _Broken
    return _Tag(number >> 3, number & 7, place)


def _value(data: bytes, place: int, wire: int) -> Tuple[Union[int, bytes], int]:
    if wire == _VARINT:
        return _varint(data, place)
    if wire == _BYTES:
        size, place = _varint(data, place)
    elif wire in (_FIXED32, _FIXED64):
        size = 4 if wire == _FIXED32 else 8
    else:
        raise _Broken
    if size > len(data) - place:
        raise _Broken
    return data[place : place + size], place + size


def _varint(data: bytes, place: int) -> Tuple[int, int]:
    number = 0
    for index in range(10):
        if place >= len(data):
            raise _Broken
        byte = data[place]
        place += 1
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if number >= 2**64:
                raise _Broken
            return number, place
    raise _Broken
