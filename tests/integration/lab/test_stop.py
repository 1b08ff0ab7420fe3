# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A roll stops at the first loss anywhere, also inside the running batch; ./dev matrix takes both ansible-cores."""

import json

import pytest
import rolls
import yaml

# All other rolls are of 2.19.
pytestmark = pytest.mark.parametrize("version", [pytest.param("2.19", marks=pytest.mark.matrix), "2.21"])


@pytest.fixture
def eight(row, tmp_path):
    """Eight sound hosts, in the order the playbook takes them."""
    hosts = list(row.hosts.values())[:8]
    rolls.repair(row, hosts)
    yield hosts
    rolls.go(hosts)


def roll(row, hosts, tmp_path, version, run_id, **options):
    options = {"command": [rolls.RESTART], **options}
    return rolls.Roll(row, hosts, tmp_path, run_id, program=rolls.core(version), forks=2, **options)


def stop(hosts, one, denied):
    """Let the hosts that act together with the victim go on once the run was stopped, and wait for the end of the roll.

    Gives the reason, the hosts that were restarted, and the exit status.
    """
    reason = one.stopped()
    # Its neighbour still waits: whoever else may begin does it now, or never.
    one.until(lambda: [row["state"] for row in one.documents().values()].count("untouched") == denied, "all denied")
    rolls.go(hosts)
    status = one.ended()
    return reason, {name for name, count in rolls.restarts(hosts).items() if count}, status


def check(one, hosts, restarted, lost, state):
    """The report has every host: the one that is lost, those that were verified, and the rest as untouched."""
    assert one.states() == {
        host.name: state if host.name == lost else "verified" if host.name in restarted else "untouched"
        for host in hosts
    }
    document = one.documents()[lost]
    assert document["state"] == state and document["ended"] >= (document["began"] or 1) > 0 and document["message"]


# What nobody can prove to be there fails its host, and is not called lost.
@pytest.mark.parametrize(
    "way, state, words",
    [
        ("loses", "lost", "1 lost task, the budget is 0; lab1: verify: 1 killed"),
        pytest.param(
            "stays down",
            "failed",
            "1 failed host, the budget is 0; lab1: verify: containerd did not come back",
            marks=pytest.mark.matrix,
        ),
        ("drops its connection", "failed", "1 failed host, the budget is 0; lab1: it became unreachable"),
    ],
    ids=["loss", "failed recovery", "unreachable"],
)
def test_trouble_on_the_first_of_eight(row, eight, tmp_path, version, way, state, words):
    rolls.ways(eight, {"lab1": way}, others="waits")
    with roll(row, eight, tmp_path, version, "first") as one:
        reason, restarted, status = stop(eight, one, 6)
    assert reason.startswith(words)
    assert status == 2 and restarted == {"lab1", "lab2"}
    check(one, eight, restarted, "lab1", state)
    if way == "stays down":
        assert 0 < len(one.documents()["lab1"]["journal_tail"]) <= 5
    if way == "drops its connection":
        rolls.ended_alone(eight[0])
    assert "6 untouched:" in one.output()


def test_a_play_of_ones_own_fails_a_host_that_became_unreachable(row, eight, tmp_path, version):
    """No later play reports on it, so that the exit status of this one has to say it."""
    two, own = eight[:2], tmp_path / "own.yml"
    play = {"hosts": "all", "gather_facts": False, "become": True, "serial": 1}
    own.write_text(yaml.safe_dump([{**play, "roles": [{"role": "shimops.containerd.rolling_restart"}]}]))
    rolls.ways(two, {"lab1": "drops its connection"})
    with roll(row, two, tmp_path, version, "own", playbook=own) as one:
        assert one.ended() == 2
    assert one.documents()["lab1"]["state"] == "failed" and rolls.restarts(two)["lab2"] == 0
    rolls.ended_alone(two[0])


def test_loss_in_the_second_batch(row, eight, tmp_path, version):
    chosen = {"lab1": "restarts", "lab2": "restarts", "lab3": "loses"}
    rolls.ways(eight, chosen, others="waits")
    with roll(row, eight, tmp_path, version, "second", batches=[2, 3, 3]) as one:
        reason, restarted, status = stop(eight, one, 1)
    assert "lab3: verify: 1 killed" in reason
    assert status == 2 and restarted == {"lab1", "lab2", "lab3", "lab4"}
    check(one, eight, restarted, "lab3", "lost")
    assert {name: row["batch"] for name, row in one.documents().items() if row["batch"]} == {
        **dict.fromkeys(["lab1", "lab2"], 1),
        **dict.fromkeys(["lab3", "lab4", "lab5"], 2),
    }


@pytest.mark.parametrize(
    "batches",
    [
        pytest.param(["100%"], id="one batch"),
        pytest.param([1, "100%"], id="alone in its batch", marks=pytest.mark.matrix),
    ],
)
def test_a_host_that_fails_in_its_hook(row, eight, tmp_path, version, batches):
    rolls.ways(eight, {})
    hook, later = tmp_path / "drain.yml", tmp_path / "report.yml"
    hook.write_text(
        yaml.safe_dump(
            [{"name": "Drain", "ansible.builtin.fail": {"msg": "no"}, "when": "inventory_hostname == 'lab1'"}]
        )
    )
    # What an operator has after the roll in a playbook of his own is still played.
    play_of_his = {
        "hosts": "lab8",
        "gather_facts": False,
        "tasks": [{"ansible.builtin.debug": {"msg": "a later play"}}],
    }
    book = [{"ansible.builtin.import_playbook": rolls.PLAYBOOK}, play_of_his]
    later.write_text(yaml.safe_dump(book))
    options = {"batches": batches, "before_host": ["drain.yml"], "playbook": later}
    with roll(row, eight, tmp_path, version, "hook", **options) as one:
        status = one.ended()
    assert status == 2 and set(rolls.restarts(eight).values()) == {0}
    check(one, eight, set(), "lab1", "failed")
    assert "lab1: a task before the host failed: Drain: no" in json.loads((one.folder / "stop").read_text())["reason"]
    assert "a later play" in one.output()
