# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge: passed, failed, waived, unknown; what a finding names; the example in the docs."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from ansible_collections.shimops.containerd.plugins.plugin_utils._rules import rule_packs, rule_set, waiver_list
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.evaluation import judge, refusing
from ansible_collections.shimops.containerd.plugins.plugin_utils._run import audit_verdict
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.folder_store import FolderStore

EXAMPLE = Path(__file__).resolve().parents[5] / "docs/host-document.example.json"
TODAY = datetime.date(2026, 11, 25)
CART = {"namespace": "k8s.io", "id": "4c1ba09f3f6e"}


@pytest.fixture
def document():
    return json.loads(EXAMPLE.read_text(encoding="utf-8"))


def one(document, waivers=(), **fields):
    rule = dict({"id": "one", "title": "One", "severity": "major", "why": "w", "remedy": "r"}, **fields)
    packs = rule_packs.load([{"name": "ours", "title": "Ours", "rules": [rule]}])
    (result,) = judge(document, packs, waiver_list.load(list(waivers)), TODAY)
    return result


@pytest.mark.parametrize(
    "query, expected, status, texts",
    [
        ("bundles[?outcome == 'hangs']", ..., "passed", []),
        ("bundles[?at_risk]", ..., "failed", ["One"]),
        ("bundles[?at_risk].{text: reason}", ..., "failed", ["the shim accepts connections but does not answer"]),
        (
            "leftovers[?pid]",
            ...,
            "failed",
            ["it has neither a bundle nor a living task: a load that killed its container left it behind"],
        ),
        ("daemon.behind_disk", ..., "failed", ["One"]),
        ("daemon.behind_disk", True, "passed", []),
        ("daemon.behind_disk", 1, "failed", ["found true, expected 1"]),
        ("!daemon.pid", ..., "passed", []),
        ("daemon.pid == `0` && bundles", ..., "passed", []),
        ("forecast.outcomes.hangs", ..., "passed", []),
        ("unit.restarts", 0, "passed", []),
        ("unit.restarts", 3, "failed", ["found 0, expected 3"]),
        ("unit.restarts", ..., "failed", ["0"]),
        ("unit.kill_mode", "process", "passed", []),
        ("unit.kill_mode", "mixed", "failed", ['found "process", expected "mixed"']),
        ("shims[].version", ["2.1.7", "2.1.9"], "failed", ["1.7.24"]),
        ("shims[].version", ["2.1.7", "2.1.9", "1.7.24"], "passed", []),
        ("join('', bundles[].pod)", ..., "unknown", None),
    ],
)
def test_what_a_query_finds(document, query, expected, status, texts):
    fields = {} if expected is Ellipsis else {"expected": expected}
    result = one(document, query=query, **fields)
    assert result["status"] == status, result
    assert texts is None or [finding["text"] for finding in result["findings"]] == texts


@pytest.mark.parametrize(
    "section", ["bundles", "shims", "unit", "hazards", "leftovers", "modes", "rollback", "forecast"]
)
def test_what_was_not_audited_is_unknown(document, section):
    document[section] = None
    result = one(document, query=section)
    assert result["status"] == "unknown"
    assert result["findings"][0]["text"] == f"the host was not checked for {section}"


def test_a_rule_whose_needs_are_not_met_is_unknown(document):
    assert one(document, query="bundles[?at_risk]", needs="asked.pids")["status"] == "unknown"
    document["asked"]["pids"] = True
    assert one(document, query="bundles[?at_risk]", needs="asked.pids")["status"] == "failed"


def test_a_finding_names_what_it_is_about(document):
    (finding,) = one(document, query="leftovers[?kind == 'stale_socket']")["findings"]
    assert finding["path"] and finding["command"] == "rm -- " + finding["path"] and finding["id"] is None
    # Text such as namespace/id is a container, and its pod is looked up.
    (finding, _other) = one(document, query="rollback.containers")["findings"]
    assert {key: finding[key] for key in CART} == CART and finding["pod"] == "shop/cart-0"
    (finding,) = one(document, query="[daemon.address]")["findings"]
    assert finding["text"] == "/run/containerd/containerd.sock" and finding["namespace"] is None


def test_waivers(document):
    waiver = {"rule": "one", "reason": "known", "owner": "ops", "expires": TODAY.isoformat()}
    held = {"reason": "known", "owner": "ops", "expires": "2026-11-25"}
    query = "rollback.containers"
    result = one(document, [waiver], query=query)
    assert result["status"] == "waived" and [finding["waiver"] for finding in result["findings"]] == [held, held]
    result = one(document, [dict(waiver, id="4c*")], query=query)
    assert result["status"] == "failed" and [finding["waiver"] for finding in result["findings"]] == [held, None]
    result = one(document, [dict(waiver, expires="2026-11-24")], query=query)
    assert result["status"] == "failed" and result["findings"][0]["expired"]["expires"] == "2026-11-24"
    # What is unknown cannot be waived.
    document["rollback"] = None
    assert one(document, [waiver], query=query)["status"] == "unknown"


def test_the_example_by_the_shipped_packs(document):
    results = judge(document, rule_packs.load(rule_packs.SHIPPED), (), TODAY)
    found = {result["rule"]: len(result["findings"]) for result in results if result["status"] == "failed"}
    assert found == {
        "shim-hung": 1,
        "task-without-bundle": 1,
        "unit-kills": 1,
        "legacy-bootstrap": 1,
        "rollback-closed": 2,
        "shim-old-code": 2,
        "daemon-old-code": 1,
        "socket-open": 1,
        "shim-left-behind": 1,
        "stale-socket": 1,
    }
    assert [result["rule"] for result in refusing(results)] == [
        "restart-orphans",
        "shim-hung",
        "task-without-bundle",
        "unit-kills",
    ]


def test_a_host_in_few_words(document):
    document["asked"]["pids"] = True
    packs = rule_packs.load(["restart_safety"])
    reported = audit_verdict.judged(document, rule_set.RuleSet(packs, ()), rescue=False)
    assert reported["failed"] == {"shim-hung": 1, "task-without-bundle": 1, "unit-kills": 1}
    assert reported["unknown"] == reported["waived"] == {}
    sentence = "rule shim-hung: A shim with a running container does not answer: default/metrics; Find out why"
    assert reported["refusal"].startswith(sentence)
    document["bundles"][2]["rescuable"], document["other_tasks"] = True, []
    reported = audit_verdict.judged(document, rule_set.RuleSet(packs, ()), rescue=True)
    assert reported["refusal"].startswith(
        "rule unit-kills: The settings of the unit kill every container (KillMode=mixed"
    )
    waivers = waiver_list.load([{"rule": "unit-kills", "reason": "r", "owner": "o", "expires": "2999-01-01"}])
    reported = audit_verdict.judged(document, rule_set.RuleSet(packs, waivers), rescue=True)
    assert reported["refusal"] == "" and reported["waived"] == {"unit-kills": 1}


def test_the_document_is_kept_whole(document, tmp_path):
    audit_verdict.keep(FolderStore(tmp_path), dict(document, host="a/b c"))
    (path,) = (tmp_path / "documents").iterdir()
    assert path.name == "a%2Fb%20c.host.json" and json.loads(path.read_text())["host"] == "a/b c"
