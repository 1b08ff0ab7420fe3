# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The beginning of a bolt database, as bbolt writes it: two meta pages."""

from __future__ import annotations

import struct


def fnv(data):
    """FNV-1a of 64 bits."""
    found = 0xCBF29CE484222325
    for byte in data:
        found = (found ^ byte) * 0x100000001B3 % 2**64
    return found


def meta(page=4096, magic=0xED0CDAED, version=2, wrong=0):
    """One meta page: header, meta, checksum, and nothing behind it."""
    body = struct.pack("=IIII", magic, version, page, 0) + bytes(40)
    return (bytes(16) + body + struct.pack("=Q", fnv(body) ^ wrong)).ljust(page, b"\0")


#: A database without content.
GOOD = meta() + meta()
