# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of shims and bundles: foretold, refused, and as foretold when gone through with.

Each fault is made on a plain container and on a container of a pod; a fault of a shim hits all three tasks of its pod.
A story is played once, on all releases together; faults that do not touch each other share one.
"""

import functools
import time

import play
import pytest
import story
import world
from conftest import CLASSES

from lab import faults, shims, workloads

# In every run the gate "lab differential" compares these conditions with the forecast.
pytestmark = pytest.mark.matrix

# Which containers of the damaged story get which fault: a plain one, and one of a pod.
DAMAGED = {
    "bootstrap_missing": ("plain1", "web1", "app"),
    "bootstrap_empty": ("plain2", "web1", "sidecar"),
    "bootstrap_garbled": ("plain3", "web2", "app"),
    "socket_missing": ("plain4", "web3", "sandbox"),
}
# The row of the forecast's table by fault and release.
ROWS = {
    "bootstrap_missing": {"1.6": "C2", "1.7": "C2", "2.1": "C2"},
    "bootstrap_empty": {"1.6": "C3", "1.7": "C3", "2.1": "B2"},
    # Nine characters of an address are still an address; of JSON they are nothing.
    "bootstrap_garbled": {"1.6": "D1", "1.7": "D1", "2.1": "B1"},
    "socket_missing": {"1.6": "D1", "1.7": "D1", "2.1": "D1"},
    "shim_stopped": {"1.6": "D3", "1.7": "D3", "2.1": "D3"},
}


def _more_containers(host):
    for name in ("plain3", "plain4", "plain5"):
        workloads.start_plain(host, name)
    workloads.run_pod(host, "web3")


def _damage(host):
    victims = {}
    for fault, (plain, pod, container) in DAMAGED.items():
        tasks = world.pod(host, pod)
        hit = tasks.values() if container == "sandbox" else [tasks[container]]
        faults.apply(host, fault, plain)
        faults.apply(host, fault, tasks[container][1])
        victims.update(dict.fromkeys([("default", plain), *hit], fault))
    return victims


def _shims(fault):
    """A fault on the shims of plain1 and of web1; the victims, and what was hit."""

    def make(host):
        pod = world.pod(host, "web1")
        hit[host.name] = [faults.apply(host, fault, name) for name in ("plain1", pod["sandbox"][1])]
        return dict.fromkeys([("default", "plain1"), *pod.values()], fault)

    hit = {}
    return make, hit


def _hang(fleet, hosts):
    """Shims that are stopped, taken for dead by the restart, and woken again.

    Then a shim is stopped that was found again, and everything is verified once more.
    """
    make, hit = _shims("shim_stopped")
    # Shims that will never answer are not waited for as long as containerd does.
    reported = story.enact(fleet, hosts, make, shim_timeout=2)
    for seen in reported.values():
        seen.woken = [target.shim.pid for target in hit[seen.host.name]]
        for target in hit[seen.host.name]:
            faults.FAULTS["shim_woken"].do(target)
    play.together(hosts.values(), lambda host: faults.apply(host, "shim_stopped", "plain2"))
    wanted = {"state": "verified", "detail": "full", "shim_timeout": 2, "restart_timeout": 3}
    again = play.run(fleet, "shim_reconnect", wanted, [seen.host for seen in reported.values()])
    for seen in reported.values():
        seen.again = again[seen.host.name]
        seen.running = {shim.pid for shim in shims.shims(seen.host)}
    return reported


def _kill(fleet, hosts):
    """Shims that are killed: a containerd that runs notices at once, and its tasks are lost before any restart."""
    make, _hit = _shims("shim_killed")

    def kill(host):
        victims = make(host)
        end = time.monotonic() + 20
        while victims.keys() & world.tasks(host).keys():
            assert time.monotonic() < end, "containerd did not notice"
            time.sleep(0.1)
        return victims

    return story.enact(fleet, hosts, kill)


@pytest.fixture(scope="module")
def stories(fleet, hosts):
    """The stories by name, each run when it is first asked for."""
    reported = {
        "damaged": lambda: story.enact(fleet, hosts, _damage, _more_containers),
        "shim_stopped": lambda: _hang(fleet, hosts),
        "shim_killed": lambda: _kill(fleet, hosts),
    }
    return functools.lru_cache(lambda name: reported[name]())


@pytest.fixture(params=CLASSES)
def release(request):
    return request.param


def _victims(seen, fault):
    found = {key for key, name in seen.victims.items() if name == fault}
    # A plain container and one of a pod; of a shared shim the whole pod.
    assert len(found) == (4 if fault in ("socket_missing", "shim_stopped") else 2)
    return found


@pytest.fixture(params=ROWS)
def fault(request):
    return request.param


@pytest.fixture
def seen(stories, fault, release):
    return stories("damaged" if fault in DAMAGED else fault)[release]


def test_the_forecast_names_each_victim(seen, fault, release):
    for key in _victims(seen, fault):
        row = seen.rows[key]
        assert (row["outcome"], row["task"], row["at_risk"]) == ("killed", "killed", True)
        assert row["rule"] == ROWS[fault][release]
        assert row["status"] == "running" and row["reason"]


def test_by_default_each_victim_is_named_and_the_restart_refused(seen, fault, release):
    assert seen.refused["failed"] is True
    risks = story.by_key(seen.refused["at_risk"])
    for key in _victims(seen, fault):
        assert (risks[key]["outcome"], risks[key]["rule"]) == ("killed", ROWS[fault][release])
        assert risks[key]["reason"] == seen.rows[key]["reason"]


def test_gone_through_with_each_victim_is_killed(seen, fault, release):
    for key in _victims(seen, fault):
        assert seen.verdicts[key]["verdict"] == "killed", seen.verdicts[key]
        assert seen.fates[key] == "killed"
        assert key not in seen.bundles


class TestWholeHost:
    """What each story does to everything else on the host."""

    @pytest.fixture(params=["damaged", "shim_stopped"])
    def seen(self, request, stories, release):
        return stories(request.param)[release]

    def test_the_forecast_names_no_others(self, seen, release):
        assert seen.forecast["release"]["release_class"] == CLASSES[release]
        assert set(seen.rows) == set(seen.tasks)
        for key in set(seen.tasks) - set(seen.victims):
            row = seen.rows[key]
            assert (row["outcome"], row["task"], row["client"]) == ("reattached", "kept", "keeps"), row
            assert row["at_risk"] is False
        assert seen.forecast["summary"]["at_risk"] == len(seen.victims)

    def test_the_refusal_leaves_everything_alone(self, seen):
        story.check_untouched(seen)
        assert set(story.by_key(seen.refused["at_risk"])) == set(seen.victims)
        first = seen.refused["at_risk"][0]
        assert f"{len(seen.victims)} of {len(seen.tasks)} tasks at risk" in seen.refused["msg"]
        assert f"{first['namespace']}/{first['id'][:16]} would be killed, {first['reason']}" in seen.refused["msg"]

    def test_the_victims_are_lost_and_no_others(self, seen):
        story.check_restarted(seen)
        story.check_verdicts(seen, dict.fromkeys(seen.victims, "killed"))
        assert seen.done["msg"].startswith("verify: ") and f"{len(seen.victims)} killed" in seen.done["msg"]
        assert seen.done["journal_tail"]

    def test_the_forecast_comes_true(self, seen):
        story.check_foretold(seen)


class TestVerifiedAgain:
    """After the restart the stopped shims go on, and that of plain2 answers no more."""

    @pytest.fixture
    def seen(self, stories, release):
        return stories("shim_stopped")[release]

    def test_a_shim_that_answers_again_does_not_revive_its_container(self, seen):
        assert set(seen.woken) <= seen.running
        verdicts = story.by_key(seen.again["verdicts"])
        assert {verdicts[key]["verdict"] for key in seen.victims} == {"killed"}

    def test_a_shim_that_falls_silent_proves_nothing(self, seen):
        row = story.by_key(seen.again["verdicts"])[("default", "plain2")]
        assert (row["verdict"], row["witnesses"]["shim"], row["witnesses"]["kernel"]) == ("unproven", "no", "yes"), row

    def test_all_others_stay_proven(self, seen):
        verdicts = story.by_key(seen.again["verdicts"])
        for key in set(seen.tasks) - set(seen.victims) - {("default", "plain2")}:
            assert (verdicts[key]["verdict"], verdicts[key]["witnesses"]) == ("reattached", story.YES), verdicts[key]
        assert seen.again["failed"] is True and seen.again["changed"] is False
        assert f"{len(seen.victims)} killed" in seen.again["msg"] and "1 unproven" in seen.again["msg"]


class TestShimKilled:
    """The tasks of a dead shim are lost before the restart, which therefore has nothing to refuse."""

    @pytest.fixture
    def seen(self, stories, release):
        return stories("shim_killed")[release]

    def test_nothing_is_at_risk(self, seen):
        assert seen.forecast["summary"]["at_risk"] == 0
        assert not [key for key, row in seen.rows.items() if row["at_risk"]]
        for key in set(seen.tasks) - set(seen.victims):
            assert (seen.rows[key]["outcome"], seen.rows[key]["task"]) == ("reattached", "kept")
        for key in set(seen.rows) & set(seen.victims):
            assert seen.rows[key]["task"] == "gone_before"

    def test_the_restart_is_not_refused(self, seen):
        reported = seen.refused
        assert reported["failed"] is False and reported["changed"] is True
        assert seen.between.daemon and seen.between.daemon != seen.before.daemon
        verdicts = story.by_key(reported["verdicts"])
        for key in set(seen.tasks) - set(seen.victims):
            assert (verdicts[key]["verdict"], verdicts[key]["witnesses"]) == ("reattached", story.YES)
            assert seen.between.listed[key] == seen.tasks[key]
        # What is gone before may be listed as such, and is no loss of this restart.
        assert {verdicts[key]["verdict"] for key in set(verdicts) & set(seen.victims)} <= {"exited", "ended"}
        assert reported["summary"]["lost"] == 0
