# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a log is read, and who is likely to stall: by values alone."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._logs import status
from ansible_collections.shimops.containerd.plugins.module_utils._logs.status import Pipe, likely, status_of

OUT, ERR = Pipe("stdout", 25, 7, True), Pipe("stderr", 25, 8, True)
BOTH = {(25, 7), (25, 8)}


@pytest.mark.parametrize(
    "pipes, of_pod, held, full, said, part",
    [
        ([OUT, ERR], True, BOTH, (), "read", ""),
        ([OUT, ERR], False, BOTH, (), "read", ""),
        ([OUT, ERR], True, {(25, 7)}, (), "not_read", "reading end of its stderr"),
        ([OUT, ERR], False, {(25, 8)}, (), "not_read", "reading end of its stdout"),
        # A new file of the same name is another FIFO, and so is the same number on another device.
        ([OUT], True, {(25, 9)}, (), "not_read", "stdout"),
        ([OUT], True, {(26, 7)}, (), "not_read", "stdout"),
        ([OUT], True, BOTH, {(25, 7)}, "not_read", "does not empty it"),
        ([OUT], True, BOTH, {(25, 8)}, "read", ""),
        # A client that reads by itself, or nobody: that is not containerd's.
        ([OUT._replace(read=False)], False, set(), (), "none", ""),
        ([OUT._replace(read=None)], False, set(), (), "none", ""),
        # A pod's log is always containerd's.
        ([OUT._replace(read=False)], True, set(), (), "not_read", "it did not before either"),
        ([OUT._replace(read=None)], True, BOTH, (), "read", ""),
        ([], True, set(), (), "none", ""),
        ([], False, None, (), "none", ""),
        (None, True, BOTH, (), "unknown", "its shim did not report"),
        ([OUT], True, None, (), "unknown", "cannot be seen"),
    ],
)
def test_status(pipes, of_pod, held, full, said, part):
    found = status_of(pipes, of_pod, held, full)
    assert found.word == said and found.word in status.WORDS
    assert part in found.reason and bool(found.reason) == bool(part)
    assert found.before == ("before" in part)


def test_what_the_restart_changed_comes_before_what_was_so_already():
    was_not = OUT._replace(read=False)
    found = status_of([was_not, ERR], True, set())
    assert "stderr" in found.reason and not found.before
    found = status_of([was_not, ERR], True, BOTH - {was_not.file}, {ERR.file})
    assert "does not empty it" in found.reason and not found.before
    found = status_of([was_not, ERR], True, BOTH - {was_not.file})
    assert "stdout" in found.reason and found.before


def test_likely_are_those_that_fill_a_pipe_in_time_fastest_first():
    rates = {("a", "slow"): 1000.0, ("a", "fast"): 655360.0, ("a", "just"): 32768.0, ("a", "none"): 0.0}
    assert likely(rates, 2.0) == [(("a", "fast"), 0.1), (("a", "just"), 2.0)]
    assert likely(rates, 1.99) == [(("a", "fast"), 0.1)]
    assert likely({}, 100.0) == []


def test_the_expected_gap_grows_with_what_the_shims_take():
    assert status.expected_gap(7.5) - status.expected_gap(0.0) == 7.5
