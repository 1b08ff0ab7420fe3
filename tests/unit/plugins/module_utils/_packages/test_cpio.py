# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of an rpm, and what is none."""

from __future__ import annotations

import io

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._packages import cpio

FILE, DIRECTORY, LINK = 0o100755, 0o040755, 0o120777


def member(name, data=b"", mode=FILE, magic=b"070701"):
    """One file as cpio(5) describes it: sizes in hexadecimal, name and content each filled up to four bytes."""
    raw = name.encode() + b"\0"
    fields = [1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0]
    header = magic + b"".join(b"%08X" % one for one in fields)
    return header + raw + b"\0" * (-(len(header) + len(raw)) % 4) + data + b"\0" * (-len(data) % 4)


END = member("TRAILER!!!")


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 70000])
@pytest.mark.parametrize("magic", [b"070701", b"070702"])
def test_every_file_with_its_content(size, magic):
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    archive = member("./usr", mode=DIRECTORY) + member("./usr/bin/a", data, magic=magic)
    archive += member("./usr/bin/l", b"a", LINK) + member("./b", b"last") + END
    found = []
    for one in cpio.members(io.BytesIO(archive)):
        content = b"".join(iter(lambda one=one: one.content.read(1000), b""))
        found.append((one.name, one.regular, content))
    assert found == [
        ("./usr", False, b""),
        ("./usr/bin/a", True, data),
        ("./usr/bin/l", False, b"a"),
        ("./b", True, b"last"),
    ]


def test_what_is_not_read_is_passed_over():
    archive = member("a", b"x" * 7) + member("b", b"y" * 9) + END
    assert [one.name for one in cpio.members(io.BytesIO(archive))] == ["a", "b"]


def test_a_stream_that_gives_a_byte_at_a_time_is_the_same():
    class Slow(io.BytesIO):
        def read(self, size=-1, /):
            return super().read(min(size, 1))

    (one,) = cpio.members(Slow(member("a", b"x" * 7) + END))
    assert one.name == "a"


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"#!/bin/sh\n" * 20,
        member("a", b"x" * 7),
        (member("a", b"x" * 7) + END)[:60],
        (member("a", b"x" * 7) + END)[:115],
        member("a" * 5000) + END,
        b"070701" + b"0" * 104,
        b"070701" + b"zzzzzzzz" * 13,
    ],
)
def test_what_is_no_archive_is_an_error(archive):
    with pytest.raises(ValueError):
        list(cpio.members(io.BytesIO(archive)))
