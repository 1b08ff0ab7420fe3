# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules return: counts that stay exact, lists that are cut to size, nothing that may not leave a host."""

from __future__ import annotations

import json

import pytest

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
LONG_ID = "5c2c94f350956351767ab08d2fb10665b454fab9b15106287a43a930549cb7a2"


def rows(count):
    return [
        {"namespace": "k8s.io", "id": LONG_ID, "reason": "nobody listens on the socket"} for _number in range(count)
    ]


def size(result):
    return len(json.dumps(result))


# fit


@pytest.mark.parametrize("count", [0, 1, 5, 8, 9, 40, 256, 1000])
def test_a_summary_is_small_and_says_what_was_left_out(count):
    result = _result.fit({"shims": rows(count), "summary": {"bundles": count}}, "summary")
    assert size(result) <= _result.SMALL
    assert result["summary"] == {"bundles": count, "truncated": count - len(result["shims"])}
    assert (result["summary"]["truncated"] == 0) == (count <= 8)
    # No more than has to be is left out.
    if result["summary"]["truncated"]:
        assert size(dict(result, shims=result["shims"] + rows(1))) > _result.SMALL


@pytest.mark.parametrize("detail", ["problems", "full"])
def test_more_detail_leaves_nothing_out(detail):
    result = _result.fit({"shims": rows(500), "summary": {}}, detail)
    assert len(result["shims"]) == 500 and result["summary"] == {"truncated": 0}


def test_the_longest_list_is_cut_first():
    result = {"shims": rows(40), "at_risk": rows(3), "rollback": {"containers": []}, "summary": {}}
    result = _result.fit(result, "summary")
    assert len(result["at_risk"]) == 3 and 0 < len(result["shims"]) < 40


def test_lists_within_dictionaries_are_cut_too():
    result = {"rollback": {"class": "closed", "containers": ["k8s.io/" + LONG_ID] * 100}, "summary": {}}
    result = _result.fit(result, "summary")
    kept = len(result["rollback"]["containers"])
    assert size(result) <= _result.SMALL and kept > 5 and result["summary"]["truncated"] == 100 - kept


def test_of_many_lists_only_rows_are_lost():
    result = {
        "shims": rows(100),
        "at_risk": rows(100),
        "forecast": {"outcomes": {"killed": 100}},
        "summary": {"tasks": 100},
    }
    result = _result.fit(result, "summary")
    assert size(result) <= _result.SMALL and result["forecast"] == {"outcomes": {"killed": 100}}
    kept = len(result["shims"]) + len(result["at_risk"])
    assert result["summary"] == {"tasks": 100, "truncated": 200 - kept}
    assert abs(len(result["shims"]) - len(result["at_risk"])) <= 1


def test_an_instance_keeps_its_daemon_when_its_bundles_are_too_many():
    daemon = {"unit": "containerd.service", "running": "1.7.24", "kill_mode": "process"}
    bundles = [dict(row, problems=["its init process is gone", "no shim listens on its endpoint"]) for row in rows(50)]
    one = {"layout": "containerd", "daemon": daemon, "bundles": bundles, "endpoints": [], "leftovers": rows(3)}
    result = _result.fit({"instances": [one], "summary": {"bundles": 50}}, "summary")
    assert size(result) <= _result.SMALL
    (kept,) = result["instances"]
    assert kept["daemon"] == daemon and len(kept["leftovers"]) == 3
    # A row is there whole or not at all.
    assert kept["bundles"] and all(len(row["problems"]) == 2 for row in kept["bundles"])
    assert result["summary"] == {"bundles": 50, "truncated": 50 - len(kept["bundles"])}


@pytest.mark.parametrize("padding", range(1250, 1330))
def test_the_limit_is_kept_to_the_byte(padding):
    lists = {"one": ["a"], "two": ["bb"], "three": ["c", "c"]}
    result = _result.fit(dict(lists, text=padding * "x", summary={}), "summary")
    left = result["one"] + result["two"] + result["three"]
    assert size(result) <= _result.SMALL or left == ["a", "bb", "c"]
    assert result["summary"]["truncated"] == 4 - len(left)


def test_what_is_no_list_is_never_cut():
    result = _result.fit({"text": 5000 * "x", "shims": rows(2), "summary": {}}, "summary")
    assert result == {"text": 5000 * "x", "shims": rows(1), "summary": {"truncated": 1}}


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
    assert (counts["tasks"], counts["killed"], counts["new"]) == (9, 2, 1)
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


def test_targets_are_never_left_out_only_their_sentences_are_shortened():
    targets = [dict(results.target(an_outlook()), refusal="x" * 500) for _number in range(2)]
    result = _result.fit({"shims": rows(40), "targets": targets, "summary": {}}, "summary")
    assert size(result) <= _result.SMALL and len(result["targets"]) == 2 and result["shims"]
    assert {len(one["refusal"]) for one in result["targets"]} == {120}
    assert result["targets"][0]["refusal"].endswith("x...")
    assert size(dict(result, shims=result["shims"] + rows(1))) > _result.SMALL


def test_a_forecast_is_what_these_tests_take_it_for():
    assert isinstance(pair(said("v2"))[1], Forecast)
