# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions behind the modules of a run: what they ask before, what they write down, what the play gets of it."""

from __future__ import annotations

import json
import types
from pathlib import Path

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.shimops.containerd.plugins.action import fleet_run, shim_migrate, shim_probe, shim_reconnect
from ansible_collections.shimops.containerd.plugins.module_utils._restart import verdict_rows
from ansible_collections.shimops.containerd.plugins.plugin_utils._run import admission, run_action
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_host import RunHost
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import HOSTS as ALL_HOSTS
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.folder_store import FolderStore
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import StoreError

HOSTS = ["h1", "h2", "h3"]


class Play:
    """A play over three hosts that calls actions, with what their modules answer."""

    def __init__(self, place):
        self.place = place
        self.alive, self.batch = list(HOSTS), list(HOSTS)
        self.asked, self.warned = [], []
        self.answer, self.unreachable = {}, False
        self.check = False

    def call(self, action, host="h1", **options):
        """The result of one action; ``answer`` is what its module says, ``unreachable`` that it has none."""
        one = action.ActionModule.__new__(action.ActionModule)
        one._task = types.SimpleNamespace(args=dict(options), check_mode=self.check, async_val=0)
        one._display = types.SimpleNamespace(display=lambda line: None, warning=self.warned.append)
        one._execute_module = self.execute
        one._supports_check_mode = one._supports_async = True
        one._connection = None
        one._templar = types.SimpleNamespace(template=lambda value: value)
        variables = {
            "inventory_hostname": host,
            "ansible_play_hosts_all": HOSTS,
            "ansible_play_hosts": self.alive,
            "ansible_play_batch": self.batch,
            "groups": {"all": HOSTS},
            "playbook_dir": str(self.place),
        }
        return one.run(task_vars=variables)

    def execute(self, module_args, task_vars):
        self.asked.append((task_vars["inventory_hostname"], module_args))
        if self.unreachable:
            raise AnsibleConnectionFailure("no route")
        return json.loads(json.dumps(self.answer))


@pytest.fixture
def play(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # Its own set-up wants a loader and a connection.
    monkeypatch.setattr("ansible.plugins.action.ActionBase.run", lambda self, tmp=None, task_vars=None: {})
    return Play(tmp_path)


@pytest.fixture
def folder(play):
    """The folder of a run that has begun."""
    result = play.call(fleet_run, state="begun", run_id="one")
    assert result["folder"] == str(play.place / "shimops-runs" / "one") and not result["resumed"]
    return result["folder"]


def row(number, verdict="reattached"):
    return {"namespace": "k8s.io", "id": f"{number:064d}", "verdict": verdict, "reason": 60 * "x", "witnesses": {}}


def restarted(*verdicts, **more):
    found = [row(number, verdict) for number, verdict in enumerate(verdicts)]
    summary = verdict_rows.summary(found)
    return {"changed": True, "msg": "done", "verdicts": found, "summary": summary, "gap": 0.3, **more}


def store(folder):
    return FolderStore(Path(folder))


def document(folder, host="h1"):
    return RunHost(store(folder), host).document()


def test_without_a_run_the_task_is_only_handed_on(play):
    play.answer = restarted("reattached")
    assert play.call(shim_reconnect, state="restarted", run_id="x", detail="full") == play.answer
    assert play.asked == [("h1", {"state": "restarted", "run_id": "x", "detail": "full"})]


def test_the_host_s_whole_result_is_written_down_and_the_play_gets_a_summary(play, folder):
    play.answer = restarted(*["reattached"] * 400, invocation={"module_args": {"state": "restarted"}})
    result = play.call(shim_reconnect, state="restarted", run_folder=folder)
    assert play.asked == [("h1", {"state": "restarted", "detail": "full"})], "the folder is no matter of the host"
    assert result["verdicts"] == [] and result["host_state"] == "verified" and len(json.dumps(result)) < 1400
    found = document(folder)
    assert len(found["verdicts"]) == 400 and found["gap"] == 0.3 and found["attempts"] == 1
    assert found["state"] == "verified" and found["ended"] >= found["began"]


def test_a_host_whose_verdicts_are_not_final_is_in_the_middle_until_it_has_settled(play, folder, monkeypatch):
    waits = []
    monkeypatch.setattr(shim_reconnect.time, "sleep", waits.append)
    monkeypatch.setattr(FolderStore, "now", lambda self: 1000.0)
    play.answer = restarted("reattached")
    result = play.call(shim_reconnect, state="restarted", run_folder=folder, settle=0, final=False)
    assert result["host_state"] == "begun" and document(folder)["settles_from"] == 1000.0
    assert document(folder)["verdicts"] and document(folder)["ended"] is None
    monkeypatch.setattr(FolderStore, "now", lambda self: 1012.0)
    result = play.call(shim_reconnect, state="verified", run_folder=folder, settle=30)
    assert result["host_state"] == "verified" and waits == [18.0]
    assert [asked["state"] for _host, asked in play.asked] == ["restarted", "verified"]


@pytest.mark.parametrize("when, state", [("first", "lost"), ("later", "lost")])
def test_a_loss_is_one_before_and_after_the_batch_settled(play, folder, monkeypatch, when, state):
    monkeypatch.setattr(shim_reconnect.time, "sleep", lambda seconds: None)
    play.answer = restarted("killed", failed=True) if when == "first" else restarted("reattached")
    result = play.call(shim_reconnect, state="restarted", run_folder=folder, settle=0, final=False)
    if when == "later":
        play.answer = restarted("killed", failed=True)
        result = play.call(shim_reconnect, state="verified", run_folder=folder, settle=30)
    assert result["host_state"] == state and store(folder).transact(lambda entries: admission.denial(entries, "h2"))


def test_a_host_that_becomes_unreachable_while_its_batch_settles_has_failed(play, folder, monkeypatch):
    monkeypatch.setattr(shim_reconnect.time, "sleep", lambda seconds: None)
    play.answer = restarted("reattached")
    play.call(shim_reconnect, state="restarted", run_folder=folder, settle=0, final=False)
    play.unreachable = True
    with pytest.raises(AnsibleConnectionFailure):
        play.call(shim_reconnect, state="verified", run_folder=folder, settle=30)
    assert document(folder)["state"] == "failed"


def test_many_losses_are_a_small_result_too(play, folder):
    play.answer = restarted(*["killed"] * 300, failed=True, journal_tail=["line"] * 5)
    result = play.call(shim_reconnect, state="restarted", run_folder=folder)
    assert len(json.dumps(result)) < 1500 and result["summary"]["killed"] == 300 and result["verdicts"]
    assert result["host_state"] == "lost" and len(document(folder)["verdicts"]) == 300


def test_a_summary_is_small_whatever_the_host_says(play, folder):
    emoji = 900 * "\U0001f600"
    arguments = {"state": "restarted", "ids": [64 * "f"] * 256, "ledger": "/" + 4000 * "x"}
    verdicts = [dict(row(one, "killed"), reason=emoji) for one in range(300)]
    play.answer = dict(
        restarted(*["killed"] * 300, failed=True, journal_tail=[emoji] * 50, invocation={"module_args": arguments}),
        verdicts=verdicts,
        msg=emoji,
        gap=float(2**63),
        unread=verdicts,
        commands=emoji,
    )
    result = play.call(shim_reconnect, state="restarted", run_folder=folder)
    assert len(json.dumps(result)) <= 2048 - 200 and result["host_state"] == "lost"
    assert result["summary"]["killed"] == 300 and result["summary"]["truncated"] >= 600
    assert result["invocation"]["module_args"]["ids"] == "256 items"
    assert len(document(folder)["verdicts"]) == 300 and document(folder)["message"] == emoji


@pytest.mark.parametrize("in_a_run", [True, False])
def test_what_the_rules_said_is_small_too(play, folder, monkeypatch, in_a_run):
    shims = [{"id": 64 * "f", "namespace": "k8s.io", "at_risk": True, "outcome": "killed", "reason": 90 * "x"}] * 200
    found = {
        "failed": {f"rule-{one}": 1 for one in range(300)},
        "waived": {},
        "unknown": {},
        "refusal": 400 * "\u00e9",
    }
    monkeypatch.setattr(shim_probe, "require_host_document", lambda document: None)
    monkeypatch.setattr(shim_probe.audit_verdict, "judged", lambda *_rest: dict(found))
    monkeypatch.setattr(shim_probe.rule_set, "load", lambda *_rest: shim_probe.rule_set.RuleSet([True], []))
    play.answer = dict(a_forecast(), shims=shims, document={"bundles": [{"id": "a"}] * 500})
    options = {"run_folder": folder} if in_a_run else {}
    result = play.call(shim_probe, audit=True, packs=["hygiene"], **options)
    whole = result.pop("document", None)
    assert (whole is None) == in_a_run and (in_a_run or len(whole["bundles"]) == 500)
    assert len(json.dumps(result)) <= 2048 - 200 and result["summary"]["truncated"] >= 199


def test_after_a_loss_no_other_host_is_asked_anything(play, folder):
    play.answer = restarted("killed", failed=True)
    play.call(shim_reconnect, state="restarted", run_folder=folder)
    play.asked.clear()
    result = play.call(shim_reconnect, "h2", state="restarted", run_folder=folder)
    assert play.asked == [] and not result.get("failed") and result["host_state"] == "untouched"
    assert result["msg"] == "left alone: the run was stopped: 1 lost task, the budget is 0; h1: done"


def test_a_connection_that_fails_stops_the_run_and_stays_a_failure(play, folder):
    play.unreachable = True
    with pytest.raises(AnsibleConnectionFailure):
        play.call(shim_reconnect, state="restarted", run_folder=folder)
    assert document(folder)["state"] == "failed" and "no route" in document(folder)["message"]
    assert play.call(shim_reconnect, "h2", state="restarted", run_folder=folder)["host_state"] == "untouched"


def test_a_host_that_cannot_be_audited_is_refused_and_stops_nobody(play, folder):
    play.unreachable = True
    with pytest.raises(AnsibleConnectionFailure):
        play.call(shim_probe, run_folder=folder)
    assert document(folder)["state"] == "refused"
    play.unreachable = False
    play.answer = restarted("reattached")
    assert play.call(shim_reconnect, "h2", state="restarted", run_folder=folder)["host_state"] == "verified"


def test_a_refusal_is_no_loss_of_this_run(play, folder):
    play.answer = restarted("killed", failed=True, refused=True, msg="an earlier run")
    assert play.call(shim_reconnect, state="restarted", run_folder=folder)["host_state"] == "refused"
    assert play.call(fleet_run, "h2", state="host_checked", run_folder=folder)["may_begin"] is True


def test_a_host_lost_in_another_task_of_the_play_counts(play, folder):
    play.answer = a_forecast()
    play.call(shim_probe, "h3", run_folder=folder)
    play.alive = ["h1", "h2"]
    result = play.call(fleet_run, state="host_checked", run_folder=folder)
    assert (
        result["may_begin"] is False
        and "1 failed host" in result["msg"]
        and document(folder, "h3")["state"] == "failed"
    )


def test_a_host_that_was_lost_before_it_was_audited_does_not_count(play, folder):
    play.alive = ["h1", "h2"]
    assert play.call(fleet_run, state="host_checked", run_folder=folder)["may_begin"] is True


def a_forecast(**ledger):
    return {
        "changed": False,
        "shims": [
            {"id": "a", "at_risk": True, "outcome": "killed"},
            {"id": "b", "at_risk": False, "outcome": "reattached"},
        ],
        "summary": {"tasks": 2, "at_risk": 1, "bundles": 2, "outcomes": {"killed": 1, "reattached": 1}},
        "release": {"running": "1.7.24", "target": "1.7.24"},
        "hazards": [],
        "refusal": "",
        "ledger": ledger,
    }


def test_a_forecast_is_written_down(play, folder):
    play.answer = a_forecast()
    result = play.call(shim_probe, run_folder=folder)
    assert [shim["id"] for shim in result["shims"]] == ["a"]
    found = document(folder)
    assert (found["state"], found["forecast"]["at_risk"], found["at_risk"][0]["id"]) == ("forecast", 1, "a")
    assert found["message"] == "2 tasks, 1 at risk, containerd 1.7.24 into 1.7.24"


@pytest.mark.parametrize(
    "ledger, state",
    [
        ({}, "forecast"),
        ({"run_id": "other", "phase": "verified", "lost": 1}, "forecast"),
        ({"run_id": "one", "phase": "recorded", "lost": 0}, "forecast"),
        ({"run_id": "one", "phase": "restarting", "lost": 0}, "begun"),
        ({"run_id": "one", "phase": "restarted", "lost": 0}, "begun"),
        ({"run_id": "one", "phase": "verified", "lost": 0}, "verified"),
        ({"run_id": "one", "phase": "verified", "lost": 2}, "lost"),
        ({"problem": "ledger: it is damaged"}, "forecast"),
    ],
)
def test_the_host_s_own_ledger_says_how_far_it_came(play, folder, ledger, state):
    play.answer = a_forecast(**ledger)
    assert play.call(shim_probe, run_folder=folder)["host_state"] == state
    asked = play.call(fleet_run, state="host_checked", run_folder=folder)
    assert asked["before"] is (state == "forecast")
    # What is lost has spent the budget, so it is not even verified again.
    assert asked["may_begin"] is (state != "lost")
    assert store(folder).transact(admission.counted).get("lost", 0) == (2 if state == "lost" else 0)


def test_a_host_in_the_middle_is_verified_although_the_run_was_stopped(play, folder):
    play.answer = a_forecast(run_id="one", phase="restarting", lost=0)
    play.call(shim_probe, run_folder=folder)
    store(folder).transact(lambda entries: admission.stop(entries, None, "enough"))
    play.answer = restarted("reattached")
    assert play.call(shim_reconnect, state="restarted", run_folder=folder)["host_state"] == "verified"
    assert play.asked[-1][1]["state"] == "verified"


def test_a_wrong_pack_begins_no_run(play):
    result = play.call(fleet_run, state="begun", run_id="one", packs=["none-of-ours"])
    assert result["failed"] and "none-of-ours" in result["msg"] and not (play.place / "shimops-runs").exists()


def test_one_task_checks_the_run_and_acts(play, folder):
    play.answer = a_forecast()
    play.call(shim_probe, run_folder=folder)
    play.answer = restarted("reattached")
    result = play.call(shim_reconnect, state="restarted", run_folder=folder, refusal="", refusal_counts="refused")
    assert (result["host_state"], document(folder)["batch"]) == ("verified", 1)
    # What is meant for the controller stays there.
    assert not {"refusal", "refusal_counts"} & set(play.asked[-1][1])


def test_a_host_that_is_refused_is_not_asked(play, folder):
    play.answer = a_forecast()
    play.call(shim_probe, run_folder=folder)
    asked = len(play.asked)
    result = play.call(shim_reconnect, state="restarted", run_folder=folder, refusal="stale", refusal_counts="failed")
    assert (result["host_state"], result["msg"], result["changed"], len(play.asked)) == (
        "refused",
        "stale",
        False,
        asked,
    )
    result = play.call(shim_reconnect, "h2", state="restarted", run_folder=folder, refusal="")
    assert result["host_state"] == "untouched" and "1 failed host" in result["msg"] and len(play.asked) == asked


@pytest.mark.parametrize("on_risk, state", [("refuse", "refused"), ("proceed", "forecast")])
def test_a_forecast_decides_about_its_host(play, folder, on_risk, state):
    play.answer = {**a_forecast(), "refusal": "forecast: 1 task at risk."}
    result = play.call(shim_probe, run_folder=folder, on_risk=on_risk, refusal_counts="refused")
    assert (result["host_state"], document(folder)["state"]) == (state, state)
    assert result["host_refusal"] == ("forecast: 1 task at risk." if state == "refused" else "")
    assert not {"on_risk", "refusal_counts", "version"} & set(play.asked[-1][1])


def test_a_host_that_needs_no_upgrade_is_current_unless_this_run_made_it(play, folder):
    play.answer = a_forecast()
    release = play.answer["release"]["running"]
    play.answer["release"].update(installed=release)
    wanted = {"run_folder": folder, "on_risk": "refuse", "refusal_counts": "refused", "version": release}
    assert play.call(shim_probe, **wanted)["host_state"] == "current"
    assert not store(folder).transact(admission.counted)
    play.answer = {**play.answer, "ledger": {"run_id": "one", "phase": "verified", "lost": 0}}
    assert play.call(shim_probe, "h2", **wanted)["host_state"] == "verified"


def test_what_was_verified_stays_so_when_the_run_is_stopped(play, folder):
    play.answer = a_forecast(run_id="one", phase="verified", lost=0)
    play.call(shim_probe, run_folder=folder)
    store(folder).transact(lambda entries: admission.stop(entries, None, "enough"))
    assert play.call(fleet_run, state="host_checked", run_folder=folder)["msg"] == "verified already"
    assert play.call(shim_reconnect, state="restarted", run_folder=folder)["host_state"] == "verified"


def test_mending_begins_a_host_and_the_restart_goes_on_whatever_happens_meanwhile(play, folder):
    play.answer = {"changed": True, "migrated": [], "rescued": [{"id": "a"}], "refused": [], "summary": {}}
    assert play.call(shim_migrate, run_folder=folder, run_id="one")["host_state"] == "begun"
    assert document(folder)["rescued"] == [{"id": "a"}]
    store(folder).transact(lambda entries: admission.stop(entries, "h2", "enough"))
    play.answer = restarted("reattached")
    assert play.call(shim_reconnect, state="restarted", run_folder=folder)["host_state"] == "verified"
    assert play.call(shim_migrate, "h3", run_folder=folder)["host_state"] == "untouched"


def test_a_check_begins_nothing(play, folder):
    play.check = True
    play.answer = {"changed": True, "msg": "containerd would be restarted", "verdicts": [], "summary": {}, "gap": None}
    result = play.call(shim_reconnect, state="restarted", run_folder=folder)
    assert result["host_state"] == "forecast" and document(folder)["attempts"] == 0


def test_a_check_counts_what_the_rescue_would_keep(play, folder):
    play.check = True
    rescued = [{"namespace": "default", "id": "a"}]
    play.answer = {"changed": True, "migrated": [], "rescued": rescued, "refused": [], "summary": {}}
    play.call(shim_migrate, run_folder=folder)
    risk = {
        "refused": True,
        "failed": True,
        "msg": "forecast: at risk",
        "at_risk": rescued,
        "verdicts": [],
        "summary": {},
    }
    play.answer = dict(risk)
    result = play.call(shim_reconnect, state="restarted", run_folder=folder)
    assert (result["host_state"], result["refused"]) == ("forecast", False) and "after the rescue" in result["msg"]
    play.answer = dict(risk, at_risk=[*rescued, {"namespace": "default", "id": "b"}])
    assert play.call(shim_reconnect, state="restarted", run_folder=folder)["host_state"] == "refused"


def test_a_refused_host_is_reported_once_and_may_count_as_a_failure(play, folder):
    reported = play.call(fleet_run, state="host_checked", run_folder=folder, reason="stale")
    assert (reported["may_begin"], reported["msg"], document(folder)["state"]) == (False, "stale", "refused")
    assert play.call(fleet_run, "h2", state="host_checked", run_folder=folder)["may_begin"] is True
    play.call(fleet_run, "h2", state="refused", run_folder=folder, reason="stale", counts="failed")
    assert "1 failed host" in play.call(fleet_run, "h3", state="host_checked", run_folder=folder)["msg"]


def test_an_old_forecast_is_stale(play, folder, monkeypatch):
    play.answer = a_forecast()
    play.call(shim_probe, run_folder=folder)
    assert play.call(fleet_run, state="host_checked", run_folder=folder)["stale"] is False
    later = store(folder).now() + 601
    monkeypatch.setattr(FolderStore, "now", lambda self: later)
    assert play.call(fleet_run, state="host_checked", run_folder=folder)["stale"] is True


def test_the_gate_knows_whether_a_batch_was_before(play, folder):
    assert play.call(fleet_run, state="batch_checked", run_folder=folder)["between"] is False
    play.batch = ["h1"]
    play.call(fleet_run, state="host_checked", run_folder=folder)
    assert play.call(fleet_run, state="batch_checked", run_folder=folder)["between"] is True
    play.batch = ["h2"]
    play.call(fleet_run, "h2", state="host_checked", run_folder=folder)
    assert (document(folder, "h1")["batch"], document(folder, "h2")["batch"]) == (1, 2)
    reported = play.call(fleet_run, state="batch_checked", run_folder=folder, reason="the gate said no")
    assert reported["stop"] is True and reported["between"] is False and "the gate said no" in reported["msg"]


def test_the_report_names_the_hosts_that_are_to_fail(play, folder):
    play.answer = restarted("killed", failed=True)
    play.call(shim_reconnect, "h2", state="restarted", run_folder=folder)
    reported = play.call(fleet_run, state="reported", run_folder=folder)
    assert reported["fail"] == ["h2"] and reported["failure"].startswith("run one: 1 lost, 2 untouched")
    # Where the host itself is gone another one speaks for the run.
    play.alive = ["h1", "h3"]
    assert play.call(fleet_run, state="reported", run_folder=folder)["fail"] == ["h1"]


@pytest.mark.parametrize("state", ["host_checked", "batch_checked", "reported", "refused"])
def test_all_but_the_beginning_need_the_folder(play, state):
    reported = play.call(fleet_run, state=state)
    assert reported["failed"] and reported["msg"] == f"run: state {state} needs run_folder, as state begun returned it."


@pytest.mark.parametrize("action", [fleet_run, shim_probe, shim_reconnect])
def test_a_folder_that_is_no_run_s_is_said(play, action):
    state = {fleet_run: "host_checked", shim_probe: None, shim_reconnect: "restarted"}[action]
    options = {"state": state} if state else {}
    play.answer = a_forecast()
    (play.place / "none").mkdir()
    reported = play.call(action, run_folder=str(play.place / "none"), **options)
    assert reported["failed"] and "none: begin it first" in reported["msg"] and "\n" not in reported["msg"]


def test_the_defaults_of_the_action_group_do_no_harm(play):
    assert play.call(fleet_run, state="begun", run_id="one", layout="k3s", timeout=5)["run_id"] == "one"


def broken(self, *words):
    raise StoreError("the run store cannot be reached; repair that")


def test_a_store_that_fails_before_the_host_acts_keeps_it_from_beginning(play, folder, monkeypatch):
    monkeypatch.setattr(FolderStore, "transact", broken)
    play.answer = restarted("reattached")
    result = play.call(shim_reconnect, state="restarted", run_folder=folder)
    assert result == {"failed": True, "changed": False, "msg": "run: the run store cannot be reached; repair that."}
    assert play.asked == []


def test_a_store_that_fails_while_the_host_acts_takes_nothing_from_its_result(play, folder, monkeypatch):
    play.answer = restarted("reattached")
    real = play.execute

    def execute(*words, **more):
        monkeypatch.setattr(FolderStore, "transact", broken)
        monkeypatch.setattr(FolderStore, "get", broken)
        return real(*words, **more)

    play.execute = execute
    result = play.call(shim_reconnect, state="restarted", run_folder=folder)
    assert result["changed"] and not result.get("failed") and result["summary"]["reattached"] == 1
    assert result["host_state"] == "begun" and "its ledger says what became of it" in play.warned[0]


def test_a_loss_is_entered_as_soon_as_the_store_is_back(play, folder, monkeypatch):
    play.answer = restarted("killed", failed=True)
    real, waits, tries = FolderStore.transact, [], iter([broken, broken])
    monkeypatch.setattr(run_action.time, "sleep", waits.append)

    def transact(self, work):
        return next(tries, real)(self, work)

    def execute(*words, **more):
        monkeypatch.setattr(FolderStore, "transact", transact)
        return Play.execute(play, *words, **more)

    play.execute = execute
    result = play.call(shim_reconnect, state="restarted", run_folder=folder)
    assert result["failed"] and result["host_state"] == "lost" and waits == [1, 2] and play.warned == []
    assert "1 lost task" in play.call(fleet_run, "h2", state="host_checked", run_folder=folder)["msg"]


def test_a_host_settles_without_the_store(play, folder, monkeypatch):
    waits = []
    monkeypatch.setattr(shim_reconnect.time, "sleep", waits.append)
    monkeypatch.setattr(FolderStore, "get", broken)
    monkeypatch.setattr(FolderStore, "transact", broken)
    play.answer = restarted("reattached")
    result = play.call(shim_reconnect, state="verified", run_folder=folder, settle=30)
    assert result["summary"]["reattached"] == 1 and not result.get("failed")
    assert waits == [30.0], "nobody knows since when it settles, so the whole wait"


def test_a_run_is_shown_and_stopped_by_its_name(play, folder):
    shown = play.call(fleet_run, state="status", run_id="one")
    assert shown["lines"][0].startswith("Run one (restart): 0 of 3 hosts done") and not shown["ended"]
    assert play.call(fleet_run, state="stopped", run_id="one")["msg"] == "run: state stopped needs reason."
    assert play.call(fleet_run, state="stopped", run_id="one", reason="lunch")["msg"] == "the run is stopped: lunch"
    assert play.call(fleet_run, state="stopped", run_id="one", reason="tea")["msg"] == "the run is stopped: lunch"
    assert play.call(fleet_run, state="host_checked", run_folder=folder)["may_begin"] is False
    assert play.call(fleet_run, state="status", run_id="one")["status"]["stopped"] == "lunch"
    for state in ("status", "stopped"):
        result = play.call(fleet_run, state=state, run_id="none", reason="x")
        assert result["failed"] and "there is no run in" in result["msg"]
        assert not (play.place / "shimops-runs" / "none").exists()
        assert "needs run_id" in play.call(fleet_run, state=state, reason="x")["msg"]


def test_a_store_needs_a_name_and_takes_no_password_in_its_address(play):
    result = play.call(fleet_run, state="begun", run_store="redis://h")
    assert result["msg"] == "run: run_store needs run_id, the same on all controllers."
    result = play.call(fleet_run, state="begun", run_id="one", run_store="redis://:secret@h")
    assert "has a password in it" in result["msg"] and "secret" not in result["msg"]
    assert not (play.place / "shimops-runs").exists()


def test_a_part_of_a_split_job_answers_for_its_own_hosts(play):
    """Those of the other parts may not have begun yet."""
    folder = play.call(fleet_run, state="begun", run_id="one", join=True)["folder"]
    begun = store(folder)
    begun.transact(lambda entries: entries.put(ALL_HOSTS, {"hosts": [*HOSTS, "elsewhere"]}))
    for host in HOSTS:
        RunHost(begun, host).enter_state("verified", "8 reattached")
    reported = play.call(fleet_run, state="reported", run_folder=folder)
    assert reported["failure"] == "" and reported["counts"]["verified"] == len(HOSTS)
