# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node goes on living while it is restarted: no loss unseen, and nothing called lost that was not."""

import churn
import play
import pytest

from lab import workloads

RUNS = 10
# So many of them in each run; the others are run by ./dev matrix.
FEW = 2
SCRIPT = "/usr/local/sbin/lab-restart-between"
# Kills the shim of one task, its name in a file, after the old containerd is gone and before the new one starts.
BETWEEN = """#!/bin/sh
systemctl stop containerd
kill -KILL "$(cat /run/shimops-victim)"
exec systemctl start containerd
"""
# Restarts, then wakes the shim that was stopped.
WAKE = """#!/bin/sh
systemctl restart containerd
sleep 1
kill -CONT "$(cat /run/shimops-victim)"
"""
LOST = ("killed", "orphaned", "duplicated", "restarted")


def restart(fleet, hosts, run_id, **options):
    """Restart all these hosts; each host's result by its name."""
    wanted = {"state": "restarted", "run_id": run_id, "settle": 3, "detail": "full", **options}
    return play.run(fleet, "shim_reconnect", wanted, hosts.values())


def not_well(result):
    """The rows that are not well, in words for people."""
    good = ("reattached", "exited", "ended", "new")
    return [
        f"{row['id'][:20]} {row['verdict']}: {row['reason']}"
        for row in result["verdicts"]
        if row["verdict"] not in good
    ]


def shim_of(host, identifier):
    """The pid of a task's shim in the host."""
    return int(host.script('pgrep -f -- "-id $1 -address"', identifier).split()[0])


@pytest.fixture(scope="module")
def busy(fleet, hosts):
    """The hosts with churn on them."""
    play.reset(fleet, hosts.values())
    with churn.on(hosts.values()) as churns:
        yield hosts
    for name, one in churns.items():
        assert one.jobs > FEW * 4 and one.pods > FEW * 2, f"{name}: {one.jobs} jobs and {one.pods} pods are no churn"
    play.reset(fleet, hosts.values())


@pytest.mark.parametrize(
    "number", [*range(FEW), *(pytest.param(number, marks=pytest.mark.matrix) for number in range(FEW, RUNS))]
)
def test_nothing_of_a_busy_node_is_called_lost(fleet, busy, number):
    results = restart(fleet, busy, f"busy-{number}")
    for name, result in results.items():
        assert not_well(result) == [] and not result["failed"], f"{name}: {result['msg']} {not_well(result)}"
        assert result["summary"]["lost"] == 0 and result["changed"]
        assert result["summary"]["ended"] > 0, f"{name}: {result['msg']}: nothing ended, so nothing was tried"


def lost(result):
    """The tasks that were lost, with their verdicts."""
    return {row["id"]: row["verdict"] for row in result["verdicts"] if row["verdict"] in LOST}


@pytest.mark.parametrize("number", [*range(FEW), pytest.param(FEW, marks=pytest.mark.matrix)])
def test_the_one_that_is_killed_on_a_busy_node_is_seen(fleet, busy, number):
    """Its shim is killed between the old containerd and the new one, which then kills the container."""

    def prepare(host):
        name = f"victim{number}"
        workloads.start_plain(host, name)
        write = 'printf %s "$2" > "$1"; chmod 755 "$1"; echo "$3" > /run/shimops-victim'
        host.script(write, SCRIPT, BETWEEN, str(shim_of(host, name)))

    play.together(busy.values(), prepare)
    for name, result in restart(fleet, busy, f"victim-{number}", restart_command=[SCRIPT]).items():
        assert lost(result) == {f"victim{number}": "killed"}, f"{name}: {result['msg']} {not_well(result)}"
        assert result["summary"]["lost"] == 1 and result["failed"]
        assert not_well(result) == [row for row in not_well(result) if row.startswith("victim")]


def test_the_one_that_hangs_on_a_busy_node_is_seen(fleet, busy):
    """Its shim is stopped before the restart and woken after it: then it says that the container ended just now."""

    def prepare(host):
        name = "hung"
        workloads.start_plain(host, name)
        shim = shim_of(host, name)
        write = 'printf %s "$2" > "$1"; chmod 755 "$1"; echo "$3" > /run/shimops-victim; kill -STOP "$3"'
        host.script(write, SCRIPT, WAKE, str(shim))

    play.together(busy.values(), prepare)
    wanted = {"restart_command": [SCRIPT], "on_risk": "proceed", "restart_timeout": 60}
    for name, result in restart(fleet, busy, "hung", **wanted).items():
        assert lost(result) == {"hung": "killed"}, f"{name}: {result['msg']} {not_well(result)}"
