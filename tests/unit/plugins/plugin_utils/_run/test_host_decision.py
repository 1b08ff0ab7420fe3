# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run does with a host: by its forecast, its rules, and the path of an upgrade."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.plugin_utils._run.host_decision import Decision, decide

RISK, RULE = "forecast: 1 task at risk.", "rule kill-mode: it kills."


def result(refusal="", judged="", rescuable=0, running="1.7.24", installed="1.7.24", risky=()):
    return {
        "refusal": refusal,
        "judged": {"refusal": judged},
        "summary": {"tasks": 8, "at_risk": len(risky), "rescuable": rescuable},
        "release": {"running": running, "installed": installed, "target": "2.1.9"},
        "shims": [{"namespace": "default", "id": name, "at_risk": name in risky} for name in ("a", "b", "c")],
    }


@pytest.mark.parametrize(
    "found, on_risk, rescue, reason",
    [
        (result(), "refuse", True, ""),
        (result(RISK), "refuse", False, RISK),
        (result(RISK), "proceed", False, ""),
        (result(RISK, rescuable=1), "refuse", True, ""),
        (result(RISK, rescuable=1), "refuse", False, RISK),
        (result(RISK, RULE), "refuse", False, f"{RISK} {RULE}"),
        # The rules leave out themselves what can be rescued.
        (result(RISK, RULE, rescuable=1), "refuse", True, RULE),
    ],
)
def test_a_restart(found, on_risk, rescue, reason):
    assert decide(found, on_risk, rescue) == Decision("refused" if reason else "", reason)


def test_a_forecast_without_rules():
    found = result(RISK)
    del found["judged"]
    assert decide(found, "refuse", False).reason == RISK


def test_a_host_that_has_the_release():
    found = decide(result(RISK, running="2.1.9", installed="2.1.9", risky="a"), "refuse", False, "2.1.9")
    assert found == Decision("current", "containerd 2.1.9 already runs and is installed, 8 tasks, 1 at risk")
    # Which package of it is installed is not known before it is staged.
    assert decide(result(running="2.1.9", installed="2.1.9"), "refuse", False, "2.1.9+ds1-5").state == ""
    assert decide(result(running="2.1.9"), "refuse", False, "2.1.9").state == ""


def test_an_upgrade_path_that_is_not_supported():
    found = decide(result(running="1.6.20", installed="1.6.20"), "proceed", True, "2.1.9")
    assert found.state == "refused" and "from 1.6.20 to 2.1.9 is not a supported upgrade path" in found.reason


def test_an_upgrade_at_risk():
    assert decide(result(RISK), "refuse", False, "2.1.9").reason == RISK
    assert decide(result(RISK), "proceed", False, "2.1.9").reason == ""


def test_a_rollback_names_every_container_it_would_lose_and_heeds_no_on_risk():
    older = result(RISK, running="2.1.9", installed="2.1.9", risky="ac")
    found = decide(older, "proceed", True, "1.7.24")
    assert found.reason == f"{RISK} A rollback would lose default/a, default/c."
    assert decide(result(running="2.1.9", installed="2.1.9"), "refuse", False, "1.7.24").state == ""


def test_a_containerd_that_does_not_run_has_no_path():
    assert decide(result("containerd does not answer", running=None), "refuse", False, "2.1.9").state == "refused"
