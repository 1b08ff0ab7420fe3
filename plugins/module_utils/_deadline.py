# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clock of a module: the only file that reads or waits on one. Internal to the collection."""

from __future__ import annotations

import time

from ansible_collections.shimops.containerd.plugins.module_utils._errors import DeadlineExceeded


class Deadline:
    """A point in monotonic time, made once in ``main()`` and handed down.

    :param seconds: how far away it is.
    """

    def __init__(self, seconds: float) -> None:
        self._started = time.monotonic()
        self._end = self._started + seconds

    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._end - time.monotonic())

    def elapsed(self) -> float:
        """Seconds since the deadline was made."""
        return time.monotonic() - self._started

    def expired(self) -> bool:
        """Whether no time is left."""
        return self.remaining() <= 0

    def within(self, seconds: float) -> Deadline:
        """A deadline at most that many seconds away, and never later than this one."""
        return Deadline(min(seconds, self.remaining()))

    def check(self, stage: str, subject: str) -> None:
        """Raise DeadlineExceeded for that stage and thing when no time is left."""
        if self.expired():
            raise DeadlineExceeded(stage, subject, "was not done in time", "raise the timeout")

    def sleep(self, seconds: float) -> float:
        """Wait, but not beyond the deadline; gives the seconds left."""
        time.sleep(min(seconds, self.remaining()))
        return self.remaining()


def wall_clock() -> float:
    """Seconds since the epoch, for records that people and other hosts read."""
    return time.time()


def wall_clock_after_boot(seconds: float) -> float:
    """The wall clock's time, in seconds since the epoch, at a moment given in seconds since the kernel booted."""
    return time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - seconds)
