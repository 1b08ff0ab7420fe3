# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms, each read back by a library made for it."""

from __future__ import annotations

import csv
import json

import junitparser
import pytest
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports import csv_file, text
from ansible_collections.shimops.containerd.tests.unit.support import run_folder

HOSTILE = "a|b`c\n<img src=x>\u202e\"'\\ {x}"
WAIVER = {"rule": "shim-left-behind", "reason": "known", "owner": "team x", "expires": "2026-12-31"}


@pytest.fixture
def audit(tmp_path):
    """One host of each kind."""
    worst = run_folder.audited("worst", faults=("killed",))
    worst["bundles"][0].update(id=HOSTILE, reason=HOSTILE)
    worst["shims"][0].update(id=HOSTILE)
    documents = {
        "well": run_folder.audited("well"),
        "hung": run_folder.audited("hung", faults=("killed", "leak")),
        "old": run_folder.audited("old", faults=("old_code",), running="2.1.7"),
        "unasked": run_folder.audited("unasked", pids=False),
        "worst": worst,
        "=1+2": run_folder.audited("=1+2"),
        "silent": None,
        "broken": "{",
    }
    return run_folder.write(tmp_path / "night", "audit", documents)


@pytest.fixture
def roll(tmp_path):
    """A canary, a loss, a refusal, and a host that was not begun."""
    at_risk = {
        "namespace": "default",
        "id": "plain1",
        "pod": None,
        "outcome": "killed",
        "rule": "D3",
        "reason": HOSTILE,
    }
    rows = [run_folder.verdict("one"), run_folder.verdict("two", "killed", reason=HOSTILE)]
    documents = {
        "canary": run_folder.rolled("canary", verdicts=[run_folder.verdict("web")], gap=1.25),
        "loss": run_folder.rolled("loss", "lost", 2, run_folder.BEGAN + 60, verdicts=rows, gap=2.5),
        "stale": run_folder.rolled("stale", "refused", 2, message="forecast: 1 of 1 tasks at risk", at_risk=[at_risk]),
        "late": dict(run_folder.rolled("late", "untouched"), began=None, ended=None, batch=None, gap=None),
    }
    return run_folder.write(tmp_path / "roll", "restart", documents)


def suites(folder):
    parsed = junitparser.JUnitXml.fromfile(str(folder / "junit.xml"))
    return parsed, {suite.name: suite for suite in parsed}


def results(suite):
    """The tests of a suite by name: passed, or the kind of its result."""
    return {case.name.partition(":")[0]: (type(case.result[0]).__name__ if case.result else "passed") for case in suite}


def test_junit_of_an_audit(audit, write):
    folder, _totals = write(audit, waivers=[WAIVER])
    parsed, found = suites(folder)
    assert list(found)[:2] == ["well", "hung"]
    assert set(results(found["well"]).values()) == {"passed"}
    hung = results(found["hung"])
    assert (hung["shim-hung"], hung["shim-left-behind"]) == ("Failure", "Skipped")
    assert results(found["unasked"])["restart-orphans"] == "Error"
    assert results(found["silent"]) == results(found["broken"]) == {"document": "Error"}
    totals = [sum(getattr(suite, name) for suite in parsed) for name in ("tests", "failures", "errors", "skipped")]
    assert totals == [parsed.tests, parsed.failures, parsed.errors, parsed.skipped]
    assert parsed.errors == 3 and parsed.skipped == 1


def test_junit_of_a_roll(roll, write):
    folder, _totals = write(roll)
    _parsed, found = suites(folder)
    assert results(found["canary"]) == {"host": "passed", "k8s.io/web (pod shop/cart-0)": "passed"}
    assert set(results(found["loss"]).values()) == {"Failure", "passed"}
    assert results(found["stale"]) == results(found["late"]) == {"host": "Skipped"}
    (killed,) = [case for case in found["loss"] if "two" in case.name]
    assert killed.result[0].message == "killed" and "<img src=x>" in killed.result[0].text


def samples(folder):
    families = text_string_to_metric_families((folder / "shimops.prom").read_text(encoding="utf-8"))
    return {(one.name, *sorted(one.labels.items())): one.value for family in families for one in family.samples}


def test_prometheus_of_an_audit(audit, write):
    folder, _totals = write(audit, waivers=[WAIVER])
    found = samples(folder)
    assert found["shimops_hosts", ("state", "clean")] == 2
    assert found["shimops_hosts", ("state", "missing")] == found["shimops_hosts", ("state", "unreadable")] == 1
    assert found["shimops_findings", ("rule", "shim-hung"), ("severity", "blocker")] == 2
    assert found["shimops_waived_findings", ("rule", "shim-left-behind"), ("severity", "minor")] == 1
    assert found["shimops_unjudged_hosts", ("rule", "restart-orphans"), ("severity", "blocker")] == 1
    assert found["shimops_host_findings", ("host", "hung"), ("severity", "blocker")] == 1
    assert found["shimops_host_containerd_info", ("host", "old"), ("installed", "2.1.9"), ("running", "2.1.7")] == 1


def test_prometheus_of_a_roll_and_of_a_hostile_host(tmp_path, roll, write):
    folder, _totals = write(roll)
    found = samples(folder)
    assert found["shimops_host_gap_seconds", ("host", "loss")] == 2.5
    assert found["shimops_tasks", ("verdict", "killed")] == 1 and found["shimops_tasks", ("verdict", "reattached")] == 2
    assert found["shimops_bundles", ("outcome", "reattached")] == 2, "of the host that was refused"
    name = 'x"\\\n\u202e=}'
    path = run_folder.write(tmp_path / "evil", "restart", {name: run_folder.rolled(name)})
    folder, _totals = write(path)
    assert samples(folder)["shimops_host_state", ("host", name), ("state", "verified")] == 1


def table(path):
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_csv(audit, write):
    folder, _totals = write(audit, waivers=[WAIVER])
    hosts = {row["host"]: row for row in table(folder / "hosts.csv")}
    assert hosts["hung"]["state"] == "blocker" and hosts["hung"]["waived"] == "1"
    assert "'=1+2" in hosts, "a name that a spreadsheet would compute"
    found = {(row["host"], row["rule"]): row for row in table(folder / "findings.csv")}
    assert found["hung", "shim-left-behind"]["status"] == "waived"
    assert found["hung", "shim-left-behind"]["command"] == "kill 1444"
    assert found["unasked", "restart-orphans"]["status"] == "unknown"
    assert "\n" not in found["worst", "shim-hung"]["subject"]


def test_csv_of_tasks(roll, write):
    folder, _totals = write(roll)
    rows = {row["id"]: row for row in table(folder / "tasks.csv")}
    assert (rows["two"]["verdict"], rows["two"]["shim"], rows["one"]["kernel"]) == ("killed", "no", "yes")


@pytest.mark.parametrize("name", ("=A1", "+1", "-1", "@x", " =A1", "\t=A1", "\r=A1", "\uff1dA1", "\u00a0=1"))
def test_csv_has_no_formulas(name):
    (cell,) = csv_file.cells([name])
    assert not cell.lstrip("\u00a0 ").startswith(csv_file.FORMULA)


def test_csv_leaves_numbers_and_words_alone():
    assert csv_file.cells([-1.5, "web-1", None, "a=b"]) == ["-1.5", "web-1", "", "a=b"]


def test_json(audit, write):
    folder, totals = write(audit)
    found = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert [host["host"] for host in found["hosts"]][:3] == ["well", "hung", "old"]
    assert found["summary"] == json.loads(json.dumps(totals.document()))
    assert {rule["id"] for rule in found["rules"]} >= {"shim-hung", "shim-old-code"}
    (worst,) = [host for host in found["hosts"] if host["host"] == "worst"]
    assert worst["findings"][0]["subject"] == "k8s.io/" + HOSTILE, "data is left as it is"


@pytest.mark.parametrize("kind", ("audit", "roll"))
def test_markdown_has_whole_tables_and_no_markup_of_others(kind, request, write):
    folder, _totals = write(request.getfixturevalue(kind))
    source = (folder / "report.md").read_text(encoding="utf-8")
    tokens = MarkdownIt("commonmark").enable("table").parse(source)
    inline = [child for token in tokens for child in token.children or ()]
    assert not {one.type for one in (*tokens, *inline)} & {"html_block", "html_inline", "image", "link_open"}
    named = [one.content for one in inline if one.type == "code_inline"]
    assert any(
        text.printable(HOSTILE) in one for one in (named if kind == "audit" else [one.content for one in inline])
    )
    # Every line that looks like a table's is a row of one, so no cell has broken out of its row.
    lines = [line for line in source.splitlines() if line.startswith("|")]
    rows = sum(token.type == "tr_open" for token in tokens)
    assert rows == len(lines) - sum(token.type == "table_open" for token in tokens)


@pytest.mark.parametrize(
    "value, shown",
    (
        (None, ""),
        ("plain", "plain"),
        ("a\x07b", "a\\x07b"),
        ("\u202egnp", "\\u202egnp"),
        ("\ud800", "\\ud800"),
        ("x" * 700, "x" * 599 + "\u2026"),
        ("caf\u00e9", "caf\u00e9"),
    ),
    ids=("none", "plain", "bell", "right to left", "half a character", "long", "accent"),
)
def test_text_is_one_printable_line(value, shown):
    assert text.printable(value) == shown


def test_moments_and_durations():
    assert text.timestamp(1764054000.0) == "2025-11-25 07:00:00 UTC"
    assert [text.timestamp(one) for one in (None, "soon", -5, 1e300, float("nan"))] == [""] * 5
    assert [text.seconds(one) for one in (0.5, 42, 600, 7300, None)] == [
        "0.50 s",
        "42 s",
        "10 min 00 s",
        "2 h 01 min",
        "",
    ]
