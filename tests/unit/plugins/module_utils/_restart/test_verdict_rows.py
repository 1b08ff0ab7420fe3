# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of verdicts: what counts as lost, and what an earlier proof is worth."""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._restart import verdict_rows
from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict import LOST, VERDICTS


def row(verdict, identifier="plain1", reason="why"):
    return {"namespace": "default", "id": identifier, "verdict": verdict, "reason": reason}


def after(now, *earlier):
    """The verdict and the reason that stand after earlier verdicts."""
    one = row(now)
    found = verdict_rows.with_earlier_proof(one, [row(word, reason=word + " then") for word in earlier])
    assert one == row(now), "the row that was given is left alone"
    return found["verdict"], found["reason"]


def test_what_counts_as_lost():
    found = [row(word) for word in VERDICTS]
    counts = verdict_rows.summary(found)
    assert counts["tasks"] == len(VERDICTS) and all(counts[word] == 1 for word in VERDICTS)
    assert counts["lost"] == len(LOST) == 4
    assert [one["verdict"] for one in verdict_rows.lost(found)] == [word for word in VERDICTS if word in LOST]
    assert verdict_rows.unproven(found) == [row("unproven")]


def test_what_was_proven_stays_proven():
    assert after("killed", "reattached") == ("ended", "it was proven reattached, and ended since")
    assert after("killed", "exited") == ("exited", "exited then")
    assert after("killed", "ended") == ("ended", "ended then")
    # A round in which a witness was silent takes nothing back.
    assert after("killed", "unproven", "reattached")[0] == "ended"


def test_what_the_forecast_said_would_end_is_lost_also_when_it_ends_late():
    earlier, key = [row("reattached")], ("default", "plain1")
    assert verdict_rows.with_earlier_proof(row("killed"), earlier, {key}) == row("killed")
    assert verdict_rows.with_earlier_proof(row("killed"), earlier, {("default", "plain2")})["verdict"] == "ended"


@pytest.mark.parametrize("lost", ["orphaned", "duplicated"])
def test_what_was_lost_and_ended_since_stays_lost(lost):
    assert after("ended", lost) == (lost, lost + " then")


def test_nothing_else_is_changed():
    changed = {("killed", "reattached"), ("killed", "exited"), ("killed", "ended")}
    changed |= {("ended", "orphaned"), ("ended", "duplicated")}
    for now, earlier in itertools.product(VERDICTS, repeat=2):
        assert (after(now, earlier) != (now, "why")) == ((now, earlier) in changed), (now, earlier)
    assert after("killed") == ("killed", "why")


def test_the_proof_of_another_task_is_none():
    assert verdict_rows.with_earlier_proof(row("killed"), [row("reattached", "plain2")])["verdict"] == "killed"


def test_a_containerd_that_may_still_restart_proves_nothing_good():
    for word in VERDICTS:
        found = verdict_rows.not_proven(row(word), "it is not over")
        expected = ("unproven", "it is not over") if word == "reattached" else (word, "why")
        assert (found["verdict"], found["reason"]) == expected
