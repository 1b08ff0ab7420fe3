# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock of a module, with a clock of the test's own."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils import _deadline
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import DeadlineExceeded, ShimError


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only when somebody sleeps."""

    class Clock:
        now = 100.0

        @classmethod
        def monotonic(cls):
            return cls.now

        @classmethod
        def sleep(cls, seconds):
            cls.now += seconds

    monkeypatch.setattr(_deadline, "time", Clock)
    return Clock


def test_time_passes_and_never_below_zero(clock):
    deadline = Deadline(10)
    assert (deadline.remaining(), deadline.elapsed(), deadline.expired()) == (10, 0, False)
    clock.now += 4
    assert (deadline.remaining(), deadline.elapsed(), deadline.expired()) == (6, 4, False)
    clock.now += 7
    assert (deadline.remaining(), deadline.elapsed(), deadline.expired()) == (0, 11, True)


def test_a_part_ends_no_later_than_the_whole(clock):
    deadline = Deadline(10)
    assert deadline.within(3).remaining() == 3
    clock.now += 8
    assert deadline.within(3).remaining() == 2
    clock.now += 8
    assert deadline.within(3).expired()


def test_nobody_sleeps_beyond_it(clock):
    deadline = Deadline(10)
    assert deadline.sleep(4) == 6
    assert deadline.sleep(40) == 0 and clock.now == 110


def test_no_time_left_is_an_error_of_the_family(clock):
    deadline = Deadline(1)
    deadline.check("ask", "a shim")
    clock.now += 1
    with pytest.raises(DeadlineExceeded, match="ask: a shim was not done in time; raise the timeout.") as caught:
        deadline.check("ask", "a shim")
    assert isinstance(caught.value, ShimError)


def test_errors_are_sentences():
    assert str(ShimError("dial", "/s", "is missing")) == "dial: /s is missing."
    assert str(ShimError("dial", "/s", "is missing", "look")) == "dial: /s is missing; look."
