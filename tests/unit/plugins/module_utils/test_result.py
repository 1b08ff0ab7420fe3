# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a host is small by construction: what is cut, in which order, and that the limit holds."""

from __future__ import annotations

import json

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils import _result

LONG_ID = "5c2c94f350956351767ab08d2fb10665b454fab9b15106287a43a930549cb7a2"


def rows(count):
    return [
        {"namespace": "k8s.io", "id": LONG_ID, "reason": "nobody listens on the socket"} for _number in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 5, 8, 9, 40, 256, 1000])
def test_a_summary_is_result_and_says_what_was_left_out(count):
    result = _result.fit({"shims": rows(count), "summary": {"bundles": count}}, "summary")
    assert _result.size(result) <= _result.SMALL
    assert result["summary"] == {"bundles": count, "truncated": count - len(result["shims"])}
    assert (result["summary"]["truncated"] == 0) == (count <= 8)
    # No more than has to be is left out.
    if result["summary"]["truncated"]:
        assert _result.size(dict(result, shims=result["shims"] + rows(1))) > _result.SMALL


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
    assert _result.size(result) <= _result.SMALL and kept > 5 and result["summary"]["truncated"] == 100 - kept


def test_of_many_lists_only_rows_are_lost():
    result = {
        "shims": rows(100),
        "at_risk": rows(100),
        "forecast": {"outcomes": {"killed": 100}},
        "summary": {"tasks": 100},
    }
    result = _result.fit(result, "summary")
    assert _result.size(result) <= _result.SMALL and result["forecast"] == {"outcomes": {"killed": 100}}
    kept = len(result["shims"]) + len(result["at_risk"])
    assert result["summary"] == {"tasks": 100, "truncated": 200 - kept}
    assert abs(len(result["shims"]) - len(result["at_risk"])) <= 1


def test_an_instance_keeps_its_daemon_when_its_bundles_are_too_many():
    daemon = {"unit": "containerd.service", "running": "1.7.24", "kill_mode": "process"}
    bundles = [dict(row, problems=["its init process is gone", "no shim listens on its endpoint"]) for row in rows(50)]
    one = {"layout": "containerd", "daemon": daemon, "bundles": bundles, "endpoints": [], "leftovers": rows(3)}
    result = _result.fit({"instances": [one], "summary": {"bundles": 50}}, "summary")
    assert _result.size(result) <= _result.SMALL
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
    assert _result.size(result) <= _result.SMALL or left == ["a", "bb", "c"]
    assert result["summary"]["truncated"] == 4 - len(left)


def test_targets_are_left_out_last_their_sentences_are_shortened_first():
    targets = [{"target": "2.1.9", "at_risk": 1, "outcomes": {"killed": 1}, "refusal": "x" * 500} for _one in range(2)]
    result = _result.fit({"shims": rows(40), "targets": targets, "summary": {}}, "summary")
    assert _result.size(result) <= _result.SMALL and len(result["targets"]) == 2 and result["shims"]
    assert {len(one["refusal"]) for one in result["targets"]} == {120}
    assert result["targets"][0]["refusal"].endswith("x...")
    assert _result.size(dict(result, shims=result["shims"] + rows(1))) > _result.SMALL


def test_a_long_sentence_is_shortened_and_its_row_stays():
    result = _result.fit({"msg": 5000 * "x", "shims": rows(2), "summary": {}}, "summary")
    assert result["msg"] == 237 * "x" + "..." and len(result["shims"]) == 1 and result["summary"] == {"truncated": 1}


@pytest.mark.parametrize("letter", ["x", "\u00e9", "\U0001f600", "\ud800", '"', "\n"])
def test_strings_are_measured_as_they_are_written(letter):
    result = _result.fit({"msg": 900 * letter, "more": {"a": [900 * letter]}, "summary": {}}, "summary")
    assert len(json.dumps(result)) <= _result.SMALL and result["msg"].startswith(letter) and result["msg"][-3:] == "..."
    assert len(result["msg"]) > 15


def test_the_count_is_where_the_summary_is_else_in_the_result():
    facts = {"ansible_facts": {"containerd_shims": {"instances": [{"bundles": rows(50)}], "summary": {"bundles": 50}}}}
    inner = _result.fit(facts, "summary")["ansible_facts"]["containerd_shims"]
    assert inner["summary"] == {"bundles": 50, "truncated": 50 - len(inner["instances"][0]["bundles"])}
    assert _result.fit({"staged": "/x"}, "summary") == {"staged": "/x", "truncated": 0}


def test_a_result_is_cut_twice_and_counted_once():
    result = _result.fit({"shims": rows(50), "summary": {}}, "summary")
    result = _result.fit(dict(result, judged={"failed": {"rule-{0}".format(one): 1 for one in range(40)}}), "summary")
    assert _result.size(result) <= _result.SMALL and result["summary"] == {"truncated": 50 - len(result["shims"])}


def test_what_was_asked_for_by_an_option_of_its_own_is_whole():
    document, diff = {"bundles": rows(100)}, [{"after": 5000 * "x"}]
    result = _result.fit({"document": document, "diff": diff, "shims": rows(1), "summary": {}}, "summary")
    assert len(result["document"]["bundles"]) == 100 and result["diff"] == diff and len(result["shims"]) == 1


def test_without_any_list_or_string_the_largest_value_goes():
    numbers = {str(number): 2**63 for number in range(200)}
    result = _result.fit({"judged": numbers, "gap": 0.3, "summary": {"tasks": 2**63}}, "summary")
    assert result == {"judged": {}, "gap": 0.3, "summary": {"tasks": 2**63, "truncated": 0}}


def test_arguments_are_returned_whole_until_they_are_too_long():
    short = {"ids": ["a", "b"], "state": "restarted", "timeout": 60.0}
    assert _result.shortened_arguments(short) == short
    long = dict(short, ids=[LONG_ID] * 256, ledger="/" + "x" * 4000)
    shown = _result.shortened_arguments(long)
    assert (shown["ids"], shown["state"], len(long["ids"])) == ("256 items", "restarted", 256)
    assert len(shown["ledger"]) <= 240 and shown["ledger"].endswith("...")
    result = _result.fit({"shims": rows(100), "summary": {}}, "summary", _result.invoked(shown))
    assert len(json.dumps(dict(result, invocation={"module_args": shown}))) < _result.LARGEST


def test_an_error_sentence_is_whole_until_it_is_too_long():
    assert _result.sentence("scan: it is odd.") == "scan: it is odd."
    assert _result.size(_result.sentence(9000 * "\U0001f600")) <= 802
