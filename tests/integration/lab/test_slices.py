# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run over four controllers that share nothing but a Redis: the slices of a job, run by ansible-runner."""

import contextlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import play
import pytest
import rolls
import slices

from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import DOCUMENT, STOP
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.redis_store import RedisStore
from dev import machine
from lab import redis_server

SLICES, HOSTS = 4, 12


@pytest.fixture
def server(tmp_path):
    """A Redis that keeps what it has over a restart."""
    with redis_server.running(tmp_path / "redis", {"appendonly": "yes", "appendfsync": "always"}) as one:
        yield one


@pytest.fixture
def twelve(row):
    """Twelve sound hosts."""
    hosts = list(row.hosts.values())[:HOSTS]
    rolls.repair(row, hosts)
    yield hosts
    rolls.go(hosts)
    rolls.repair(row, hosts)


class Job:
    """One launch of a sliced job: each slice with its part of the hosts, all with one run."""

    def __init__(self, row, hosts, place, server, run_id, launch, parts=SLICES, **options):
        self.slices = [
            slices.Slice(row, hosts[part::parts], place / launch / str(part), server, run_id, launch, **options)
            for part in range(parts)
        ]

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            for one in self.slices:
                stack.enter_context(one)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._stack.__exit__(*error)

    def ended(self):
        """The status of each slice."""
        return [one.ended() for one in self.slices]


def run_of(server, run_id):
    """The run as any controller sees it."""
    return RedisStore(server.url, server.password, run_id)


def states(server, run_id):
    """Each host's state in the store."""
    return {host: document["state"] for host, document in run_of(server, run_id).every(DOCUMENT)}


def name():
    """A run that no ledger of the hosts knows."""
    return f"slices.{time.time_ns()}"


def playbook(row, server, tmp_path, play_name, **values):
    """What a playbook prints that is played on this controller, in a folder of its own."""
    tmp_path.mkdir(exist_ok=True)
    command = [Path(sys.executable).parent / "ansible-playbook", "-i", row.inventory, f"{play.FQCN}.{play_name}"]
    env = {**play.environment(), "SHIMOPS_RUN_STORE_PASSWORD": server.password}
    done = subprocess.run(
        [*command, "-e", json.dumps({f"{play_name}_{key}": value for key, value in values.items()})],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_loss_in_one_slice_stops_all_and_the_next_launch_goes_on(row, twelve, tmp_path, server):
    run_id, first = name(), {host.name for host in twelve[:SLICES]}
    rolls.ways(twelve, {"lab1": "loses"}, others="waits")
    with Job(row, twelve, tmp_path, server, run_id, "one") as job:
        rolls.until(lambda: run_of(server, run_id).get(STOP), "a stop mark")
        # Those that wait had begun; whoever else may begin does it now, or never.
        rolls.until(lambda: list(states(server, run_id).values()).count("untouched") >= 2, "the rest of slice 1")
        rolls.go(twelve)
        assert job.ended() == [2] * SLICES
    assert "lab1: verify: 1 killed" in run_of(server, run_id).get(STOP)["reason"]
    restarted = {host for host, count in rolls.restarts(twelve).items() if count}
    # One fork each: at most as many others had begun as there are slices.
    assert "lab1" in restarted and restarted <= first
    expected = {host.name: "verified" if host.name in restarted else "untouched" for host in twelve}
    assert states(server, run_id) == {**expected, "lab1": "lost"}
    # Any controller reports on the whole run, and none of the slices left a folder to share.
    status, said = playbook(row, server, tmp_path / "report", "compliance_report", run_id=run_id, run_store=server.url)
    assert status == 0 and f"run {run_id}: 12 hosts" in said and "a task was lost: 1" in said
    status, said = playbook(row, server, tmp_path / "status", "fleet_status", run_id=run_id, run_store=server.url)
    assert (
        status == 0
        and f"Run {run_id} (restart): {len(restarted)} of 12 hosts done" in said
        and "stopped: 1 lost task" in said
    )
    with Job(row, twelve, tmp_path, server, run_id, "two", lost_budget=1, forks=3) as job:
        # What was lost is reported again; every other host of the run is done.
        assert sorted(job.ended()) == [0, 0, 0, 2]
    assert states(server, run_id) == {**dict.fromkeys(expected, "verified"), "lab1": "lost"}
    assert rolls.restarts(twelve) == dict.fromkeys(expected, 1)


def test_two_slices_never_act_on_one_host(row, twelve, tmp_path, server):
    """Two controllers were given the same hosts; the clock of one of them is an hour ahead."""
    if not shutil.which("faketime"):
        machine.apt_install(["faketime"])
    hosts, run_id = twelve[:3], name()
    rolls.ways(hosts, {})
    parts = [
        slices.Slice(row, hosts, tmp_path / str(part), server, run_id, "one", 3, 1 - part, deadline="30m")
        for part in range(2)
    ]
    with parts[0] as one, parts[1] as two:
        # Both may end well, or one of them finds a host that the other holds; no host is restarted twice.
        assert set(states_of := [one.ended(), two.ended()]) <= {0, 2} and 0 in states_of
    assert rolls.restarts(hosts) == {host.name: 1 for host in hosts}
    assert states(server, run_id) == {host.name: "verified" for host in hosts}


def test_a_worker_that_was_killed_is_resumed_by_another(row, twelve, tmp_path, server):
    run_id, hosts = name(), twelve[:6]
    rolls.ways(hosts, {"lab1": "waits"})
    with Job(row, hosts, tmp_path, server, run_id, "one", parts=2) as job:
        rolls.until(lambda: states(server, run_id).get("lab1") == "begun", "lab1 has begun")
        rolls.until(lambda: rolls.phase(row.hosts["lab1"], run_id) == "restarting", "lab1 is being restarted")
        job.slices[0].kill()
        assert job.slices[1].ended() == 0
        rolls.go(hosts)
        # Another worker, which knows nothing but the run's name and the launch.
        with slices.Slice(row, hosts[0::2], tmp_path / "again", server, run_id, "one") as again:
            assert again.ended() == 0
    assert states(server, run_id) == {host.name: "verified" for host in hosts}
    assert rolls.restarts(hosts) == {host.name: 1 for host in hosts}


def stop(server):
    server.stop()


def flush(server):
    server.client().flushall()


def fill(server):
    server.client().config_set("maxmemory", "1mb")


def demote(server):
    server.client().replicaof("localhost", 1)


@pytest.mark.parametrize(
    "fail, repair, words",
    [
        (stop, redis_server.RedisServer.start, "cannot be reached"),
        pytest.param(flush, lambda server: None, "has lost run", marks=pytest.mark.matrix),
        pytest.param(
            fill, lambda server: server.client().config_set("maxmemory", "0"), "is full", marks=pytest.mark.matrix
        ),
        pytest.param(
            demote, lambda server: server.client().replicaof("NO", "ONE"), "is read-only", marks=pytest.mark.matrix
        ),
    ],
    ids=["stopped", "flushed", "full", "replica"],
)
def test_a_store_that_fails_in_the_middle(row, twelve, tmp_path, server, fail, repair, words):
    """No further host begins; those that had begun end by their ledgers; the same run goes on afterwards."""
    run_id, hosts, waiting = name(), twelve[:6], ("lab1", "lab2")
    rolls.ways(hosts, {}, others="waits")
    with Job(row, hosts, tmp_path, server, run_id, "one", parts=2) as job:
        for host in waiting:
            rolls.until(lambda one=row.hosts[host]: rolls.phase(one, run_id) == "restarting", f"{host} is restarted")
        fail(server)
        rolls.go(hosts)
        assert job.ended() == [2, 2]
        for one in job.slices:
            assert words in one.output() and "1 reattached" in one.output() and "Traceback" not in one.output()
            assert server.password not in one.output()
    assert rolls.restarts(hosts) == {host.name: int(host.name in waiting) for host in hosts}
    assert all(rolls.is_verified(row.hosts[host]) for host in waiting)
    repair(server)
    with Job(row, hosts, tmp_path, server, run_id, "two", parts=2) as job:
        assert job.ended() == [0, 0]
    assert states(server, run_id) == {host.name: "verified" for host in hosts}
    # What the ledgers knew was entered again: nobody was restarted twice.
    assert rolls.restarts(hosts) == {host.name: 1 for host in hosts}


def test_one_report_on_the_audit_of_all_slices_with_what_changed_since_the_night_before(row, twelve, tmp_path, server):
    """Made on a controller that audited nothing, from the documents in the store."""
    hosts, runs = twelve[:4], [name(), name()]
    for number, run_id in enumerate(runs):
        if number:
            hosts[3].script("chmod 777 /run/containerd/io.containerd.runtime.v2.task/default")
        parts = [
            slices.AuditSlice(row, hosts[part::2], tmp_path / f"{number}{part}", server, run_id, "night", forks=2)
            for part in range(2)
        ]
        with parts[0] as one, parts[1] as two:
            assert [one.ended(), two.ended()] == [0, 0]
    hosts[3].script("chmod 711 /run/containerd/io.containerd.runtime.v2.task/default")
    values = {"run_id": runs[1], "run_store": server.url, "previous": "last"}
    status, said = playbook(row, server, tmp_path / "report", "compliance_report", **values)
    assert status == 0 and f"run {runs[1]}: 4 hosts" in said and f"since {runs[0]}" in said, said
    found = json.loads((tmp_path / "report" / "shimops-runs" / runs[1] / "reports" / "report.json").read_text())
    assert len(found["hosts"]) == 4 and "1 new and 0 gone" in said, said


def test_what_is_wrong_with_a_store_is_said_before_any_host_is_looked_at(row, twelve, tmp_path, server):
    server.password = "wrong"
    with slices.Slice(row, twelve[:1], tmp_path / "one", server, name(), "one") as one:
        assert one.ended() == 2
    said = one.output()
    assert "does not accept the password" in said and "Forecast the restart" not in said and "wrong" not in said
