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
    LOST,
    VERDICTS,
    Evidence,
    Exit,
    Moments,
    judge,
)

ALL = ("shim", "containerd", "kernel")
INIT = Process(430, 91823)
# The restart began at 1000, and the new containerd served at 1010.
RESTART = (Moments(1000.0, 1010.0, 1050.0),)
BEFORE, DOWN, AFTER = 999.9, 1005.0, 1010.1
WELL = Evidence(
    before=INIT,
    status="running",
    alive=True,
    answered=True,
    listed=Task(430, "running"),
    shim=True,
    kernel=True,
    exit=None,
    moments=RESTART,
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


@pytest.mark.parametrize("status", [0, 1, 7, 128, 193, 255])
def test_an_exit_of_its_own_while_containerd_was_down(status):
    found = judge(GONE._replace(exit=Exit(status, DOWN)), ALL)
    assert found.verdict == "exited" and str(status) in found.reason
    # Its pod may have started another since: nothing was lost.
    assert word(GONE._replace(exit=Exit(status, DOWN), twin="5c2c94f3")) == "exited"


@pytest.mark.parametrize("signal", [1, 9, 15, 64])
@pytest.mark.parametrize("at", [1000.0, DOWN, 1009.9])
def test_a_signal_while_containerd_was_down_killed_it(signal, at):
    found = judge(GONE._replace(exit=Exit(128 + signal, at)), ALL)
    assert found.verdict == "killed" and "signal {0} ".format(signal) in found.reason


def test_a_signal_that_its_client_sent_through_the_old_containerd_ended_it():
    deleted = GONE._replace(exit=Exit(137, DOWN), deleted=True)
    assert word(deleted) == "ended"
    # Not where that client is what stops with containerd.
    assert word(deleted._replace(kept=False)) == "killed"


@pytest.mark.parametrize("status", [0, 7, 137])
@pytest.mark.parametrize("at", [1010.0, AFTER, 2000.0])
def test_what_ends_after_containerd_served_was_not_ended_by_its_load(status, at):
    gone = GONE._replace(exit=Exit(status, at))
    assert word(gone) == word(gone._replace(listed=Task(430, "stopped"))) == "ended"
    found = judge(gone._replace(twin="5c2c94f3"), ALL)
    assert found.verdict == "restarted" and "5c2c94f3" in found.reason
    # CRI deletes after that what was created and never started.
    assert word(gone._replace(kept=False)) == "killed"


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("status", [0, 137])
def test_what_ended_before_the_restart_began_was_not_ended_by_it(status, kept):
    assert word(GONE._replace(exit=Exit(status, BEFORE), kept=kept)) == "ended"
    assert word(GONE._replace(ended_before=True, kept=kept)) == "ended"
    assert word(GONE._replace(exit=Exit(status, DOWN), moments=(), kept=kept)) == "ended"


def test_what_its_client_removed_since_was_in_the_middle_of_its_end():
    gone = GONE._replace(exit=Exit(137, DOWN), removed=True, shim_deleted=True)
    assert word(gone) == "ended"
    # A load that fails leaves the task with its shim; what was killed by hand is removed by no client.
    assert word(gone._replace(shim_deleted=False)) == word(gone._replace(removed=False)) == "killed"
    assert word(gone._replace(twin="5c2c94f3")) == word(gone._replace(kept=False)) == "killed"
    # Without an exit its shim said nothing, as one that was killed.
    assert word(gone._replace(exit=None)) == "killed"


@pytest.mark.parametrize("late, verdict", [(0.0, "ended"), (0.4, "ended"), (0.6, "killed"), (60.0, "killed")])
def test_a_shim_that_was_stopped_says_a_late_time(late, verdict):
    # It is woken after the restart, and notices only then that its container was killed.
    seen = GONE._replace(exit=Exit(137, AFTER + late), dead_by=AFTER)
    found = judge(seen, ALL)
    assert found.verdict == verdict
    assert ("later than its process was gone" in found.reason) == (verdict == "killed")


def test_what_ran_on_when_containerd_served_was_not_ended_by_the_load():
    assert word(GONE) == "killed"
    assert word(GONE._replace(alive_at=AFTER)) == "ended"
    assert word(GONE._replace(alive_at=DOWN)) == "killed"
    # The forecast, and a replacement, weigh more.
    assert word(GONE._replace(alive_at=AFTER, kept=False)) == "killed"
    assert word(GONE._replace(alive_at=AFTER, twin="5c2c94f3")) == "restarted"
    # A second restart came after it was seen, or never ended.
    for serves in (AFTER + 2, None):
        again = Moments(AFTER + 1, serves, AFTER + 3)
        assert word(GONE._replace(alive_at=AFTER, moments=[*GONE.moments, again])) == "killed"


@pytest.mark.parametrize("status", [0, 137])
def test_what_the_forecast_said_is_no_exit_of_its_own(status):
    # A supervisor asks its containers to end, and some do so with status 0.
    assert word(GONE._replace(exit=Exit(status, DOWN), kept=False)) == "killed"


def test_a_containerd_that_never_came_back_is_down_for_ever():
    gone = GONE._replace(moments=(Moments(1000.0, None, 1050.0),))
    assert word(gone._replace(exit=Exit(0, 2000.0))) == "exited"
    assert word(gone._replace(exit=Exit(137, 2000.0))) == "killed"


@pytest.mark.parametrize("at, verdict", [(1005, "killed"), (1020, "ended"), (1055, "killed"), (1062, "ended")])
def test_a_crash_is_a_second_restart(at, verdict):
    twice = (Moments(1000.0, 1010.0, 1050.0), Moments(1050.0, 1060.0, 1070.0))
    assert word(GONE._replace(moments=twice, exit=Exit(137, float(at)))) == verdict


def test_a_deletion_through_the_old_containerd_needs_no_exit():
    assert word(GONE._replace(deleted=True)) == "ended"
    assert word(GONE._replace(deleted=True, kept=False)) == "killed"
    assert word(GONE._replace(deleted=True, twin="5c2c94f3")) == "restarted"


def test_a_replacement_is_a_restart():
    assert word(GONE._replace(twin="5c2c94f3")) == "restarted"


def test_a_task_that_containerd_kept_and_that_ended_then():
    assert word(GONE._replace(listed=Task(430, "stopped"))) == "ended"
    assert word(GONE._replace(listed=Task(430, "stopped"), kept=False)) == "killed"
    # Another pid proves nothing of the old one.
    assert word(GONE._replace(listed=Task(999, "stopped"))) == "killed"


def test_a_task_that_had_exited_before_has_exited():
    assert word(GONE._replace(status="stopped")) == "exited"
    assert word(GONE._replace(status="stopped", same_boot=False)) == "exited"


def test_a_boot_in_between_kills():
    assert word(GONE._replace(same_boot=False)) == "killed"
    assert word(GONE._replace(same_boot=False, exit=Exit(0, DOWN))) == "killed"


def test_another_init_process_instead_is_a_restart():
    assert word(GONE._replace(listed=Task(999, "running"))) == "restarted"
    assert word(GONE._replace(listed=Task(999, "running"), exit=Exit(0, 1.0))) == "restarted"


def test_a_pid_that_was_given_to_another_process_is_a_restart_and_no_reattachment():
    listed = GONE._replace(listed=Task(430, "running"), shim=True, kernel=True)
    found = judge(listed._replace(pid_taken=True), ALL)
    assert found.verdict == "restarted" and "430" in found.reason
    # Without another process it ended between containerd's list and the check of its pid.
    assert word(listed) == word(listed._replace(exit=Exit(137, AFTER))) == "ended"
    assert word(listed._replace(exit=Exit(137, DOWN))) == "killed"


# The words


def test_no_evidence_at_all_is_ever_called_good():
    bad = Evidence(None, "running", False, False, None, None, None, None, (), False, None)
    assert word(bad) == word(bad._replace(same_boot=True)) == "killed"
    assert word(bad._replace(alive=True)) == "unproven"


def test_every_combination_has_a_verdict_and_reattached_only_where_all_say_yes():
    lists = (None, Task(430, "running"), Task(999, "running"), Task(430, "stopped"))
    exits = (None, Exit(7, DOWN), Exit(137, AFTER))
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
    contract = {"reattached", "exited", "ended", "new", "unproven", "orphaned", "duplicated", "restarted", "killed"}
    assert set(VERDICTS) == contract and set(GOOD) == {"reattached", "exited", "ended", "new"}
    assert set(LOST) == contract - set(GOOD) - {"unproven"}
    assert verdict.VERDICTS[:4] == GOOD
