# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""cpio: the content of an rpm, as rpm2cpio writes it, read as a stream. Pure. Internal to the collection.

Format: cpio(5), "New ASCII Format". The standard library has no reader of it.
"""

from __future__ import annotations

from typing import IO, Iterator, NamedTuple

_MAGIC = (b"070701", b"070702")
_HEADER = 110
_LAST = "TRAILER!!!"
_LONGEST_NAME = 4096
_BLOCK = 1024 * 1024
_TYPE, _REGULAR = 0o170000, 0o100000


class Content:
    """The next bytes of a stream, as a file to read."""

    def __init__(self, stream: IO[bytes], size: int):
        self._stream, self._left = stream, size

    def read(self, size: int = -1, /) -> bytes:
        """At most that many bytes, all that are left for -1; none at the end."""
        data = _exactly(self._stream, self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


class Member(NamedTuple):
    """One file; ``content`` has to be read before the next member is asked for."""

    name: str
    regular: bool
    content: Content


def members(stream: IO[bytes]) -> Iterator[Member]:
    """The files of an archive in their order; raises ValueError for what is no such archive, or one that ends early."""
    while True:
        header = _exactly(stream, _HEADER)
        if header[:6] not in _MAGIC:
            raise ValueError("no header of cpio")
        fields = [int(header[at : at + 8], 16) for at in range(6, _HEADER, 8)]
        mode, size, length = fields[1], fields[6], fields[11]
        if not 0 < length <= _LONGEST_NAME:
            raise ValueError("a name of {0} bytes".format(length))
        name = _exactly(stream, length + -(_HEADER + length) % 4)[: length - 1].decode("utf-8", "replace")
        if name == _LAST:
            return
        content = Content(stream, size)
        yield Member(name, mode & _TYPE == _REGULAR, content)
        while content.read(_BLOCK):
            pass
        _exactly(stream, -size % 4)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = stream.read(size - len(data))
        if not more:
            raise ValueError("the archive ends early")
        data += more
    return data
