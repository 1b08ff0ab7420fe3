# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report says of a host: from an audit, from a roll, and against an earlier run; and what it counts."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict import GOOD, VERDICTS
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports import audit, drift, files, roll
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import STATES, Finding, Head, HostReport
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.totals import MOST, Totals
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules import rule_packs
from ansible_collections.shimops.containerd.tests.unit.support import run_folder

RULES, JUDGE = audit.engine(audit.SHIPPED, [], datetime.date(2026, 6, 30))


def audited(*faults, **more):
    return audit.report("web", run_folder.audited("web", faults=faults, **more), JUDGE)


@pytest.mark.parametrize(
    "faults, more, state",
    (
        ((), {}, "clean"),
        ((), {"pids": False}, "unknown"),
        (("leak",), {}, "minor"),
        (("leak",), {"pids": False}, "minor"),
        (("open_socket",), {}, "major"),
        (("killed", "leak"), {}, "blocker"),
    ),
    ids=("clean", "not all asked", "leak", "leak, not all asked", "open socket", "hung"),
)
def test_state_of_an_audited_host(faults, more, state):
    assert audited(*faults, **more).state == state


def test_findings_name_the_container_its_pod_and_the_command():
    one, *rest = audited("killed").findings
    assert (one.rule, one.subject, one.pod) == ("shim-hung", "k8s.io/" + "0" * 64, "shop/cart-0") and not rest
    (leak,) = audited("leak").findings
    assert (leak.subject, leak.command) == ("default/batch-9", "kill 1444")


def test_shims_by_version_against_the_disk():
    assert audited("old_code").shims == (("2.1.7", "2.1.9", 2),)
    assert audited(running="2.1.7").daemon == ("2.1.7", "2.1.9")


@pytest.mark.parametrize("key", ("daemon", "counts", "asked"))
def test_a_document_that_breaks_its_schema_is_unreadable(key):
    document = run_folder.audited("web")
    document[key] = "nonsense"
    found = audit.report("web", document, JUDGE)
    assert found.state == "unreadable" and "not as its schema says" in found.message


def test_every_rule_is_known_with_its_pack():
    packs = rule_packs.load(audit.SHIPPED)
    assert set(RULES) == {rule.id for pack in packs for rule in pack.rules}
    assert RULES["shim-hung"].pack == "restart_safety"
    assert audit.SHIPPED == rule_packs.SHIPPED


@pytest.mark.parametrize("word", VERDICTS)
def test_every_lost_task_is_a_finding(word):
    document = run_folder.rolled("web", "verified", verdicts=[run_folder.verdict("one", word, reason="why")])
    found = roll.report("web", document)
    wanted = [] if word in GOOD else [(word, "blocker", "k8s.io/one", "shop/cart-0", "why")]
    assert [(one.rule, one.severity, one.subject, one.pod, one.reason) for one in found.findings] == wanted


@pytest.mark.parametrize("state", ("failed", "begun", "refused", "untouched"))
def test_states_that_are_findings(state):
    found = roll.report("web", run_folder.rolled("web", state, message="because"))
    assert [(one.rule, one.subject, one.reason) for one in found.findings] == [(state, "", "because")]


def test_why_a_host_was_refused_is_listed():
    row = {"namespace": "default", "id": "x", "pod": None, "outcome": "killed", "rule": "D3", "reason": "silent"}
    found = roll.report("web", run_folder.rolled("web", "refused", at_risk=[row]))
    assert found.findings[1].reason == "would be killed: silent (row D3)"


@pytest.mark.parametrize(
    "change",
    (
        {"state": "dancing"},
        {"verdicts": [{"id": 1}]},
        {"hazards": 7},
        {"release": "x"},
        {"at_risk": [None], "state": "refused"},
    ),
    ids=("state", "row", "number", "release", "null"),
)
def test_a_roll_document_that_is_not_as_it_should_be(change):
    assert roll.report("web", run_folder.rolled("web", **change)).state == "unreadable"


@pytest.mark.parametrize("state", ("verified", "current", "lost", "forecast"))
def test_states_have_words(state):
    assert roll.report("web", run_folder.rolled("web", state)).state == state and state in STATES


def report(*findings, state="major", checked=("a", "b")):
    return HostReport("web", state, checked=checked, findings=findings)


OLD, NEW = Finding("a", "major", "ns/old"), Finding("a", "major", "ns/new")


def test_drift_new_and_gone():
    found = drift.compare(report(OLD, NEW), report(OLD, Finding("b", "minor", "ns/old")))
    assert [one.new for one in found.findings] == [False, True]
    assert [one.key for one in found.gone] == [("b", "ns/old")]


def test_drift_against_a_host_nobody_knew():
    for before in (None, HostReport("web", "missing"), HostReport("web", "unreadable")):
        found = drift.compare(report(OLD), before)
        assert [one.new for one in found.findings] == [True] and found.gone == ()


def test_what_was_not_seen_is_not_gone():
    assert drift.compare(HostReport("web", "missing"), report(OLD)).gone == ()
    blind = Finding("a", "major", unknown=True)
    found = drift.compare(report(blind), report(OLD))
    assert found.gone == () and found.findings[0].new is None
    assert drift.compare(report(checked=("b",)), report(OLD)).gone == (), "the rule is not asked any more"


def totals(*reports):
    counted = Totals(Head("audit", "t", "r", "audit", None, RULES))
    for one in reports:
        counted.add(one)
    return counted


def test_what_fails_a_gate():
    major, waived = Finding("a", "major"), Finding("a", "blocker", waived="yes")
    unknown = Finding("a", "blocker", unknown=True)
    assert totals(report(waived)).failing("info") == []
    assert totals(report(major)).failing("blocker") == []
    assert totals(report(major)).failing("major") == ["findings: 1 major"]
    assert totals(report(unknown)).failing("blocker") == ["rules that could not be judged: 1"]
    assert totals(HostReport("x", "missing")).failing("blocker") == ["hosts of which nothing is known: 1"]
    assert totals(report(Finding("a", "minor"))).failing("info") == ["findings: 1 minor"]


def test_counts_per_rule():
    counted = totals(report(OLD, NEW, Finding("b", "info", waived="w")), report(OLD._replace(new=True)))
    both = {rule.id: total for rule, total in counted.found()}
    assert (both["a"].hosts, both["a"].findings, both["a"].new) == (2, 3, 1)
    assert (both["b"].hosts, both["b"].findings, both["b"].waived) == (0, 0, 1)
    assert counted.findings == 3 and counted.document()["waived"] == 1


def test_a_hostile_fleet_does_not_fill_the_tables():
    versions = [HostReport("h", "clean", daemon=(str(number), "x"), counts={str(number): 1}) for number in range(500)]
    counted = totals(*versions)
    assert len(counted.daemons) == MOST + 1 and sum(counted.daemons.values()) == 500
    assert len(counted.counts) == MOST + 1


def test_waves_and_gaps(tmp_path):
    documents = {str(n): run_folder.rolled(str(n), batch=n % 3, began=100.0 + n, gap=n / 10) for n in range(1, 31)}
    path = run_folder.write(tmp_path / "r", "restart", documents)
    counted = totals(*(roll.report(host, one) for host, one in files.RunFolder(path).documents("roll")))
    assert sorted(counted.waves) == [0, 1, 2]
    assert (counted.waves[1].began, counted.waves[1].gap) == (101.0, 2.8)
    assert sorted(counted.longest, reverse=True)[0] == (3.0, "30") and len(counted.longest) == 10
