# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One frame of ttrpc: a header of ten bytes, then data. Pure. Internal to the collection: it can change at any time.

Source: ``PROTOCOL.md`` and ``channel.go`` of github.com/containerd/ttrpc v1.2.8. The frames of unary calls are
the same in ttrpc 1.1, which containerd 1.6 and its shims speak.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError

#: Bytes in a header.
HEADER_LENGTH = 10
#: The most bytes of data a frame may carry: ``messageLengthMax``.
MAX_DATA = 4 << 20

REQUEST = 1
RESPONSE = 2
#: Part of a stream, ttrpc 1.2 and later; no unary call is ever answered with one.
DATA = 3

_HEADER = struct.Struct(">IIBB")


class Header(NamedTuple):
    """What the ten bytes say: ``length`` counts the bytes of data to follow, ``kind`` is REQUEST, RESPONSE or DATA."""

    length: int
    stream_id: int
    kind: int
    flags: int


def pack(stream_id: int, kind: int, data: bytes, flags: int = 0, subject: str = "a frame") -> bytes:
    """The bytes of a whole frame. A unary request and its response have no flags.

    :raises ShimError: when the data is larger than MAX_DATA; ``channel.send`` refuses it as well.
    """
    if len(data) > MAX_DATA:
        problem = f"was not sent {len(data)} bytes, more than the {MAX_DATA} a frame can carry"
        raise ShimError("ask", subject, problem)
    return _HEADER.pack(len(data), stream_id, kind, flags) + data


def unpack_header(data: bytes, subject: str = "a frame") -> Header:
    """The values in the HEADER_LENGTH bytes of a header.

    :raises ShimError: when it announces more than MAX_DATA bytes. ``channel.recv`` reads and discards as many;
        here nothing of it is read, since nothing useful can follow.
    """
    header = Header(*_HEADER.unpack(data))
    if header.length > MAX_DATA:
        problem = f"announced {header.length} bytes of data, more than the {MAX_DATA} a frame can carry"
        raise ShimError("ask", subject, problem)
    return header
