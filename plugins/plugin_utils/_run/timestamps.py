# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moments of a run: seconds since the epoch for programs, a text for people. Internal."""

from __future__ import annotations

import datetime
import re
import time

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def now() -> float:
    """Return the time in seconds since the epoch."""
    return time.time()


def text(moment: float) -> str:
    """Write a moment for people, in the controller's own time zone."""
    return datetime.datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def name(moment: float) -> str:
    """Write a moment as the name of a run: its time in UTC, to the second."""
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def deadline(wanted: str, begun: float) -> float:
    """Return the moment that ``90m``, ``2h``, ``5400`` (seconds) or an ISO date and time stands for.

    A time without a zone is the controller's. Raises ValueError for anything else, and for a moment that is past.
    """
    span = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", wanted.strip())
    if span:
        moment = begun + float(span[1]) * _UNITS[span[2]]
    else:
        try:
            moment = datetime.datetime.fromisoformat(wanted.strip()).timestamp()
        except (ValueError, OverflowError):
            example = "give a span such as 90m or 2h, or a date and time such as 2026-06-30T18:00"
            raise ValueError(f"is not a time; {example}") from None
    if moment <= begun:
        raise ValueError(f"is past already ({text(begun)} now)")
    return moment


def duration(seconds: float) -> str:
    """Write a span of time for people: hours, minutes and seconds."""
    whole = max(round(seconds), 0)
    return f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"
