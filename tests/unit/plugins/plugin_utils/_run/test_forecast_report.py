# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What check mode says at the end: each host, the fleet by outcome, the refusals, the time."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.plugin_utils._run import estimate, forecast_report

RUN = {"run_id": "monday", "plan": {"batches": ["1", "50%"], "settle": 30.0, "pause": 10.0}}


def document(host, state="forecast", tasks=8, at_risk=0, rescued=0, message="", **outcomes):
    found = {"tasks": tasks, "at_risk": at_risk, "outcomes": outcomes or {"reattached": tasks}}
    rows = [{"namespace": "default", "id": str(number)} for number in range(rescued)]
    return {"host": host, "state": state, "message": message, "forecast": found, "rescued": rows, "start_estimate": 1.0}


def report(*documents, forks=2):
    return list(forecast_report.lines(RUN, documents, forks))


def test_a_host_that_is_well_and_one_that_is_rescued():
    found = report(document("a"), document("b", at_risk=1, rescued=1, reattached=7, killed=1))
    assert found[:2] == [
        "  a: 8 tasks: 8 kept, 0 rescued, 0 refused",
        "  b: 8 tasks: 7 kept, 1 rescued, 0 refused",
    ]
    assert found[3] == "2 hosts, 16 tasks: 15 kept, 1 rescued, 0 refused. Nothing was changed."
    assert found[4:6] == ["  reattached  15", "  killed      1"]


def test_a_refused_host_with_its_reason():
    reason = "forecast: 2 of 8 tasks at risk"
    found = report(document("a", "refused", at_risk=2, message=reason, reattached=6, killed=2), document("b"))
    assert found[0] == "  a: 8 tasks: 6 kept, 0 rescued, 2 refused; refused"
    place = found.index("1 host would be refused, and left alone:")
    assert found[place + 1] == "  a: " + reason


def test_a_host_without_a_forecast():
    unknown = {"host": "c", "state": "refused", "message": "it became unreachable", "forecast": {}}
    found = report(unknown)
    assert found[0] == "  c: it became unreachable"
    assert found[-1] == "Estimated time: 0:00:00 (0 hosts, 0 batches, 2 at once)"
    assert report({**unknown, "message": "", "state": "forecast"})[0] == "  c: no forecast was made"


def test_the_time_of_a_refused_host_does_not_count():
    # One host, then two batches of two, two at once: three rounds of 35 seconds and two pauses.
    hosts = [document(name) for name in "abcd"] + [document("e", "refused", at_risk=8)]
    assert report(*hosts)[-1] == "Estimated time: 0:02:05 (4 hosts, 3 batches, 2 at once)"


@pytest.mark.parametrize(
    "sizes, forks, per_host, per_batch",
    [
        ([], 5, 0.0, 0.0),
        ([1], 5, 10.0, 10.0),
        ([1, 5], 5, 23.0, 23.0),
        ([1, 6], 5, 33.0, 25.0),
        ([3], 0, 30.0, 30.0),
        ([1, 100, 100], 10, 216.0, 72.0),
    ],
)
def test_an_estimate(sizes, forks, per_host, per_batch):
    """Two seconds of work and eight of settling on a host."""
    assert estimate.seconds(sizes, forks, 2.0, 8.0, 3.0) == per_host
    assert estimate.seconds(sizes, forks, 2.0, 8.0, 3.0, "batch") == per_batch
