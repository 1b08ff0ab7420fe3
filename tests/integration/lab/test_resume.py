# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A roll whose controller was killed in the middle goes on: no host twice, none left out, every document complete."""

import json
import re
import shutil
import subprocess

import play
import pytest
import rolls
import world
import yaml

# The canary, then the others at once; the second of them is where the controller is met.
BATCHES, VICTIM = [1, "100%"], "lab3"


def hold_on(path):
    """Tasks that wait, for one host, until that file is there."""
    wait = {"path": str(path), "timeout": rolls.PATIENCE}
    task = {"name": "Wait until the test says so", "ansible.builtin.wait_for": wait}
    return [{**task, "delegate_to": "localhost", "become": False, "when": f"inventory_hostname == '{VICTIM}'"}]


@pytest.fixture
def first_four(row, tmp_path):
    """Four sound hosts, in the order the playbook takes them."""
    hosts = list(row.hosts.values())[:4]
    rolls.repair(row, hosts)
    yield hosts
    rolls.go(hosts)


def check_complete(one, hosts):
    """Each host was restarted once, by its own count, and has a document that says so."""
    assert rolls.restarts(hosts) == {host.name: 1 for host in hosts}
    documents = one.documents()
    assert set(documents) == {host.name for host in hosts}
    for host in hosts:
        document, book = documents[host.name], world.ledger(host)
        assert document["state"] == "verified" and document["run_id"] == one.run_id == book["run_id"]
        assert document["ended"] >= document["began"] > 0 and document["forecast"]["tasks"] == 1
        assert [row["verdict"] for row in document["verdicts"]] == ["reattached"]
        assert set(document["verdicts"][0]["witnesses"].values()) == {"yes"} and book["phase"] == "verified"
    assert one.states() == {host.name: "verified" for host in hosts}


@pytest.mark.parametrize(
    "kept", [pytest.param(True, id="folder kept", marks=pytest.mark.matrix), pytest.param(False, id="folder gone")]
)
def test_killed_while_a_host_is_being_restarted(row, first_four, tmp_path, kept):
    rolls.ways(first_four, {VICTIM: "waits"})
    options = {"command": [rolls.RESTART], "batches": BATCHES}
    victim = row.hosts[VICTIM]
    with rolls.Roll(row, first_four, tmp_path, "killed", **options) as one:
        one.until(lambda: rolls.phase(victim, one.run_id) == "restarting", f"{VICTIM} is being restarted")
        one.kill()
    assert one.documents()[VICTIM]["state"] == "begun" and rolls.restarts(first_four)["lab1"] == 1
    if not kept:
        shutil.rmtree(one.folder)
    rolls.go(first_four)
    before = world.containerd(row.hosts["lab1"])
    with rolls.Roll(row, first_four, tmp_path, one.run_id, **options) as again:
        assert again.ended() == 0
    check_complete(again, first_four)
    assert world.containerd(row.hosts["lab1"]) == before
    assert again.documents()["lab1"]["attempts"] == (2 if kept else 1)
    # Verified again, not restarted.
    assert re.search(r"^lab1 .* changed=0 ", again.output(), re.MULTILINE)


@pytest.mark.matrix
def test_killed_while_a_host_settles(row, first_four, tmp_path):
    rolls.ways(first_four, {})
    options = {"command": [rolls.RESTART], "batches": BATCHES}
    with rolls.Roll(row, first_four, tmp_path, "settling", **{**options, "settle": 15}) as one:
        one.until(lambda: rolls.phase(row.hosts["lab1"], one.run_id) == "restarted", "the canary settles")
        one.kill()
    # The module of the first attempt may still be at work there: the second waits for it.
    with rolls.Roll(row, first_four, tmp_path, one.run_id, **options) as again:
        assert again.ended() == 0
    check_complete(again, first_four)


@pytest.mark.matrix
def test_killed_before_a_host_begins(row, first_four, tmp_path):
    rolls.ways(first_four, {})
    (tmp_path / "hold-on.yml").write_text(yaml.safe_dump(hold_on(tmp_path / "go")))
    options = {"command": [rolls.RESTART], "batches": BATCHES, "before_host": ["hold-on.yml"]}
    with rolls.Roll(row, first_four, tmp_path, "hook", **options) as one:
        waiting = "Wait until the test says so"
        one.until(lambda: one.output().count(f": {waiting}]") == 2, "the hook of the second batch")
        one.kill()
    assert rolls.restarts(first_four) == {"lab1": 1, "lab2": 0, "lab3": 0, "lab4": 0}
    # One that was only recorded by the same run is restarted like any other.
    recorded = play.run(row, "shim_reconnect", {"state": "recorded", "run_id": one.run_id}, ["lab4"])
    assert recorded["lab4"]["changed"] is True
    (tmp_path / "go").touch()
    with rolls.Roll(row, first_four, tmp_path, one.run_id, **options) as again:
        assert again.ended() == 0
    check_complete(again, first_four)


def test_a_run_folder_that_becomes_full(row, first_four, tmp_path):
    """Who has begun ends by its ledger, nobody else begins, and the sentence names the file."""
    small = tmp_path / "runs"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "shimops-test", str(small)], check=True)
    try:
        rolls.ways(first_four, {}, others="waits")
        options = {"command": [rolls.RESTART], "forks": 1}
        with rolls.Roll(row, first_four, tmp_path, "full", **options) as one:
            one.until(lambda: rolls.phase(row.hosts["lab1"], one.run_id) == "restarting", "lab1 is being restarted")
            with pytest.raises(OSError), (small / "fill").open("wb", buffering=0) as fill:
                while True:
                    fill.write(b"x" * 512)
            rolls.go(first_four)
            assert one.ended() == 2
        assert f"{one.folder}/documents/lab1.json cannot be used (No space left on device)" in one.output()
        assert "lab1: 1 reattached" in one.output() and "Errno" not in one.output()
        assert rolls.restarts(first_four) == {"lab1": 1, "lab2": 0, "lab3": 0, "lab4": 0}
        (small / "fill").unlink()
        with rolls.Roll(row, first_four, tmp_path, one.run_id, **options) as again:
            assert again.ended() == 0
        check_complete(again, first_four)
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.matrix
def test_a_loss_stays_a_loss_and_a_new_run_begins_anew(row, first_four, tmp_path):
    rolls.ways(first_four, {"lab2": "loses"})
    options = {"command": [rolls.RESTART], "batches": [1, 1, "100%"]}
    with rolls.Roll(row, first_four, tmp_path, "loss", **options) as one:
        assert one.ended() == 2
    states = {"lab1": "verified", "lab2": "lost", "lab3": "untouched", "lab4": "untouched"}
    assert one.states() == states
    # The ledgers on the hosts know it, whatever the controller has.
    shutil.rmtree(one.folder)
    with rolls.Roll(row, first_four, tmp_path, one.run_id, **options) as again:
        assert again.ended() == 2
    assert again.states() == states and rolls.restarts(first_four) == {"lab1": 1, "lab2": 1, "lab3": 0, "lab4": 0}
    with rolls.Roll(row, first_four, tmp_path, one.run_id, lost_budget=1, **options) as third:
        assert third.ended() == 2
    assert third.states() == {**states, "lab3": "verified", "lab4": "verified"}
    assert rolls.restarts(first_four) == dict.fromkeys(states, 1)
    report = json.loads((third.folder / "report.json").read_text())
    assert report["counts"]["lost"] == 1 and report["failure"]
    with rolls.Roll(row, first_four[:1], tmp_path, "anew", **options) as fresh:
        assert fresh.ended() == 0
    assert rolls.restarts(first_four)["lab1"] == 2
