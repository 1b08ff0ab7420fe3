# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules return: rows, and counts that stay exact."""

from __future__ import annotations

from ansible_collections.shimops.containerd.plugins.module_utils import _result
from ansible_collections.shimops.containerd.plugins.module_utils._forecast import results
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.forecast import Forecast, forecast
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.host_forecast import HostForecast
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import ReleaseClass, classify
from ansible_collections.shimops.containerd.plugins.module_utils._restart import verdict_rows
from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict import GOOD, VERDICTS
from ansible_collections.shimops.containerd.tests.unit.support.observations import (
    ADDRESS,
    HERE,
    POD,
    a_bundle,
    a_case,
    a_daemon,
    said,
    silent,
)

V17 = ReleaseClass("V17", True, ("V17",))

# Rows and counts


def pair(heard, name="V17", **fields):
    bundle = a_bundle(None, ADDRESS, **fields)
    observed = a_case(bundle, {HERE: heard}, name)
    return observed, forecast(observed, ReleaseClass(name, True, (name,)), 5.0)


def test_a_row_has_the_keys_of_the_contract():
    row = results.shim_row(*pair(said("v2"), pod=POD))
    assert row == {
        "namespace": "default",
        "id": "plain1",
        "pod": {"namespace": "shop", "name": "web1", "uid": POD.uid, "container": "app"},
        "outcome": "reattached",
        "task": "kept",
        "client": "keeps",
        "at_risk": False,
        "rule": "A1",
        "reason": "its shim answers",
        "delay": 0.02,
        "shim_pid": 411,
        "task_pid": 430,
        "status": "running",
        "answers": "v3: Unimplemented, v2: ok",
    }


def test_a_row_of_what_is_no_bundle_has_them_all_as_well():
    observed = a_case(None, {}, "V17", kind="hidden")
    row = results.shim_row(observed, forecast(observed, V17, 5.0))
    assert set(row) == set(results.shim_row(*pair(said("v2"))))
    assert (row["outcome"], row["answers"], row["pod"], row["status"]) == ("skipped", "", None, None)


def test_the_summary_of_a_forecast_counts_exactly():
    hidden = a_case(None, {}, "V17", kind="hidden")
    pairs = [pair(said("v2")), pair(said("v2")), pair(silent("D2")), pair(silent("D2"), init=None)]
    pairs.append((hidden, forecast(hidden, V17, 5.0)))
    expected = {"bundles": 4, "tasks": 3, "at_risk": 1, "rescuable": 0}
    expected["outcomes"] = {"reattached": 2, "killed": 2, "skipped": 1}
    assert results.counts(iter(pairs)) == expected
    assert results.counts([]) == {"bundles": 0, "tasks": 0, "at_risk": 0, "rescuable": 0, "outcomes": {}}


def test_the_summary_of_verdicts_has_every_word():
    found = [{"verdict": name} for name in VERDICTS] + [{"verdict": "killed"}]
    counts = verdict_rows.summary(found)
    assert set(counts) == set(VERDICTS) | {"tasks", "lost"}
    assert (counts["tasks"], counts["killed"], counts["new"]) == (10, 2, 1)
    assert counts["lost"] == 9 - len(GOOD)
    assert verdict_rows.summary([]) == dict.fromkeys(list(VERDICTS) + ["tasks", "lost"], 0)


def test_which_rows_are_returned():
    found = [{"id": 1, "bad": False}, {"id": 2, "bad": True}]
    wrong = [found[1]]
    assert _result.select(found, "full", lambda row: row["bad"]) == found
    assert _result.select(found, "problems", lambda row: row["bad"]) == wrong
    assert _result.select(found, "summary", lambda row: row["bad"]) == wrong


# The host


def an_outlook(*pairs, **fields):
    values = {"version": "2.1.9", "release": classify("2.1.9"), "hazards": [], "start_estimate": 0.0}
    values.update(fields)
    return HostForecast(forecasts=list(pairs), **values)


def test_risks_name_the_tasks():
    assert results.risks(None) == []
    found = results.risks(an_outlook(pair(said("v2")), pair(silent("D2"), pod=POD)))
    assert [set(row) for row in found] == [{"namespace", "id", "pod", "outcome", "rule", "reason"}]
    assert (found[0]["outcome"], found[0]["rule"], found[0]["pod"]["name"]) == ("killed", "D2", "web1")


def test_a_refusal_is_one_sentence_with_the_first_task():
    assert results.refusal(an_outlook(pair(said("v2")))) == ""
    text = results.refusal(an_outlook(pair(said("v2")), pair(silent("D2", "the shim is dead"))))
    assert text == (
        "forecast: 1 of 2 tasks at risk in a restart into 2.1.9: default/plain1 would be killed, "
        "the shim is dead (row D2); repair it, or drain the host."
    )


def test_releases():
    found = results.release(a_daemon(installed="2.1.9"), an_outlook())
    assert found == {
        "running": "1.7.24",
        "installed": "2.1.9",
        "target": "2.1.9",
        "release_class": "V20b",
        "release_class_sure": True,
    }
    assert set(results.release(a_daemon(), None).values()) == {"1.7.24", None}


def test_a_target_is_its_forecast_in_counts():
    found = results.target(an_outlook(pair(said("v2")), pair(silent("D2", "the shim is dead"))))
    assert found == {
        "target": "2.1.9",
        "release_class": "V20b",
        "release_class_sure": True,
        "at_risk": 1,
        "rescuable": 0,
        "outcomes": {"reattached": 1, "killed": 1},
        "start_estimate": 0.0,
        "refusal": results.refusal(an_outlook(pair(said("v2")), pair(silent("D2", "the shim is dead")))),
    }


def test_a_forecast_is_what_these_tests_take_it_for():
    assert isinstance(pair(said("v2"))[1], Forecast)
