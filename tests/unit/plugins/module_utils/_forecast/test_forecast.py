# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the decision table does not hold: candidates, what is not known, clients, delays."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import File
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.forecast import (
    forecast,
    judge,
    start_estimate,
)
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.load import Load
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import CLASSES, ReleaseClass, classify
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import BROKEN, CLOSED, TOO_LITTLE_TIME
from ansible_collections.shimops.containerd.tests.unit.support.observations import (
    ADDRESS,
    HERE,
    POD,
    a_bundle,
    a_case,
    parameters,
    said,
    silent,
)

OLD = a_bundle(None, ADDRESS)
NEW = a_bundle(parameters(3), None)


def surely(name):
    return ReleaseClass(name, True, (name,))


def reported(heard, name="V20b", bundle=OLD, load_timeout=5.0, **known):
    return forecast(a_case(bundle, {HERE: heard} if heard else {}, name, **known), surely(name), load_timeout)


# A release that nobody read: the worst of its candidates


@pytest.mark.parametrize(
    "version, heard, bundle, outcome",
    [
        # V16 V17 V20a: a shim that answers well but has no bootstrap.json of version 3.
        ("1.7.99", said("v2"), OLD, "reattached"),
        ("1.7.24-k3s1", said("v3"), NEW, "killed"),
        # V17 V20a V20b: V20a does not go back to v2.
        ("2.0.0-rc.1", said("v2"), a_bundle(parameters(3), ADDRESS), "killed"),
        # V23b V23c: a failing Pids is forgiven from V23b on, and a silent one is waited for by V23b.
        ("2.4.0", said("v2", pids=None, pids_failure=(2, "Unknown")), OLD, "reattached"),
        ("2.3.4-k3s1", said("v2", pids=None, pids_failure=(2, "Unknown")), OLD, "orphaned"),
        ("2.4.0", said("v2", pids=None, pids_failure=(None, "")), OLD, "hangs"),
        # V23b V23c: killed is worse than orphaned.
        ("2.4.0", said("v2", pids=[]), OLD, "killed"),
        # V22 V23a: both hang.
        ("2.2.99", said("v2", pids=None, pids_failure=(None, "")), OLD, "hangs"),
        # V23b V23c: unknown is worse than reattached, and better than a kill that is sure.
        ("2.4.0", said("v2"), a_bundle(File("device", b""), ADDRESS), "unknown"),
        # V22 V23a: only the last reads protobuf.
        ("2.2.99", said("v2"), a_bundle(b"\x08\x02\x12\x01x\x1a\x05ttrpc", ADDRESS), "killed"),
    ],
)
def test_the_worst_candidate_counts(version, heard, bundle, outcome):
    release = classify(version)
    assert not release.sure
    worlds = {}
    for name in release.candidates:
        worlds.update(a_case(bundle, {HERE: heard}, name).answers)
    observed = a_case(bundle, {HERE: heard}, release.name)._replace(answers=worlds)
    assert forecast(observed, release, 5.0).outcome == outcome


# What is not known is unknown, and at risk


@pytest.mark.parametrize(
    "heard, known, rule",
    [
        (silent("D3", asked=False), {}, "D3"),
        (silent("A8", asked=False), {}, "A8"),
        (said("v2"), {"runtime_resolves": None}, "F4"),
        (said("v2", pids=[]), {"in_sandbox_store": None}, "E3"),
        (said("v2", pids=None, pids_failure=(2, "")), {"in_sandbox_store": None}, "E3"),
        (said("v2", pids=None, pids_failure=(TOO_LITTLE_TIME, "no answer")), {}, "E7"),
        (said("v2", pids=None, pids_failure=(TOO_LITTLE_TIME, "no answer")), {"in_sandbox_store": True}, "E7"),
        (said("v2", pids=None, pids_failure=(BROKEN, "closed")), {}, "E7"),
    ],
)
def test_what_nobody_could_say_is_unknown(heard, known, rule):
    found = reported(heard, **known)
    assert (found.outcome, found.task, found.at_risk, found.rule) == ("unknown", "unknown", True, rule)


@pytest.mark.parametrize("name", CLASSES[1:])
def test_a_connection_that_broke_at_pids_is_unknown_to_every_class_that_asks(name):
    assert reported(said("v2", pids=None, pids_failure=(BROKEN, "closed")), name).outcome == "unknown"


@pytest.mark.parametrize("name", CLASSES)
def test_a_shim_that_hangs_up_at_pids_is_taken_for_dead_by_every_class_that_asks(name):
    found = reported(said("v2", pids=None, pids_failure=(CLOSED, "closed the connection")), name)
    # 1.6 does not ask.
    assert (found.outcome, found.at_risk) == (("reattached", False) if name == "V16" else ("killed", True))


def test_a_record_that_nobody_listed_is_unknown_only_where_it_matters():
    no_path = a_bundle(None, ADDRESS, None)
    assert reported(said("v2"), bundle=no_path, has_record=None).rule == "A11"
    assert reported(said("v2"), bundle=no_path, has_record=None).outcome == "unknown"
    assert reported(said("v2"), has_record=None).outcome == "reattached"


def test_a_shim_that_was_not_asked_is_unknown():
    observed = a_case(OLD, {}, "V17")._replace(answers={})
    assert forecast(observed, surely("V17"), 5.0)[:2] == ("unknown", "unknown")


def test_vsock_is_not_asked_and_so_unknown_to_2_x():
    bundle = a_bundle(None, "vsock://3:1024")
    assert reported(None, "V20b", bundle).outcome == "unknown"


@pytest.mark.parametrize(
    "kind, outcome, rule",
    [
        ("link", "unknown", "F8"),
        ("device", "unknown", "F8"),
        ("not_read", "unknown", "F8"),
        ("fifo", "hangs", "X1"),
        ("too_large", "dropped", "F1"),
        ("dangling", "reattached", "A1"),
        ("socket", "reattached", "A1"),
    ],
)
def test_a_shim_binary_path_that_is_no_file(kind, outcome, rule):
    found = reported(said("v2"), bundle=a_bundle(None, ADDRESS, File(kind, b"")))
    assert (found.outcome, found.rule) == (outcome, rule)


def test_one_version_that_was_never_answered_is_unknown_to_the_class_that_asks_it():
    # It answered v3 and broke off before v2: 1.7 asks v2 alone.
    heard = said("v3")
    del heard.connect["v2"]
    assert reported(heard, "V17").outcome == "unknown"
    assert reported(heard, "V20b", NEW).outcome == "reattached"


def test_without_pids_a_shim_that_answers_connect_is_taken_for_healthy_and_it_is_said():
    found = reported(said("v2", pids=None))
    assert found.outcome == "reattached" and "Pids was not asked" in found.reason


# Tasks and clients


@pytest.mark.parametrize(
    "status, pod, client, at_risk",
    [
        ("running", POD, "keeps", False),
        ("running", None, "keeps", False),
        ("created", POD, "deletes", True),
        ("created", None, "keeps", False),
        ("paused", POD, "unknown", True),
        ("pausing", POD, "unknown", True),
        ("paused", None, "keeps", False),
        ("stopped", POD, "keeps", False),
    ],
)
def test_what_the_client_does_with_a_task_that_is_kept(status, pod, client, at_risk):
    found = reported(said("v2", status=status), bundle=OLD._replace(pod=pod))
    assert (found.outcome, found.client, found.at_risk) == ("reattached", client, at_risk)
    assert not at_risk or "CRI" in found.reason


def test_a_task_that_had_exited_is_never_at_risk():
    for outcome in ("killed", "orphaned", "hangs", "unknown", "reaped"):
        observed = a_case(OLD, {HERE: said("v2", status="stopped")}, "V17")
        found = judge(observed, Load(outcome, "X", "why"), 5.0)
        assert (found.task, found.at_risk, found.outcome) == ("gone_before", False, outcome)


def test_a_stale_bundle_is_never_at_risk_but_listed():
    found = reported(silent("D2"), bundle=OLD._replace(init=None))
    assert (found.outcome, found.task, found.at_risk) == ("killed", "gone_before", False)


def test_a_dead_shim_whose_init_process_lives_is_at_risk():
    found = reported(silent("D2"))
    assert (found.outcome, found.task, found.at_risk) == ("killed", "killed", True)


def test_the_shims_own_word_comes_before_init_pid():
    assert reported(said("v2", status="stopped", pids=[])).task == "gone_before"
    assert reported(said("v2", status="unknown")).task == "kept"


@pytest.mark.parametrize("greeted, at_risk", [(2.5, False), (2.501, True), (4.9, True)])
def test_an_answer_slower_than_half_of_the_load_timeout_is_a_risk(greeted, at_risk):
    found = reported(said("v2", greeted=greeted))
    assert (found.outcome, found.at_risk) == ("reattached", at_risk)
    assert ("half" in found.reason) == at_risk
    assert reported(said("v2", greeted=greeted), load_timeout=10.0).at_risk is False


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("load_timeout, greeted", [(0.0, 0.0), (-1.0, 0.001), (0.001, 0.002), (3.0, 3.1)])
def test_a_shim_that_answers_later_than_containerd_waits_is_given_up(name, load_timeout, greeted):
    bundle = OLD if name in ("V16", "V17") else NEW
    heard = said("v2" if bundle is OLD else "v3", greeted=greeted)
    found = reported(heard, name, bundle, load_timeout=load_timeout)
    assert (found.outcome, found.task, found.at_risk) == ("killed", "killed", True)
    assert found.rule == ("D3" if load_timeout > 0 else "load_timeout")
    assert found.delay == max(0.0, load_timeout)


@pytest.mark.parametrize("name, delay", [("V17", 7.0), ("V20b", 7.0), ("V22", 7.0), ("V23b", 7.0), ("V23c", 5.0)])
def test_a_slow_pids_is_a_delay_where_it_has_no_deadline(name, delay):
    heard = said("v2" if name == "V17" else "v3", greeted=0.002, elapsed=7.0)
    found = reported(heard, name, OLD if name == "V17" else NEW)
    assert (found.outcome, found.at_risk, found.delay) == ("reattached", False, delay)


def test_a_slow_pids_is_no_risk_where_nobody_asks_pids():
    slow = said("v2", elapsed=5.0, greeted=0.001, pids=None, pids_failure=(None, "no answer"))
    assert (reported(slow, "V16").outcome, reported(slow, "V16").at_risk) == ("reattached", False)
    assert reported(said("v2", elapsed=2.6, greeted=2.6), "V16").at_risk is True


@pytest.mark.parametrize("code", [4, 14])
def test_a_status_that_the_shim_answered_is_no_silence(code):
    assert reported(said("v2", pids=None, pids_failure=(code, "as it says")), "V17").outcome == "orphaned"


# Delays


def test_a_silent_shim_costs_containerd_its_whole_timeout():
    assert reported(silent("D3")).delay == reported(silent("D4")).delay == reported(silent("D5")).delay == 5.0
    assert reported(silent("D3"), load_timeout=2.0).delay == 2.0
    assert reported(silent("D2")).delay == 0.0
    assert reported(said("v2", pids=None, pids_failure=(None, "")), "V23c").delay == 5.0


def test_a_shim_that_answers_costs_what_is_usual_unless_it_is_slow():
    # Many are asked at once, so what each took is no measure of what containerd needs for it.
    assert reported(said("v2", elapsed=0.25)).delay == reported(said("v2", elapsed=2.5)).delay == 0.02
    assert reported(said("v2", elapsed=2.6)).delay == 2.6


@pytest.mark.parametrize(
    "name, processors, expected",
    [
        ("V16", 4, 16.0),
        ("V17", 4, 16.0),
        ("V20a", 4, 16.0),
        ("V20b", 4, 16.0),
        ("V22", 1, 16.0),
        # Lanes: 5+5 and 5+1, or 5, 5, 5+1, or all at once.
        ("V22", 2, 10.0),
        ("V22", 3, 6.0),
        ("V23c", 4, 5.0),
        ("V23c", 64, 5.0),
        ("V22", 0, 16.0),
    ],
)
def test_the_start_takes_the_sum_until_2_2_loads_in_parallel(name, processors, expected):
    assert start_estimate((5.0, 5.0, 5.0, 1.0), surely(name), processors) == expected


def test_nothing_to_load_takes_no_time():
    assert start_estimate((), surely("V17"), 2) == start_estimate((), surely("V22"), 2) == 0.0
