# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every verdict, and every witness saying yes, no, or nothing."""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._host.ctr import Task
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._restart import verdict
from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict import (
    GOOD,
    VERDICTS,
    Evidence,
    Exit,
    judge,
)

ALL = ("shim", "containerd", "kernel")
INIT = Process(430, 91823)
WELL = Evidence(
    before=INIT,
    status="running",
    alive=True,
    answered=True,
    listed=Task(430, "running"),
    shim=True,
    kernel=True,
    exit=None,
    restarted_at=1000.0,
    same_boot=True,
    twin=None,
)
GONE = WELL._replace(alive=False, listed=None, shim=False, kernel=False)


def word(evidence, required=ALL):
    found = judge(evidence, required)
    assert found.verdict in VERDICTS and set(found.witnesses) == set(ALL)
    assert bool(found.reason) == (found.verdict != "reattached")
    return found.verdict


def test_reattached_needs_everything():
    found = judge(WELL, ALL)
    assert found == ("reattached", {"shim": "yes", "containerd": "yes", "kernel": "yes"}, "")


# Each witness of a task that runs on

PAIRS = list(itertools.product((True, False, None), repeat=2))
WORDS = {True: "yes", False: "no", None: "absent"}


@pytest.mark.parametrize("name", ["shim", "kernel"])
@pytest.mark.parametrize("said", [False, None])
def test_a_witness_that_does_not_say_yes_leaves_it_unproven(name, said):
    evidence = WELL._replace(**{name: said})
    found = judge(evidence, ALL)
    assert found.verdict == "unproven" and found.witnesses[name] == WORDS[said]
    assert found.reason == "witness {0}: {1}".format(name, WORDS[said])
    # A witness that is not required is heard all the same, and decides nothing.
    others = [one for one in ALL if one != name]
    assert word(evidence, others) == "reattached" and judge(evidence, others).witnesses[name] == WORDS[said]


@pytest.mark.parametrize("shim, kernel", PAIRS)
def test_an_orphan_is_one_whatever_the_others_say(shim, kernel):
    # Failed loads leave connections open, and an orphan's shim answers well.
    assert word(WELL._replace(listed=None, shim=shim, kernel=kernel)) == "orphaned"
    assert word(WELL._replace(listed=None, shim=shim, kernel=kernel), ()) == "orphaned"


@pytest.mark.parametrize("shim, kernel", PAIRS)
def test_no_task_list_is_never_an_empty_one(shim, kernel):
    for listed in (None, Task(430, "running")):
        evidence = WELL._replace(answered=False, listed=listed, shim=shim, kernel=kernel)
        assert word(evidence) == word(evidence, ()) == "unproven"
        assert judge(evidence, ALL).witnesses["containerd"] == "absent"


@pytest.mark.parametrize("status", ["running", "created", "paused", "pausing"])
def test_containerd_says_yes_to_a_task_that_lives(status):
    assert word(WELL._replace(listed=Task(430, status))) == "reattached"


@pytest.mark.parametrize("status", ["stopped", "unknown", ""])
def test_containerd_says_no_to_a_task_it_does_not_take_for_living(status):
    found = judge(WELL._replace(listed=Task(430, status)), ALL)
    assert (found.verdict, found.witnesses["containerd"]) == ("unproven", "no")


def test_another_pid_next_to_the_old_process_is_a_duplicate():
    found = judge(WELL._replace(listed=Task(999, "running")), ALL)
    assert (found.verdict, found.witnesses["containerd"]) == ("duplicated", "no") and "999" in found.reason


def test_a_twin_next_to_the_old_process_is_a_duplicate():
    found = judge(WELL._replace(twin="5c2c94f3"), ALL)
    assert found.verdict == "duplicated" and "5c2c94f3" in found.reason
    # kubelet starts a second copy of an orphan.
    assert word(WELL._replace(twin="5c2c94f3", listed=None)) == "duplicated"


# A task whose init process is gone


def test_killed_unless_it_is_proven_otherwise():
    assert word(GONE) == "killed"
    assert word(GONE._replace(answered=False)) == "killed"
    assert word(GONE._replace(listed=Task(430, "unknown"))) == "killed"
    assert word(GONE._replace(before=None)) == "killed"


@pytest.mark.parametrize("status", [0, 7, 137])
def test_an_exit_before_containerd_was_back_was_its_own(status):
    found = judge(GONE._replace(exit=Exit(status, 999.9)), ALL)
    assert found.verdict == "exited" and str(status) in found.reason


@pytest.mark.parametrize("at", [1000.0, 1000.1, 2000.0])
def test_an_exit_after_containerd_was_back_was_its_doing(at):
    assert word(GONE._replace(exit=Exit(137, at))) == "killed"


def test_an_exit_while_containerd_never_came_back_was_its_own():
    assert word(GONE._replace(exit=Exit(0, 2000.0), restarted_at=None)) == "exited"


def test_a_task_that_containerd_kept_and_that_ended_then_exited():
    assert word(GONE._replace(listed=Task(430, "stopped"), exit=Exit(0, 2000.0))) == "exited"
    assert word(GONE._replace(listed=Task(430, "stopped"))) == "exited"
    # Another pid proves nothing of the old one.
    assert word(GONE._replace(listed=Task(999, "stopped"))) == "killed"


def test_a_task_that_had_exited_before_has_exited():
    assert word(GONE._replace(status="stopped")) == "exited"
    assert word(GONE._replace(status="stopped", same_boot=False)) == "exited"


def test_a_boot_in_between_kills():
    assert word(GONE._replace(same_boot=False)) == "killed"
    assert word(GONE._replace(same_boot=False, exit=Exit(0, 1.0))) == "killed"


def test_another_init_process_instead_is_a_restart():
    assert word(GONE._replace(listed=Task(999, "running"))) == "restarted"
    assert word(GONE._replace(listed=Task(999, "running"), exit=Exit(0, 1.0))) == "restarted"


def test_a_pid_that_was_given_to_another_process_is_a_restart_and_no_reattachment():
    found = judge(GONE._replace(listed=Task(430, "running"), shim=True, kernel=True), ALL)
    assert found.verdict == "restarted" and "430" in found.reason


# The words


def test_no_evidence_at_all_is_ever_called_good():
    bad = Evidence(None, "running", False, False, None, None, None, None, None, False, None)
    assert word(bad) not in GOOD
    assert word(bad._replace(alive=True)) not in GOOD


def test_every_combination_has_a_verdict_and_reattached_only_where_all_say_yes():
    lists = (None, Task(430, "running"), Task(999, "running"), Task(430, "stopped"))
    exits = (None, Exit(7, 1.0), Exit(137, 2000.0))
    yes_no_absent = (True, False, None)
    for alive, answered, listed, shim, kernel, ended, boot in itertools.product(
        (True, False), (True, False), lists, yes_no_absent, yes_no_absent, exits, (True, False)
    ):
        evidence = WELL._replace(
            alive=alive, answered=answered, listed=listed, shim=shim, kernel=kernel, exit=ended, same_boot=boot
        )
        well = (alive, answered, listed, shim, kernel) == (True, True, Task(430, "running"), True, True)
        assert (word(evidence) == "reattached") == well


def test_the_verdicts_are_those_of_the_contract():
    contract = {"reattached", "orphaned", "restarted", "duplicated", "killed", "exited", "new", "unproven"}
    assert set(VERDICTS) == contract and set(GOOD) == {"reattached", "exited", "new"}
    assert verdict.VERDICTS[:3] == GOOD
