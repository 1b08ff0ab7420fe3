# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run's folder: who may begin, what is counted, what a run that goes on knows, and what is reported."""

from __future__ import annotations

import concurrent.futures
import json
import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._run_spec import SPEC
from ansible_collections.shimops.containerd.plugins.plugin_utils._run import admission, begin, owner, summary
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_host import RunHost
from ansible_collections.shimops.containerd.plugins.plugin_utils._store import files
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import HOSTS as ALL_HOSTS
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import STOP
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.folder_store import FolderStore

HOSTS = [f"h{number}" for number in range(1, 9)]
OPTIONS = {**{name: option.get("default") for name, option in SPEC.items()}, "run_id": "one"}


def begun(folder, join=False, hosts=HOSTS, **options):
    store = FolderStore(folder)
    store.make()
    run = begin.checked({**OPTIONS, "join": join, **options}, hosts, {"all": hosts}, [], store.now())
    return begin.begin(store, run, hosts, join)


@pytest.fixture
def folder(tmp_path):
    begun(tmp_path / "one")
    return tmp_path / "one"


def host(folder, name="h1"):
    return RunHost(FolderStore(folder), name)


def counted(folder):
    return FolderStore(folder).transact(admission.counted)


def batch(folder, name, hosts):
    return host(folder, name).enter_batch(hosts)[0]["batch"]


def batches_begun(folder):
    return FolderStore(folder).transact(admission.batches_begun)


def everyone(folder):
    return FolderStore(folder).get(ALL_HOSTS)["hosts"]


def rows(folder):
    return summary.rows(summary.briefs(FolderStore(folder)), everyone(folder))


def states(folder):
    return {row["host"]: row["state"] for row in rows(folder)}


def test_the_folder_is_its_owner_s_alone(folder):
    host(folder).begin()
    assert folder.stat().st_mode & 0o777 == 0o700
    found = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in found} == {0o600}
    assert not [path for path in found if path.name.startswith(".")]


def test_a_loss_stops_all_that_have_not_begun(folder):
    one, two, three = (host(folder, name) for name in HOSTS[:3])
    assert one.begin() == two.begin() == ""
    one.enter_state("lost", "1 killed", lost=1)
    assert three.begin() == "the run was stopped: 1 lost task, the budget is 0; h1: 1 killed"
    # What has begun goes on to its end.
    assert two.begin() == ""
    assert json.loads((folder / "stop").read_text())["host"] == "h1"


def test_past_the_budget_only_those_go_on_that_have_begun(tmp_path):
    begun(tmp_path / "one", budgets={"failed": 3})

    def act(name):
        one = host(tmp_path / "one", name)
        if one.begin():
            return 0
        one.enter_state("failed", "it broke")
        return 1

    assert act("h1") == 1
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(act, HOSTS[1:])) in (3, 4)
    assert "4 failed hosts, the budget is 3" in json.loads((tmp_path / "one" / "stop").read_text())["reason"]


def test_a_host_that_turned_out_well_no_longer_counts(tmp_path):
    begun(tmp_path / "one", budgets={"failed": 1})
    one = host(tmp_path / "one")
    one.enter_state("failed", "a hook")
    one.enter_state("verified", "8 reattached")
    host(tmp_path / "one", "h2").enter_state("failed", "a hook")
    assert host(tmp_path / "one", "h3").begin() == ""


def test_a_lost_task_stays_lost_whatever_fails_afterwards(folder):
    one = host(folder)
    one.enter_state("lost", "1 killed", lost=2, summary={"lost": 2})
    one.enter_state("failed", "the hook after it")
    assert one.document()["state"] == "lost" and one.document()["message"] == "1 killed; the hook after it"
    assert counted(folder)["lost"] == 2


def test_after_the_deadline_no_host_begins(tmp_path, monkeypatch):
    begun(tmp_path / "one", deadline="1h")
    assert host(tmp_path / "one").begin() == ""
    late = FolderStore(tmp_path).now() + 3601
    monkeypatch.setattr(FolderStore, "now", lambda self: late)
    assert "the run was stopped: the deadline " in host(tmp_path / "one", "h2").begin()


def test_a_host_in_quarantine_is_refused_and_counts_against_no_budget(tmp_path):
    begun(tmp_path / "one", quarantine=["h2"], budgets={"refused": 0})
    one = host(tmp_path / "one", "h2")
    assert one.begin() == "it is in quarantine"
    one.leave_untouched("it is in quarantine")
    assert states(tmp_path / "one")["h2"] == "refused" and host(tmp_path / "one", "h3").begin() == ""


def test_a_run_goes_on_without_its_stop_mark_and_with_its_losses(folder):
    host(folder, "h1").enter_state("verified", "8 reattached")
    host(folder, "h2").begin()
    host(folder, "h2").enter_state("failed", "a hook")
    host(folder, "h3").enter_state("refused", "stale")
    assert host(folder, "h4").begin()
    run = begun(folder)
    assert run["attempt"] == 2 and host(folder, "h4").begin() == "" and host(folder, "h2").begin() == ""
    assert host(folder, "h2").document()["attempts"] == 2
    host(folder, "h5").enter_state("lost", "1 killed", lost=1, summary={"lost": 1})
    begun(folder)
    assert host(folder, "h6").begin() == "the run was stopped: 1 lost task, the budget is 0; h5: 1 killed"
    assert begun(folder, budgets={"lost": 1})["attempt"] == 4
    assert host(folder, "h6").begin() == ""


def test_one_that_began_in_the_attempt_before_has_to_ask_again(folder):
    begun(folder)
    assert host(folder, "h2").begin() == ""
    host(folder, "h1").enter_state("failed", "a hook")
    begun(folder)
    host(folder, "h1").enter_state("failed", "a hook again")
    assert "1 failed host" in host(folder, "h2").begin()


def test_a_part_of_a_job_that_joins_begins_no_attempt(folder):
    begun(folder)
    assert begun(folder, join=True)["attempt"] == 2


def test_a_batch_is_known_by_the_first_of_its_hosts_that_asks(folder):
    assert batches_begun(folder) == 0
    assert [batch(folder, name, HOSTS[:2]) for name in ("h2", "h1")] == [1, 1]
    # One that was lost meanwhile is no longer in the batch of the play.
    assert [batch(folder, name, ["h4", "h5"]) for name in ("h4", "h3", "h5")] == [2, 3, 2]
    assert batches_begun(folder) == 3
    begun(folder)
    assert batch(folder, "h3", ["h3"]) == 1


def test_a_host_costs_the_same_in_a_run_of_any_size(tmp_path, monkeypatch):
    """It reads and writes the same files, and none of them grows with the number of hosts."""
    used, real_load, real_save = [], files.load, files.save
    monkeypatch.setattr(files, "load", lambda path: used.append(path) or real_load(path))
    monkeypatch.setattr(files, "save", lambda path, value: real_save(path, value) or used.append(path))

    def cost(number):
        hosts, folder = [f"h{one}" for one in range(number)], tmp_path / str(number)
        begun(folder, hosts=hosts, budgets={"refused": number})
        for name in hosts[2:]:
            host(folder, name).enter_state("refused", "stale")
        del used[:]
        one = host(folder, "h1")
        one.enter_batch(hosts[:2])
        assert one.begin() == ""
        one.enter_state("verified", "8 reattached")
        return [(path.name, path.stat().st_size // 100 if path.exists() else 0) for path in used]

    assert cost(10) == cost(1000) and "hosts.json" not in [path.name for path in used]


def test_a_run_that_goes_on_with_fewer_hosts_still_knows_the_others(folder):
    begun(folder, hosts=["h3"])
    assert everyone(folder) == ["h3", *(name for name in HOSTS if name != "h3")]


def test_a_run_is_of_one_operation(folder):
    with pytest.raises(ValueError, match="run one is a run of operation restart, not upgrade; choose another run_id"):
        begun(folder, operation="upgrade")


def test_a_folder_is_held_by_one_ansible_playbook(folder):
    other = subprocess.Popen(["sleep", "600"])
    try:
        held = {"pid": other.pid, "started": owner._started(other.pid), "node": os.uname().nodename, "at": 0}
        files.save(folder / "holder.json", held)
        with pytest.raises(ValueError, match=f"run one is held by ansible-playbook with pid {other.pid} since 1970"):
            begun(folder)
        # The parts of one job share it.
        assert begun(folder, join=True)["attempt"] == 1
    finally:
        other.kill()
        other.wait()
    # Whoever died holds nothing any more.
    assert begun(folder)["attempt"] == 2


def test_nobody_can_tell_whether_another_machine_s_controller_lives(folder):
    files.save(folder / "holder.json", {"pid": 1, "started": "1", "node": "elsewhere", "at": 0})
    with pytest.raises(
        ValueError,
        match="held by a controller called elsewhere .*; if it is gone, share the run .*run_launch a new value",
    ):
        begun(folder)


def test_a_part_of_a_job_heeds_the_stop_mark_of_another(folder):
    host(folder, "h1").enter_state("lost", "1 killed", lost=1)
    begun(folder, join=True, hosts=["h7", "h9"])
    hosts = everyone(folder)
    assert hosts[:2] == ["h7", "h9"] and "h1" in hosts
    assert "1 lost task" in host(folder, "h9").begin()


def test_a_host_s_name_is_quoted_in_its_file(folder):
    host(folder, "rack/7 [ä]").begin()
    assert (folder / "documents" / "rack%2F7%20%5B%C3%A4%5D.json").exists()


def test_a_damaged_file_is_said(folder):
    (folder / "documents").mkdir(exist_ok=True)
    (folder / "documents" / "h1.json").write_text("{")
    with pytest.raises(ValueError):
        host(folder).begin()


# The report


def lines(folder):
    store = FolderStore(folder)
    return list(summary.lines(host(folder).run(), store.get(STOP), rows(folder), store.where))


def verdict(folder, spent=""):
    store = FolderStore(folder)
    count = summary.counts(rows(folder))
    return summary.verdict(host(folder).run(), store.get(STOP), count, spent)


def test_a_run_is_a_success_when_all_are_verified_current_or_refused(tmp_path):
    begun(tmp_path / "one", hosts=["h1", "h2", "h3"])
    for name, state in (("h1", "verified"), ("h2", "current"), ("h3", "refused")):
        host(tmp_path / "one", name).enter_state(state, "said so")
    assert verdict(tmp_path / "one") == ""
    assert lines(tmp_path / "one")[1:] == ["1 refused, and left alone:", "  h3: said so"]
    assert verdict(tmp_path / "one", "2 refused hosts, the budget is 1") == "run one: 2 refused hosts, the budget is 1"


@pytest.mark.parametrize("state", ["lost", "failed", "untouched", "begun", "forecast"])
def test_a_run_is_none_with_one_host_that_is_not_done(tmp_path, state):
    begun(tmp_path / "one", hosts=["h1", "h2"], budgets={"lost": 9, "failed": 9})
    host(tmp_path / "one", "h1").enter_state("verified")
    host(tmp_path / "one", "h2").enter_state(state, "said so")
    reported = "untouched" if state == "forecast" else state
    assert verdict(tmp_path / "one") == f"run one: 1 {reported}"
    assert lines(tmp_path / "one")[-1] == "  h2: said so"


def test_a_run_that_refused_everything_is_none(tmp_path):
    begun(tmp_path / "one", hosts=["h1"])
    host(tmp_path / "one", "h1").enter_state("refused", "stale")
    assert verdict(tmp_path / "one") == "run one: 1 refused host, the budget is 0; h1: stale"
    begun(tmp_path / "two", hosts=["h1"], budgets={"refused": 1})
    host(tmp_path / "two", "h1").enter_state("refused", "stale")
    assert verdict(tmp_path / "two") == "run one: every host was refused"


def test_hosts_whose_turn_never_came_are_untouched(folder):
    host(folder, "h1").enter_state("failed", "it broke")
    assert states(folder) == {"h1": "failed", **dict.fromkeys(HOSTS[1:], "untouched")}
    reported = lines(folder)
    assert reported[0] == f"Run one (restart): 1 failed, 7 untouched. Documents: {Path(folder)}"
    assert "Stopped: 1 failed host, the budget is 0; h1: it broke" in reported and "7 untouched:" in reported
