# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A batch that settles at the same time: what is verified when, and what a loss after the wait ends."""

import pytest
import rolls


@pytest.fixture
def six(row):
    """Six sound hosts, in the order the playbook takes them."""
    hosts = list(row.hosts.values())[:6]
    rolls.repair(row, hosts)
    yield hosts
    rolls.repair(row, hosts)


def roll(row, hosts, place, **options):
    """A roll over one canary and batches of three and two, two hosts at once, which settles by the batch."""
    options = {"batches": [1, 3, 2], "settle": 6, "settle_per": "batch", "command": [rolls.RESTART], **options}
    return rolls.Roll(row, hosts, place, "settle", forks=2, **options)


def test_all_hosts_of_a_batch_restart_before_the_first_is_verified_again(row, six, tmp_path):
    rolls.ways(six, {})
    with roll(row, six, tmp_path) as one:
        assert one.ended() == 0
        documents = one.documents()
    assert {document["state"] for document in documents.values()} == {"verified"}
    batches = {number: [one for one in documents.values() if one["batch"] == number] for number in (1, 2, 3)}
    assert [len(found) for found in batches.values()] == [1, 3, 2]
    assert "settles_from" not in batches[1][0], "the canary settles by itself"
    for number in (2, 3):
        restarted = [document["settles_from"] for document in batches[number]]
        assert max(restarted) < min(document["ended"] for document in batches[number])
        assert all(document["ended"] - document["settles_from"] >= 6 for document in batches[number])
        assert all(document["summary"]["reattached"] == 1 for document in batches[number])
    # What is in the middle of its wait is verified again by the same run, and not restarted.
    assert set(rolls.restarts(six).values()) == {1}


@pytest.mark.matrix
def test_a_loss_after_the_wait_ends_the_roll_with_its_batch(row, six, tmp_path):
    rolls.ways(six, {"lab3": "loses later"})
    with roll(row, six, tmp_path) as one:
        assert one.ended() == 2
        states, lost = one.states(), one.documents()["lab3"]
    assert list(states.values()) == ["verified", "verified", "lost", "verified", "untouched", "untouched"]
    assert lost["summary"]["killed"] == 1 and lost["ended"] > lost["settles_from"] + 6


@pytest.mark.matrix
def test_a_loss_in_the_first_verdicts_stops_those_that_have_not_begun(row, six, tmp_path):
    rolls.ways(six, {"lab2": "loses"}, others="restarts")
    rolls.ways(six[2:], {}, others="waits")
    with roll(row, six, tmp_path) as one:
        reason = one.stopped()
        one.until(lambda: [row["state"] for row in one.documents().values()].count("untouched") >= 1, "one is denied")
        rolls.go(six)
        assert one.ended() == 2
        states = one.states()
    assert "lab2: verify: 1 killed" in reason
    assert list(states.values()) == ["verified", "lost", "verified", "untouched", "untouched", "untouched"]
