# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of a real audit and of a real roll, through fleet_report and its playbook; and the progress of both."""

import csv
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import play
import pytest
import world

from lab import faults

REPORT = f"{play.FQCN}.compliance_report"
ROLL = f"{play.FQCN}.rolling_restart"
PROGRESS = f"{play.FQCN}.progress"
BATCHES = {"rolling_restart_batches": [1, "100%"], "rolling_restart_settle": 1}


@pytest.fixture
def runs(tmp_path):
    """Where the runs of a test are kept, in the words of each playbook."""
    folder = str(tmp_path / "runs")
    return {f"{name}_run_dir": folder for name in ("health_audit", "compliance_report", "rolling_restart")}


def book(fleet, playbook, variables, *words):
    return play.book(fleet, playbook, "-e", json.dumps(variables), *words)


def reports(runs, run_id):
    return Path(runs["compliance_report_run_dir"]) / run_id / "reports"


def test_audit_is_a_gate_and_tells_what_is_new(fleet, clean, runs):
    first = book(fleet, REPORT, {**runs, "health_audit_run_id": "first", "health_audit_pids": True})
    assert first.returncode == 0
    victim = clean["1.7"]
    faults.apply(victim, "shim_stopped", "plain1")
    gate = {**runs, "health_audit_run_id": "second", "health_audit_pids": True, "compliance_report_previous": "last"}
    closed = book(fleet, REPORT, {**gate, "compliance_report_fail_on": "blocker"})
    assert closed.returncode == 2
    assert "fail_on is blocker" in closed.stdout and '"blocker shim-hung: 1 finding on 1 host, 1 new"' in closed.stdout
    found = json.loads((reports(runs, "second") / "report.json").read_text())
    assert {host["host"]: host["state"] for host in found["hosts"] if host["state"] == "blocker"} == {
        victim.name: "blocker"
    }
    (hung,) = [
        one
        for host in found["hosts"]
        for one in host["findings"]
        if one["rule"] == "shim-hung" and host["host"] == victim.name
    ]
    assert (hung["subject"], hung["new"]) == ("default/plain1", True)
    suites = ElementTree.parse(reports(runs, "second") / "junit.xml").getroot()
    failures = {suite.get("name"): len(suite.findall("testcase/failure")) for suite in suites}
    assert failures[victim.name] > 0 and set(failures) == {host.name for host in clean.values()}
    blockers = sorted(
        {one["rule"] for host in found["hosts"] for one in host["findings"] if one["severity"] == "blocker"}
    )
    waivers = [
        {"rule": rule, "host": victim.name, "reason": "planted", "owner": "tests", "expires": "2999-12-31"}
        for rule in blockers
    ]
    again = {**runs, "compliance_report_run_id": "second", "compliance_report_waivers": waivers}
    opened = book(fleet, REPORT, {**again, "compliance_report_fail_on": "blocker"})
    assert opened.returncode == 0
    assert "health_audit : Look" not in opened.stdout, "a run that was made before is not made again"


def test_audit_in_check_mode_reports_and_leaves_nothing(fleet, clean, runs):
    done = play.book(fleet, REPORT, "--check", "-e", json.dumps(runs))
    assert done.returncode == 0
    assert re.search(rf'"run \S+: {len(clean)} hosts, findings: ', done.stdout)
    assert not Path(runs["compliance_report_run_dir"]).exists()


def test_roll_is_reported_as_its_ledgers_say(fleet, clean, runs, monkeypatch):
    monkeypatch.setenv("ANSIBLE_CALLBACKS_ENABLED", PROGRESS)
    monkeypatch.setenv("SHIMOPS_PROGRESS_INTERVAL", "0")
    rolled = book(fleet, ROLL, {**runs, **BATCHES, "rolling_restart_run_id": "rolled"})
    assert rolled.returncode == 0
    lines = [line for line in rolled.stdout.splitlines() if line.startswith("progress: ")]
    assert any("batch 1 of 2" in line and "now: " in line for line in lines)
    ledgers = {host.name: world.ledger(host) for host in clean.values()}
    verdicts = sum(len(book["verdicts"]) for book in ledgers.values())
    done = f"progress: Restart containerd batch by batch: {len(clean)} of {len(clean)} hosts, batch 2 of 2"
    done = f"{done}, {verdicts} reattached"
    assert any(line.startswith(done) for line in lines), "the last line has the counts of all hosts"
    gate = {**runs, "compliance_report_run_id": "rolled", "compliance_report_fail_on": "info"}
    assert book(fleet, REPORT, gate).returncode == 0
    with open(reports(runs, "rolled") / "tasks.csv", newline="") as handle:
        rows = {(row["host"], row["namespace"], row["id"]): row for row in csv.DictReader(handle)}
    reported = {
        (name, one["namespace"], one["id"]): one["verdict"]
        for name, book in ledgers.items()
        for one in book["verdicts"]
    }
    assert {key: row["verdict"] for key, row in rows.items()} == reported
    assert {row[witness] for row in rows.values() for witness in ("shim", "containerd", "kernel")} == {"yes"}
    page = (reports(runs, "rolled") / "report.html").read_text()
    assert "The waves of the roll" in page and all(host.name in page for host in clean.values())


def test_progress_on_a_terminal(fleet, clean, runs):
    leader, follower = pty.openpty()
    environment = play.environment({"ANSIBLE_CALLBACKS_ENABLED": PROGRESS, "TERM": "xterm", "COLUMNS": "120"})
    argv = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(fleet.inventory), ROLL]
    argv += ["-e", json.dumps({**runs, **BATCHES})]
    with subprocess.Popen(argv, env=environment, stdin=follower, stdout=follower, stderr=follower) as child:
        os.close(follower)
        seen = b"".join(iter(lambda: _read(leader), b"")).decode(errors="replace")
        status = child.wait(300)
    os.close(leader)
    print(seen)
    assert status == 0
    assert "batch" in seen and re.search(r"\d of \d hosts", seen)
    assert "TASK [" in seen and "PLAY RECAP" in seen, "the normal output is there"
    assert seen.rfind("\x1b[?25h") > seen.rfind("\x1b[?25l"), "the cursor is back"


def _read(leader):
    """What the terminal got; nothing once its last user has gone, which Linux reports as an error."""
    try:
        return os.read(leader, 65536)
    except OSError:
        return b""


def test_a_report_is_written_under_a_limit(fleet, clean, runs):
    """localhost is not there under a limit: the first host of it stands for the controller."""
    done = book(fleet, REPORT, {**runs, "health_audit_run_id": "limited"}, "--limit", "lab2")
    assert done.returncode == 0
    written = json.loads((reports(runs, "limited") / "report.json").read_text(encoding="utf-8"))
    assert [row["host"] for row in written["hosts"]] == ["lab2"]
