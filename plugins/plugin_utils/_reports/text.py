# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text: any value as one printable line; names in documents are hostile. Internal to the collection."""

from __future__ import annotations

import time
from typing import Optional

#: Characters of a sentence that a report shows; nothing honest is longer.
LONGEST = 600


def printable(value: object, longest: int = LONGEST) -> str:
    """``value`` as one line of printable characters, at most ``longest`` of them.

    What moves the cursor, turns the writing direction or is no character at all is shown as its escape.
    """
    text = "" if value is None else str(value)
    if len(text) > longest:
        text = text[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def timestamp(at: Optional[float]) -> str:
    """Unix seconds as people read them, in UTC; empty when unknown or absurd."""
    if not isinstance(at, (int, float)) or not 0 < at < 253402300800:
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


def seconds(value: Optional[float]) -> str:
    """A duration as people read it."""
    if not isinstance(value, (int, float)):
        return ""
    if value < 60:
        return "{0:.2f} s".format(value) if value < 10 else "{0:.0f} s".format(value)
    whole = int(value)
    hours, rest = divmod(whole, 3600)
    return "{0} h {1:02d} min".format(hours, rest // 60) if hours else "{0} min {1:02d} s".format(*divmod(rest, 60))


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun: ``1 host``, ``2 hosts``."""
    return "{0:,} {1}".format(number, one if number == 1 else many or one + "s")


def _escape(char: str) -> str:
    code = ord(char)
    return "\\x{0:02x}".format(code) if code < 256 else "\\u{0:04x}".format(code)
