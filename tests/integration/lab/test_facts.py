# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What shim_bundle_facts names of every bundle and of the daemon, on hosts where nothing is wrong."""

import play
import pytest
from conftest import CLASSES

from lab import workloads

# Said of every bundle; a plain container has no pod, and only a workload or a sandbox has its names.
NAMED = ("namespace", "id", "role", "endpoint", "endpoint_source", "endpoint_version", "group", "runtime")
NAMED += ("shim_pid", "shim_executable", "shim_executable_gone", "init_pid", "init_start_time")
DAEMON = ("pid", "running", "installed", "running_class", "installed_class", "unit", "kill_mode", "delegate")
DAEMON += ("state_dir", "root_dir", "address")


@pytest.fixture(scope="module")
def reported(fleet, hosts):
    """The one instance of each host, by release line."""
    play.reset(fleet, hosts.values())
    results = play.run(fleet, "shim_bundle_facts", {"detail": "full"}, hosts.values())
    return {line: results[host.name]["ansible_facts"]["containerd_shims"]["instances"] for line, host in hosts.items()}


@pytest.mark.parametrize("release", CLASSES)
def test_every_bundle_is_named_in_full(reported, hosts, release):
    (instance,) = reported[release]
    rows = {row["id"]: row for row in instance["bundles"]}
    listed = {task.id: task.pid for task in workloads.tasks(hosts[release])}
    assert {name: row["init_pid"] for name, row in rows.items()} == listed
    for row in rows.values():
        assert not [name for name in NAMED if row[name] is None], row
        assert row["problems"] == []
        assert (row["pod"] is None) == (row["role"] == "plain")
        names = {"plain": set(), "sandbox": {"namespace", "name", "uid"}}
        assert set(row["pod"] or ()) == names.get(row["role"], {"namespace", "name", "uid", "container"})
    sources = {row["endpoint_source"] for row in rows.values()}
    assert sources == {"bootstrap.json" if release == "2.1" else "address"}
    # A pod's sandbox and its two workloads share one shim.
    assert sorted(len(one["tasks"]) for one in instance["endpoints"]) == [1, 1, 3, 3]


@pytest.mark.parametrize("release", CLASSES)
def test_the_daemon_is_named_in_full(reported, release):
    (instance,) = reported[release]
    daemon = instance["daemon"]
    assert not [name for name in DAEMON if daemon[name] is None], daemon
    assert daemon["running"].startswith(release) and daemon["running_class"] == CLASSES[release]
    assert (daemon["kill_mode"], daemon["delegate"], daemon["need_daemon_reload"]) == ("process", True, False)
