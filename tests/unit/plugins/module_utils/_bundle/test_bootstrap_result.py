# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The binary form of bootstrap.json: what protobuf makes of any bytes."""

from __future__ import annotations

import random

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bootstrap_result import Result, decode

GOOD = b"\x08\x03\x12\x05unix:\x1a\x05ttrpc"
KNOWN = Result(3, "unix:", "ttrpc")


@pytest.mark.parametrize(
    "data, expected",
    [
        (b"", Result(0, "", "")),
        (GOOD, KNOWN),
        # The last one counts, and the order does not matter.
        (b"\x08\x02" + GOOD, KNOWN),
        (b"\x1a\x05ttrpc\x12\x05unix:\x08\x03", KNOWN),
        # Fields it does not have, of every wire type, and groups within groups.
        (GOOD + b"\x50\x01\x59" + 8 * b"x" + b"\x52\x01x\x5d" + 4 * b"x", KNOWN),
        (GOOD + b"\x53\x5b\x08\x01\x5c\x54", KNOWN),
        # A field of another wire type is passed over.
        (GOOD + b"\x0a\x01x\x10\x01\x18\x01", KNOWN),
        (GOOD + b"\x20\x07\x22\x02\x01\x02", KNOWN),
        (GOOD + b"\x2a\x06\x0a\x01a\x12\x01b", KNOWN),
        # Longer than it needs to be, and negative.
        (b"\x08\x83\x00", Result(3, "", "")),
        (b"\x08" + 9 * b"\xff" + b"\x01", Result(-1, "", "")),
        (b"\x08\x80\x80\x80\x80\x10", Result(0, "", "")),
    ],
)
def test_messages(data, expected):
    assert decode(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"\x08",
        b"\x08\x80",
        b"\x08" + 10 * b"\xff" + b"\x01",
        b"\x08" + 9 * b"\xff" + b"\x02",
        b"\x12\x05uni",
        b"\x12\x01\xff",
        b"\x1a\x03\xed\xa0\x80",
        b"\x0c",
        b"\x0e\x01",
        b"\x53",
        b"\x53\x5c",
        b"\x54",
        b"\x22\x01\x80",
        b"\x2a\x03\x0a\x01\xff",
        b"\x2a\x02\x0a\x05",
        b"\x5d123",
        b"\x07",
        GOOD + b"junk",
        b'{"version":3,"address":"unix:///run/containerd/s/abc","protocol":"ttrpc"}',
        b"unix:///run/containerd/s/abc",
        b"null",
        64 * b"\x00",
        20000 * b"\x53",
    ],
)
def test_what_is_no_message(data):
    assert decode(data) is None


def test_white_space_is_a_message():
    # A capability of number 10.
    assert decode(b" \n") == Result(0, "", "")


def test_it_agrees_with_protobuf_on_any_bytes():
    pool = _pool()
    dice = random.Random(11)
    taken = 0
    for _round in range(4000):
        data = bytearray(GOOD + b"\x20\x01\x2a\x06\x0a\x01a\x12\x01b")
        for _change in range(dice.randrange(4)):
            place = dice.randrange(len(data))
            if dice.random() < 0.3:
                del data[place:]
                data += bytes(dice.randrange(256) for _byte in range(dice.randrange(4)))
                if not data:
                    break
            else:
                data[place] = dice.choice((0, 1, 2, 0x7F, 0x80, 0xFF, dice.randrange(256)))
        theirs = _parsed(pool, bytes(data))
        assert decode(bytes(data)) == theirs, bytes(data)
        taken += theirs is not None
    assert 500 < taken < 3900


def _pool():
    """BootstrapResult as a class of the host's own protobuf."""
    descriptor_pb2 = pytest.importorskip("google.protobuf.descriptor_pb2", reason="protobuf is not installed")
    from google.protobuf import descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="bootstrap.proto", syntax="proto3", package="t")
    result = file.message_type.add(name="R")
    field = descriptor_pb2.FieldDescriptorProto
    result.field.add(name="version", number=1, type=field.TYPE_INT32, label=1)
    result.field.add(name="address", number=2, type=field.TYPE_STRING, label=1)
    result.field.add(name="protocol", number=3, type=field.TYPE_STRING, label=1)
    result.field.add(name="capabilities", number=4, type=field.TYPE_INT32, label=3)
    result.field.add(name="metadata", number=5, type=field.TYPE_MESSAGE, label=3, type_name=".t.R.MetadataEntry")
    entry = result.nested_type.add(name="MetadataEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=field.TYPE_STRING, label=1)
    entry.field.add(name="value", number=2, type=field.TYPE_STRING, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file) if not hasattr(pool, "AddSerializedFile") else pool.AddSerializedFile(file.SerializeToString())
    found = pool.FindMessageTypeByName("t.R")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(found)
    return message_factory.MessageFactory(pool).GetPrototype(found)


def _parsed(message, data):
    try:
        found = message.FromString(data)
        return Result(found.version, found.address, found.protocol)
    except Exception:  # each implementation of protobuf has an error of its own
        return None
