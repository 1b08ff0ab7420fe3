# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A roll over a fleet: one stale host in ten, a check that changes nothing, two rolls at once, and the size of results.

The run itself is kept by ``fleet_run``, on the controller.
"""

import contextlib
import hashlib
import json

import play
import pytest
import rolls
import world
import yaml

from lab import faults

# Writes one line per result: host, the module, whether it ran on the host, and how large the result is.
CALLBACK = '''
import json, os
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: sizes
type: notification
short_description: Sizes of results
description: Writes them to the file in LAB_SIZES.
"""

class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "notification", "sizes"

    def note(self, result, **_rest):
        found = result._result if hasattr(result, "_result") else result.result
        host, task = (result._host, result._task) if hasattr(result, "_host") else (result.host, result.task)
        size = len(json.dumps(found, default=str).encode())
        with open(os.environ["LAB_SIZES"], "a") as stream:
            stream.write(json.dumps([host.get_name(), task.action, size]) + "\\n")

    v2_runner_on_ok = v2_runner_on_failed = v2_runner_on_unreachable = note
'''
#: They run on the controller, whatever the host.
CONTROLLER = {
    "fleet_run",
    "include_role",
    "include_tasks",
    "import_tasks",
    "set_fact",
    "debug",
    "assert",
    "fail",
    "meta",
}
CONTROLLER |= {"validate_argument_spec", "pause"}


@pytest.fixture
def ten(row, tmp_path):
    """Ten sound hosts."""
    hosts = list(row.hosts.values())[:10]
    rolls.repair(row, hosts)
    yield hosts
    rolls.go(hosts)
    rolls.repair(row, hosts)


@contextlib.contextmanager
def stale(host):
    """A host whose only shim does not answer."""
    faults.apply(host, "shim_stopped", "plain1")
    try:
        yield
    finally:
        faults.apply(host, "shim_stopped", "plain1", undo=True)


def standing(host):
    """Everything on a host that a roll could change: containerd, tasks, and the files it and we keep."""
    places = "/run/containerd /etc /var/lib/shimops /usr/local"
    find = f"find {places} -xdev -type f -printf '%p %i %s %T@\\n' 2>/dev/null | sort"
    files = host.run(["sh", "-c", find], check=False).stdout
    return world.containerd(host), world.tasks(host), hashlib.sha256(files.encode()).hexdigest()


def test_one_stale_host_in_ten(row, ten, tmp_path):
    rolls.ways(ten, {})
    (tmp_path / "callback_plugins").mkdir()
    (tmp_path / "callback_plugins" / "sizes.py").write_text(CALLBACK)
    env = {"ANSIBLE_CALLBACK_PLUGINS": str(tmp_path / "callback_plugins"), "ANSIBLE_CALLBACKS_ENABLED": "sizes"}
    env["LAB_SIZES"] = str(tmp_path / "sizes")
    options = {"command": [rolls.RESTART], "batches": [1, "50%"], "rescue": False}
    with stale(row.hosts["lab6"]), rolls.Roll(row, ten, tmp_path, "stale", env=env, **options) as one:
        assert one.ended() == 0, "one refused host in ten is no failure"
    assert one.states() == {host.name: "refused" if host.name == "lab6" else "verified" for host in ten}
    assert rolls.restarts(ten) == {host.name: int(host.name != "lab6") for host in ten}
    reported = one.output().split("PLAY [Report the result for the fleet]")[1]
    assert "1 refused, 9 verified" in reported and "1 refused, and left alone:" in reported
    assert "  lab6: forecast: 1 of 1 tasks at risk" in reported and "default/plain1 would be killed" in reported
    check_small([json.loads(line) for line in (tmp_path / "sizes").read_text().splitlines()], ten)
    # What the play did not get is in the host's document.
    rows = one.documents()["lab6"]["at_risk"]
    assert [(row["id"], row["outcome"]) for row in rows] == [("plain1", "killed")]


def check_small(results, hosts):
    """At most three tasks of a host's went to it, and no result of any task is larger than 2 KB."""
    assert max(size for _host, _task, size in results) <= 2048, max(results, key=lambda row: row[2])
    for host in hosts:
        tasks = [task.rpartition(".")[2] for name, task, _size in results if name == host.name]
        modules = [task for task in tasks if task not in CONTROLLER]
        assert 1 <= len(modules) <= 3 and set(modules) <= {"shim_probe", "shim_migrate", "shim_reconnect"}, modules


def test_a_check_changes_nothing_and_prints_the_forecast(row, ten, tmp_path):
    five = ten[:5]
    (tmp_path / "hook.yml").write_text(yaml.safe_dump([{"ansible.builtin.command": "touch /etc/hook-was-here"}]))
    hook = str(tmp_path / "hook.yml")
    options = {"before_host": [hook], "after_host": [hook], "rescue": False}
    with stale(row.hosts["lab3"]):
        before = play.together(five, standing)
        with rolls.Roll(row, five, tmp_path, "check", "--check", **options) as one:
            assert one.ended() == 0
        assert play.together(five, standing) == before
    assert not one.folder.exists() and not (tmp_path / "shimops-runs").exists()
    reported = one.output().split("PLAY [Report the result for the fleet]")[1]
    assert "  lab1: 1 task: 1 kept, 0 rescued, 0 refused" in reported
    assert "  lab3: 1 task: 0 kept, 0 rescued, 1 refused; refused" in reported
    assert "  lab3: forecast: 1 of 1 tasks at risk" in reported


def test_two_rolls_at_once(row, ten, tmp_path):
    hosts, host = ten[:2], row.hosts["lab1"]
    rolls.ways(hosts, {"lab1": "waits", "lab2": "waits"})
    options = {"command": [rolls.RESTART], "batches": [1, 1]}
    with rolls.Roll(row, hosts, tmp_path, "one", **options) as one:
        one.until(lambda: (world.ledger(host) or {}).get("phase") == "restarting", "lab1 is being restarted")
        # The same run from the same folder: it is said who has it, before anything is looked at.
        with rolls.Roll(row, hosts, tmp_path, one.run_id, **options) as same:
            assert same.ended() == 2
        assert f"run: run {one.run_id} is held by ansible-playbook with pid {one.pid} since" in same.output()
        # Another run, and be it from another controller: the host itself says no.
        (tmp_path / "elsewhere").mkdir()
        with rolls.Roll(row, hosts[:1], tmp_path / "elsewhere", "other", **options) as other:
            assert other.ended() == 2
        assert f"this host is being acted on by run {one.run_id} since" in other.output()
        assert other.states() == {"lab1": "refused"} and rolls.restarts(hosts) == {"lab1": 0, "lab2": 0}
        rolls.go(hosts)
        assert one.ended() == 0
    assert one.states() == {"lab1": "verified", "lab2": "verified"}
    assert rolls.restarts(hosts) == {"lab1": 1, "lab2": 1}


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"batches": ["ten"]}, "run: batch size 'ten' is none; give numbers from 1, or shares such as"),
        ({"settle": -1}, "run: rolling_restart_settle cannot be -1; give seconds from 0 to 86400."),
        ({"quarantine": ["lab99"]}, "run: quarantine: 'lab99' is neither a host nor a group of the inventory"),
        ({"after_host": ["drian.yml"]}, "run: task file 'drian.yml' was not found in "),
    ],
    ids=["batches", "settle", "quarantine", "hook"],
)
def test_what_is_mistyped_is_said_before_any_host_is_audited(row, tmp_path, options, sentence):
    hosts = list(row.hosts.values())[:2]
    with rolls.Roll(row, hosts, tmp_path, "typo", **options) as one:
        assert one.ended() == 2
    assert sentence in one.output() and "Forecast what a restart would do to the host]" not in one.output()


def test_hooks_gate_deadline_quarantine_and_stop_file(row, ten, tmp_path):
    """Everything around a host, in one roll of five: what is called when, and with which arguments."""
    hosts = ten[:5]
    rolls.ways(hosts, {"lab3": "loses"})
    held = row.hosts["lab2"]
    held.script("mkdir -p /etc/shimops; touch /etc/shimops/hold")
    log = tmp_path / "log"

    def writes(name, words, **more):
        task = {"name": name, "ansible.builtin.shell": f"echo '{words}' >> {log}"}
        task |= {"delegate_to": "localhost", "become": False, **more}
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump([task]))
        return f"{name}.yml"

    about = "{{ inventory_hostname }} {{ rolling_restart_host.state }}"
    options = {
        "command": [rolls.RESTART],
        "batches": [1, 1, 1, 1, 1],
        "before_host": [writes("before", "before " + about)],
        "after_host": [writes("after", "after " + about)],
        "between_batches": [writes("between", "between", failed_when="ansible_play_batch[0] == 'lab5'")],
        "quarantine": ["lab4"],
        "lost_budget": 1,
        "pause": 1,
    }
    with rolls.Roll(row, hosts, tmp_path, "around", **options) as one:
        assert one.ended() == 2
    assert log.read_text().splitlines() == [
        "before lab1 begun",
        "after lab1 verified",
        "between",
        "between",
        "before lab3 begun",
        "after lab3 lost",
        "between",
        "between",
    ]
    states = {"lab1": "verified", "lab2": "refused", "lab3": "lost", "lab4": "refused", "lab5": "untouched"}
    assert one.states() == states
    assert rolls.restarts(hosts) == {"lab1": 1, "lab2": 0, "lab3": 1, "lab4": 0, "lab5": 0}
    assert "/etc/shimops/hold holds this host" in one.documents()["lab2"]["message"]
    assert "  lab4: it is in quarantine" in one.output()
    assert "the gate said no" in json.loads((one.folder / "stop").read_text())["reason"]
