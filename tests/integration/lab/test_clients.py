# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of containerd go on while a host is restarted: tasks end, come and go, or were never started."""

import concurrent.futures
import time
from types import SimpleNamespace

import play
import pytest
import story
import world
from conftest import CLASSES

from lab import cri, workloads

# Waits for its sign before it does anything, then holds the gap open, in which one container is asked to end.
SLOW_RESTART = """#!/bin/sh
touch /run/shimops-begun
until [ -e /run/shimops-go ]; do sleep 0.05; done
systemctl stop containerd
kill -USR1 "$(cat /run/shimops-ender)"
sleep 1.5
exec systemctl start containerd
"""
SCRIPT = "/usr/local/sbin/lab-slow-restart"
# Ends by itself with a status that no signal leaves behind.
ENDS_WITH_7 = ("/bin/sh", "-c", "trap 'exit 7' USR1; sleep 100000 & while :; do wait; done")


@pytest.fixture(params=CLASSES)
def release(request):
    return request.param


def _await(probe, patience=40):
    end = time.monotonic() + patience
    while not probe():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def restart(fleet, hosts):
    """What was seen of one restart on each release, with clients at work all the while."""
    play.reset(fleet, hosts.values())
    reported = {host.name: SimpleNamespace(host=host) for host in hosts.values()}

    def prepare(host):
        one = reported[host.name]
        workloads.start_plain(host, "ender", ENDS_WITH_7)
        workloads.start_plain(host, "leaver")
        workloads.run_pod(host, "idle", start=False)
        one.tasks = world.tasks(host)
        one.daemon = world.containerd(host)
        one.pod = world.pod(host, "web2")
        one.ender = one.tasks[("default", "ender")]
        install = 'printf %s "$2" > "$1"; chmod 755 "$1"; echo "$3" > /run/shimops-ender'
        host.script(install, SCRIPT, SLOW_RESTART, str(one.ender.pid))

    def meddle(host):
        one = reported[host.name]
        try:
            _await(lambda: host.path("/run/shimops-begun").exists())
            one.recorded = world.ledger(host)
            workloads.start_plain(host, "early")
            one.early = world.tasks(host)[("default", "early")]
            workloads.delete(host, "leaver")
            with cri.Client(host) as client:
                client.remove_container(one.pod["sidecar"][1])
        finally:
            host.path("/run/shimops-go").touch()
        _await(lambda: world.ledger(host)["phase"] == "restarted")
        workloads.start_plain(host, "late")

    play.together(hosts.values(), prepare)
    wanted = {"state": "restarted", "run_id": story.RUN, "settle": 4, "detail": "full", "restart_command": [SCRIPT]}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        running = pool.submit(play.run, fleet, "shim_reconnect", wanted, reported)
        play.together(hosts.values(), meddle)
        results = running.result()
    for name, one in reported.items():
        one.done = results[name]
        one.verdicts = story.by_key(one.done["verdicts"])
        one.after = story.observe(one.host)
        one.cri = {each.id: each.state for each in workloads.cri_containers(one.host)}
        one.idle = world.pod(one.host, "idle")
    return {release: reported[host.name] for release, host in hosts.items()}


class TestDuringTheRestart:
    """One restart, held open by its command, while clients come and go."""

    @pytest.fixture
    def one(self, restart, release):
        return restart[release]

    def test_nothing_is_lost(self, one):
        assert one.done["failed"] is False, one.done["msg"]
        assert one.done["changed"] is True and one.after.daemon != one.daemon
        assert one.done["summary"]["lost"] == 0
        # The gap is the one the command held open, with containerd's own start.
        assert 1.4 < one.done["gap"] < 30

    def test_one_that_ends_by_itself_meanwhile_has_exited(self, one):
        row = one.verdicts[("default", "ender")]
        assert row["verdict"] == "exited" and "status 7" in row["reason"], row
        assert world.process(one.host, one.ender.pid) != one.ender

    def test_one_created_after_the_ledger_joins_it(self, one):
        key = ("default", "early")
        assert key not in {(task["namespace"], task["id"]) for task in one.recorded["tasks"]}
        assert key in {(task["namespace"], task["id"]) for task in one.after.ledger["tasks"]}
        row = one.verdicts[key]
        assert row["verdict"] == "reattached" and row["witnesses"] == story.YES, row
        assert one.after.listed[key] == one.early

    def test_one_created_while_it_settles_is_new(self, one):
        assert one.verdicts[("default", "late")]["verdict"] == "new"
        assert ("default", "late") in one.after.listed

    @pytest.mark.parametrize("client", ["ctr", "cri"])
    def test_one_that_its_client_deletes_before_the_restart_has_ended(self, one, client):
        key = ("default", "leaver") if client == "ctr" else one.pod["sidecar"]
        assert key in {(task["namespace"], task["id"]) for task in one.recorded["tasks"]}
        assert one.verdicts[key]["verdict"] == "ended", one.verdicts[key]
        assert key not in one.after.listed

    def test_all_others_are_proven(self, one):
        ended = {("default", "ender"), ("default", "leaver"), one.pod["sidecar"]}
        for key, was in one.tasks.items():
            if key not in ended:
                assert one.verdicts[key]["verdict"] == "reattached" and one.verdicts[key]["witnesses"] == story.YES
                assert one.after.listed[key] == was
        assert set(one.verdicts) == {*one.tasks, ("default", "early"), ("default", "late")}

    def test_a_pod_whose_containers_were_never_started_waits_on(self, one):
        containers = {name: key[1] for name, key in one.idle.items() if name != "sandbox"}
        assert sorted(containers) == sorted(workloads.POD_CONTAINERS)
        assert [one.cri[each] for each in containers.values()] == ["created", "created"]
        assert one.verdicts[one.idle["sandbox"]]["verdict"] == "reattached"


@pytest.fixture(scope="module")
def created(fleet, hosts):
    """The story of a CRI container whose task is created and not started."""

    def prepare(host):
        pod = workloads.run_pod(host, "half", containers=("app",), start=False)
        workloads.create_task(host, pod.containers["app"])

    return story.enact(fleet, hosts, lambda host: {world.pod(host, "half")["app"]: "created"}, prepare)


class TestCreatedTask:
    """containerd keeps a task of the CRI that is created and not started, and the CRI then deletes it."""

    @pytest.fixture
    def seen(self, created, release):
        return created[release]

    def test_the_forecast_tells_what_the_client_does(self, seen):
        for key, row in seen.rows.items():
            client = "deletes" if key in seen.victims else "keeps"
            assert (row["outcome"], row["task"], row["client"]) == ("reattached", "kept", client)
            assert (row["status"], row["at_risk"]) == (("created", True) if key in seen.victims else ("running", False))

    def test_by_default_the_restart_is_refused(self, seen):
        ((namespace, container),) = seen.victims
        story.check_untouched(seen)
        assert seen.refused["failed"] is True
        assert f"{namespace}/{container[:16]}" in seen.refused["msg"]
        assert "CRI deletes such a task" in seen.refused["msg"]
        assert set(story.by_key(seen.refused["at_risk"])) == set(seen.victims)

    def test_gone_through_with_the_cri_kills_it(self, seen):
        story.check_restarted(seen)
        story.check_verdicts(seen, dict.fromkeys(seen.victims, "killed"))
        story.check_foretold(seen)
