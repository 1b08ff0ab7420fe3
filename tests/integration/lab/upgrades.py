# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrades of lab hosts: the playbook, and what is true of a host before and after it."""

import json
from dataclasses import dataclass

import packages
import play
import rolls
import world

from lab import cri, workloads

FULL = {"1.6": "1.6.20", "1.7": "1.7.24", "2.1": "2.1.9"}
HOLD = "/etc/shimops/hold"
POLICY = "/usr/sbin/policy-rc.d"


class Upgrade(rolls.Roll):
    """The playbook over some hosts, as a Roll; packages come from the directory on the host."""

    prefix = "rolling_upgrade"

    def __init__(self, lab, hosts, place, run_id, release, *words, **options):
        defaults = {"directory": packages.DIRECTORY, "version": FULL.get(release, release)}
        options = {"playbook": f"{play.FQCN}.rolling_upgrade", **defaults, **options}
        super().__init__(lab, hosts, place, f"{run_id}.1", *words, **options)


@dataclass
class Seen:
    """One host at one time."""

    daemon: world.Process
    tasks: dict
    running: str
    installed: str
    policy: str


def see(host):
    """A host as it is now, by systemd, ctr, the process table and dpkg."""
    daemon = world.containerd(host)
    running = host.run([f"/proc/{daemon.pid}/exe", "--version"]).stdout.split()[2] if daemon else ""
    policy = host.run(["cat", POLICY], check=False).stdout
    return Seen(daemon, world.tasks(host) if daemon else {}, running, host.installed(), policy)


def see_all(hosts):
    """All of them, by their names."""
    return play.together(hosts, see)


def check_moved(before, after, release):
    """containerd was replaced and restarted; every task that ran before is the same process now."""
    assert after.daemon and after.daemon != before.daemon
    assert after.running.startswith(FULL[release]) and after.installed.startswith(FULL[release])
    assert {key: after.tasks.get(key) for key in before.tasks} == before.tasks
    assert after.policy == before.policy


def check_same(before, after):
    """Nothing was touched."""
    assert after == before


def check_proven(document, tasks):
    """The host's document has a proven verdict for each of these tasks, and what the upgrade cost."""
    assert document["state"] == "verified", document["message"]
    rows = {(row["namespace"], row["id"]): row for row in document["verdicts"]}
    assert set(rows) == set(tasks)
    for key, row in rows.items():
        assert row["verdict"] == "reattached" and set(row["witnesses"].values()) == {"yes"}, row
        assert (row["after"]["pid"], row["after"]["start_time"]) == (tasks[key].pid, tasks[key].started)
    assert document["gap"] > 0 and document["package"]["disagree"] > 0
    assert not document["package"].get("failed")


def add_to_pod(host, name="web1", container="later"):
    """Start one more container in a pod that is there, as the kubelet does after a crash; its key."""
    with cri.Client(host) as client:
        pod = next(one for one in client.pods() if one.name == name)
        config = cri.sandbox_config(pod.name, pod.namespace, pod.uid)
        made = client.create_container(pod.id, config, container, list(workloads.IDLE))
        client.start_container(made)
        assert next(one.state for one in client.containers() if one.id == made) == "running"
    return cri.CRI_NAMESPACE, made


def remove_from_pod(host, key):
    """Delete it again."""
    with cri.Client(host) as client:
        client.remove_container(key[1])


def hold(host):
    """The stop file of a host, or None."""
    done = host.run(["cat", HOLD], check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None
