# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook over the fleet: what it restarts, what it refuses, and that it stops at the first loss."""

import json
import re
from pathlib import Path

import play
import pytest
import yaml

from lab import faults

PLAYBOOK = f"{play.FQCN}.rolling_restart"
# The canary alone, then everything else at once.
BATCHES = {"rolling_restart_batches": [1, "100%"], "rolling_restart_settle": 1}


def roll(fleet, *words, **options):
    """Run the playbook over the lab; the finished process."""
    return play.book(fleet, PLAYBOOK, "-e", json.dumps({**BATCHES, **options}), *words)


def daemons(hosts):
    """containerd's main pid on each host, by the host's name, according to systemd."""
    show = ["systemctl", "show", "--property=MainPID", "--value", "containerd"]
    return play.together(hosts.values(), lambda host: host.run(show).stdout.strip())


def ledgers(hosts):
    """Each host's ledger, by its name; None where there is none."""
    found = {}
    for host in hosts.values():
        path = Path(host.path("/var/lib/shimops/ledger.json"))
        found[host.name] = json.loads(path.read_text()) if path.exists() else None
    return found


@pytest.fixture
def canary(clean):
    """The host that the playbook takes first."""
    return min(clean.values(), key=lambda host: host.name)


@pytest.mark.matrix
def test_whole_fleet_is_proven(fleet, clean, covers):
    covers(clean.values(), "roll over a mixed fleet")
    before = daemons(clean)
    done = roll(fleet, rolling_restart_run_id="roll-1")
    assert done.returncode == 0
    after = daemons(clean)
    for name, book in ledgers(clean).items():
        assert after[name] != before[name]
        assert (book["run_id"], book["phase"]) == ("roll-1", "verified")
        assert {one["verdict"] for one in book["verdicts"]} == {"reattached"}
        assert all(set(one["witnesses"].values()) == {"yes"} for one in book["verdicts"])
    again = roll(fleet, rolling_restart_run_id="roll-1")
    assert again.returncode == 0
    assert daemons(clean) == after, "the same run restarts nothing twice"


def test_check_mode_changes_nothing(fleet, clean):
    before = daemons(clean)
    done = roll(fleet, "--check")
    assert done.returncode == 0
    assert "containerd would be restarted" in done.stdout
    reported = done.stdout.split("PLAY [Report the result for the fleet]")[1]
    for name in daemons(clean):
        assert f"  {name}: 8 tasks: 8 kept, 0 rescued, 0 refused" in reported
    assert "3 hosts, 24 tasks: 24 kept, 0 rescued, 0 refused. Nothing was changed." in reported
    assert "  reattached  24" in reported and "Estimated time: 0:0" in reported
    assert daemons(clean) == before
    assert set(ledgers(clean).values()) == {None}


def test_host_at_risk_is_left_alone_and_listed(fleet, clean):
    victim = clean["1.7"]
    faults.apply(victim, "shim_stopped", "plain1")
    before = daemons(clean)
    done = roll(fleet)
    after = daemons(clean)
    assert done.returncode == 0, "a refused host is reported, not failed"
    listed = done.stdout.split("PLAY [Report the result for the fleet]")[1]
    assert "default/plain1 would be killed" in listed
    assert {name for name in before if before[name] == after[name]} == {victim.name}


def test_host_without_a_running_containerd_is_left_alone_and_listed(fleet, clean):
    victim = clean["2.1"]
    faults.apply(victim, "containerd_stopped")
    before = daemons(clean)
    done = roll(fleet)
    after = daemons(clean)
    assert done.returncode == 0
    listed = done.stdout.split("PLAY [Report the result for the fleet]")[1]
    assert "containerd does not answer on /run/containerd/containerd.sock; start it with" in listed
    assert {name for name in before if before[name] == after[name]} == {victim.name}


def test_hosts_that_cannot_be_asked_fail_and_the_others_are_done(fleet, clean, tmp_path):
    victim = clean["1.7"]
    faults.apply(victim, "protobuf_missing")
    # A host that nobody answers for, and the first of the play.
    ghost = tmp_path / "ghost.yml"
    vars_of_lab = yaml.safe_load(fleet.inventory.read_text())["lab"]["vars"]
    ghost.write_text(json.dumps({"ungrouped": {"hosts": {"ghost": {**vars_of_lab, "ansible_host": "192.0.2.250"}}}}))
    before = daemons(clean)
    done = roll(fleet, "-i", str(ghost))
    after = daemons(clean)
    assert done.returncode != 0
    assert "python3-protobuf" in done.stdout
    assert re.search(r"ghost .*unreachable=1", done.stdout)
    assert len({book["run_id"] for book in ledgers(clean).values() if book}) == 1
    assert {name for name in before if before[name] == after[name]} == {victim.name}


def test_refusal_can_fail_the_host(fleet, clean, canary):
    faults.apply(canary, "shim_stopped", "plain1")
    before = daemons(clean)
    done = roll(fleet, rolling_restart_on_refusal="fail")
    assert done.returncode != 0
    assert daemons(clean) == before, "the canary was refused, so nobody after it was touched"


@pytest.mark.parametrize(
    "batches",
    [
        pytest.param([1, "100%"], id="canary alone"),
        pytest.param([2, "100%"], id="canary with another", marks=pytest.mark.matrix),
    ],
)
def test_loss_on_the_canary_stops_the_roll(fleet, clean, canary, batches):
    faults.apply(canary, "shim_stopped", "plain1")
    before = daemons(clean)
    done = roll(fleet, rolling_restart_on_risk="proceed", rolling_restart_batches=batches)
    after = daemons(clean)
    assert done.returncode != 0
    assert "1 killed" in done.stdout
    restarted = {name for name in before if before[name] != after[name]}
    assert canary.name in restarted
    assert len(restarted) == batches[0], "no host of a later batch is touched"
