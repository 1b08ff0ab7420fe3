# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._shim import ttrpc_frame

# The header of a Connect that containerd's own code accepted, and of the answer of a 2.3.4 shim.
REQUEST_HEADER = bytes.fromhex("0000005a000000010100")
RESPONSE_HEADER = bytes.fromhex("0000000a000000010200")


def test_a_request_begins_with_the_bytes_containerd_sends():
    assert ttrpc_frame.pack(1, ttrpc_frame.REQUEST, b"x" * 0x5A) == REQUEST_HEADER + b"x" * 0x5A


def test_the_header_of_a_real_response():
    assert ttrpc_frame.unpack_header(RESPONSE_HEADER) == ttrpc_frame.Header(10, 1, ttrpc_frame.RESPONSE, 0)


def test_every_field_has_its_own_place():
    header = ttrpc_frame.Header(0x00010203, 0x04050607, 8, 9)
    assert ttrpc_frame.unpack_header(bytes.fromhex("00010203040506070809")) == header
    assert ttrpc_frame.pack(0x04050607, 8, b"ab", flags=9) == bytes.fromhex("00000002040506070809") + b"ab"


def test_four_mebibytes_pass_and_one_byte_more_does_not():
    assert len(ttrpc_frame.pack(1, ttrpc_frame.REQUEST, bytes(4 << 20))) == (4 << 20) + 10
    with pytest.raises(ShimError, match="ask: /s was not sent 4194305 bytes"):
        ttrpc_frame.pack(1, ttrpc_frame.REQUEST, bytes((4 << 20) + 1), subject="/s")
    assert ttrpc_frame.unpack_header(bytes.fromhex("00400000000000010200")).length == 4 << 20
    with pytest.raises(ShimError, match="ask: /s announced 4194305 bytes"):
        ttrpc_frame.unpack_header(bytes.fromhex("00400001000000010200"), subject="/s")
