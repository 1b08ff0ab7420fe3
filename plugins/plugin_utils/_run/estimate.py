# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Estimate: the batches of a run, and about how long it would take. Pure. Internal."""

from __future__ import annotations

import math
from collections.abc import Sequence

#: Seconds that a restart takes on one host apart from loading its shims and settling: measured on lab hosts.
RESTART = 4.0


def batches(hosts: int, serial: Sequence[object]) -> list[int]:
    """Return the sizes of a play's batches as ansible-core cuts them: the last of ``serial`` holds for the rest."""
    sizes: list[int] = []
    left, place = hosts, 0
    while left > 0:
        size = _size(serial[min(place, len(serial) - 1)], hosts) if serial else 0
        size = left if size <= 0 else min(size, left)
        sizes.append(size)
        left -= size
        place += 1
    return sizes


def _size(entry: object, hosts: int) -> int:
    text = str(entry)
    try:
        if text.endswith("%"):
            # A percentage rounds down, to one host at least.
            return max(int(float(text[:-1]) / 100.0 * hosts), 1)
        return int(text)
    except ValueError:
        return 0


def seconds(sizes: Sequence[int], forks: int, host: float, settle: float, pause: float, per: str = "host") -> float:
    """Return about how long a run takes, in seconds.

    :param sizes: of its batches.
    :param forks: how many hosts act at once.
    :param host: seconds that one host takes apart from settling.
    :param settle: seconds that it settles.
    :param pause: seconds between two batches.
    :param per: whether hosts settle one by one (``host``), or those of a ``batch`` at the same time.
    """
    rounds = [math.ceil(size / max(forks, 1)) for size in sizes]
    # The first batch is the canary, whose hosts always settle one by one.
    settles = sum(rounds) if per == "host" else sum(rounds[:1]) + len(rounds[1:])
    return sum(rounds) * host + settles * settle + max(len(sizes) - 1, 0) * pause
