# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is mounted where, as the kernel lists it: nothing mounted is touched for that. Internal to the collection."""

from __future__ import annotations

import os
import re
from typing import FrozenSet

_ESCAPE = re.compile(rb"\\([0-7]{3})")


def points() -> FrozenSet[str]:
    """Every mount point of this mount namespace (/proc/self/mountinfo, proc(5))."""
    try:
        with open("/proc/self/mountinfo", "rb") as handle:
            lines = handle.read().splitlines()
    except OSError:
        return frozenset()
    found = (line.split(b" ")[4] for line in lines if line.count(b" ") > 4)
    return frozenset(os.fsdecode(_ESCAPE.sub(lambda match: bytes((int(match.group(1), 8),)), path)) for path in found)
