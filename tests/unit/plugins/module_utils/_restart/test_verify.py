# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shim's word after a restart: which answers of it say that its task goes on."""

from __future__ import annotations

import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._host import processes
from ansible_collections.shimops.containerd.plugins.module_utils._restart import ledger, verify
from ansible_collections.shimops.containerd.plugins.module_utils._shim.status import NOT_FOUND
from ansible_collections.shimops.containerd.tests.unit.support.observations import (
    ADDRESS,
    HERE,
    a_bundle,
    a_case,
    a_daemon,
    said,
)

ME = os.getpid()


def heard(**fields):
    return said("v2", **dict({"shim_pid": ME, "task_pid": ME, "pids": [ME]}, **fields))


def recorded(before):
    """The row of a task whose shim and init process are this very process, and answered that before the restart."""
    observed = a_case(a_bundle(None, ADDRESS, init=processes.look_up(ME)), {HERE: before}, "V17")
    (row,) = ledger.new("run", a_daemon(), [observed], 0.0)["tasks"]
    return row


@pytest.mark.parametrize(
    "before, after, word",
    [
        ({}, {}, True),
        ({}, {"pids": [ME, ME + 1]}, True),
        ({}, {"pids": [1]}, False),
        ({}, {"pids": []}, False),
        ({}, {"shim_pid": ME + 1}, False),
        ({}, {"task_pid": ME + 1, "pids": [ME + 1]}, False),
        # runc is gone (recovery-spec E4): its State has to do.
        ({}, {"pids": None, "pids_failure": (2, "no runc")}, True),
        ({}, {"pids": None, "pids_failure": (2, "no runc"), "status": "stopped"}, False),
        ({}, {"pids": None, "pids_failure": (NOT_FOUND, "no task")}, False),
        # runsc numbers the processes in its sandbox itself: it does so before and after.
        ({"pids": [1]}, {"pids": [1]}, True),
        ({"pids": [1]}, {"pids": [1, 7]}, True),
        ({"pids": [1]}, {"pids": [1], "status": "stopped"}, False),
        ({"pids": [1]}, {"pids": []}, False),
        ({"pids": [1]}, {"pids": None}, False),
        # Nothing is known of one that was not asked before.
        ({"pids": None}, {"pids": [1]}, False),
    ],
)
def test_the_shims_word(before, after, word):
    assert verify._shim(recorded(heard(**before)), heard(**after)) is word


def test_only_what_is_so_is_in_the_ledger():
    assert recorded(heard(pids=[1]))["own_numbers"] is True
    assert "own_numbers" not in recorded(heard()) and "own_numbers" not in recorded(heard(pids=[]))


def test_a_shim_that_was_not_asked_says_nothing():
    assert verify._shim(recorded(heard()), None) is None
    assert verify._shim(recorded(heard()), heard(asked=False)) is None
