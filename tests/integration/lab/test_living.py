# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node goes on living while it is restarted: no loss unseen, and nothing called lost that was not."""

import churn
import play
import pytest

RUNS = 10
SCRIPT = "/usr/local/sbin/lab-restart-between"
# Kills the shim of one task, its name in a file, after the old containerd is gone and before the new one starts.
BETWEEN = """#!/bin/sh
systemctl stop containerd
kill -KILL "$(cat /run/shimops-victim)"
exec systemctl start containerd
"""


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
        assert one.jobs > RUNS * 4 and one.pods > RUNS * 2, f"{name}: {one.jobs} jobs and {one.pods} pods are no churn"
    play.reset(fleet, hosts.values())


@pytest.mark.parametrize("number", range(RUNS))
def test_nothing_of_a_busy_node_is_called_lost(fleet, busy, number):
    results = restart(fleet, busy, f"busy-{number}")
    for name, result in results.items():
        assert not_well(result) == [] and not result["failed"], f"{name}: {result['msg']} {not_well(result)}"
        assert result["summary"]["lost"] == 0 and result["changed"]
        assert result["summary"]["ended"] > 0, f"{name}: {result['msg']}: nothing ended, so nothing was tried"
