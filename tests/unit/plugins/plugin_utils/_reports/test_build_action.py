# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action: its options, what it returns, what it refuses, and when it fails."""

from __future__ import annotations

import json

import pytest
import yaml

from ansible_collections.shimops.containerd.plugins.action import fleet_report
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.modules import fleet_report as module
from ansible_collections.shimops.containerd.tests.unit.support import run_folder


@pytest.fixture
def report(tmp_path, monkeypatch):
    """Run the action's work over the runs below the current directory."""
    monkeypatch.chdir(tmp_path)

    def do(write=True, **options):
        defaults = {name: spec.get("default") for name, spec in fleet_report.SPEC.items()}
        return fleet_report.report({**defaults, **options}, write)

    return do


@pytest.fixture
def nights(tmp_path):
    """Two audits: on the second night a shim hangs, and a leak is gone."""
    base = tmp_path / "shimops-runs"
    before = {"web": run_folder.audited("web", faults=("leak",)), "db": run_folder.audited("db")}
    after = {"web": run_folder.audited("web"), "db": run_folder.audited("db", faults=("killed",))}
    run_folder.write(base / "monday", "audit", before)
    run_folder.write(base / "tuesday", "audit", after, began=run_folder.BEGAN + 86400)


def test_options_are_documented_as_they_are():
    reported = yaml.safe_load(module.DOCUMENTATION)["options"]
    shown = {
        name: {key: one.get(key) for key in ("type", "elements", "choices", "default")}
        for name, one in reported.items()
    }
    real = {
        name: {key: one.get(key) for key in ("type", "elements", "choices", "default")}
        for name, one in fleet_report.SPEC.items()
    }
    assert shown == real


def test_the_last_run_against_the_one_before(report, nights, tmp_path):
    done = report(previous="last")
    assert done["run_id"] == "tuesday" and done["changed"] is True
    assert (done["summary"]["new"], done["summary"]["gone"]) == (1, 1)
    assert done["rules"] == [{"rule": "shim-hung", "severity": "blocker", "hosts": 1, "findings": 1}]
    assert done["lines"][-1] == "reports: shimops-runs/tuesday/reports"
    assert len(done["files"]) == 7 and all((tmp_path / one).is_file() for one in done["files"])
    again = report(previous="last")
    assert again["changed"] is False, "the same run says the same, byte for byte"


def test_check_mode_writes_nothing(report, nights, tmp_path):
    done = report(write=False, run_id="tuesday")
    assert done["changed"] is True and "files" not in done
    assert not (tmp_path / "shimops-runs" / "tuesday" / "reports").exists()


@pytest.mark.parametrize("limit, fails", (("never", False), ("blocker", True), ("info", True)))
def test_gate(report, nights, limit, fails):
    done = report(run_id="tuesday", fail_on=limit, formats=["json"])
    assert done.get("failed", False) is fails and len(done["files"]) == 1
    assert ("fail_on is" in done["msg"]) is fails


def test_a_waiver_lets_through_until_it_expires(report, nights):
    waiver = {"rule": "shim-hung", "host": "db", "reason": "known", "owner": "me", "expires": "2026-06-30"}
    options = {"run_id": "tuesday", "fail_on": "blocker", "waivers": [waiver]}
    assert "failed" not in report(today="2026-06-30", **options)
    late = report(today="2026-07-01", **options)
    assert late["failed"] and late["summary"]["expired_waivers"] == 1


def test_result_stays_small(report, tmp_path):
    run_folder.write(tmp_path / "shimops-runs" / "big", "audit", run_folder.fleet(60, 40, every=1))
    assert len(json.dumps(report())) < 5000


@pytest.mark.parametrize(
    "options, reported",
    (
        ({"run_id": "nowhere"}, "is not a run's folder"),
        ({"run_dir": "nowhere"}, "has no run in it"),
        ({"packs": ["nonsense"]}, "pack nonsense: cannot be read"),
        ({"waivers": [{"rule": "shim-hung"}]}, "has no reason"),
        ({"today": "soon"}, "write it as YYYY-MM-DD"),
        ({"previous": "roll"}, "compare runs of one kind"),
    ),
    ids=("run", "directory", "pack", "waiver", "day", "kind"),
)
def test_bad_input_is_one_sentence(report, nights, tmp_path, options, reported):
    run_folder.write(tmp_path / "shimops-runs" / "roll", "restart", {}, began=1.0)
    with pytest.raises(ShimError) as refused:
        report(**options)
    assert str(refused.value).startswith("report: ") and reported in str(refused.value)
    assert not (tmp_path / "shimops-runs" / "tuesday" / "reports").exists()


def test_a_roll_needs_no_rules(report, tmp_path):
    run_folder.write(tmp_path / "shimops-runs" / "roll", "restart", {"web": run_folder.rolled("web", "failed")})
    done = report(packs=["nonsense"], fail_on="blocker")
    assert done["failed"] and done["summary"]["states"] == {"failed": 1}
