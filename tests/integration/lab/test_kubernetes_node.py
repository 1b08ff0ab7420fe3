# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ready hooks for Kubernetes, against the calls of an API server: there is no cluster in the lab."""

import json
import subprocess
import sys
from pathlib import Path

import kube_api
import play
import pytest
import world

from dev import kubernetes_core

MARK = "shimops.containerd/cordoned-by"


@pytest.fixture
def api():
    """An API server with one node and one pod on it."""
    server = kube_api.Api([kube_api.pod("web"), kube_api.pod("agent", owner="DaemonSet")])
    yield server
    server.close()


def environment():
    """The environment of a play that has kubernetes.core next to this collection."""
    env = play.environment()
    env["ANSIBLE_COLLECTIONS_PATH"] += f":{kubernetes_core.collections_path()}"
    # A proxy of the environment is not for loopback.
    env["NO_PROXY"] = env["no_proxy"] = "127.0.0.1"
    return env


def hook(api, tmp_path, *names, **options):
    """Include these task files of the role for node1, from the controller itself; the finished play."""
    (tmp_path / "kubeconfig").write_text(api.kubeconfig())
    role = f"{play.FQCN}.kubernetes_node"
    tasks = [{"ansible.builtin.include_role": {"name": role, "tasks_from": name}} for name in names]
    book = tmp_path / "hook.yml"
    book.write_text(json.dumps([{"hosts": "node1", "gather_facts": False, "become": True, "tasks": tasks}]))
    (tmp_path / "inventory").write_text("node1 ansible_connection=local ansible_become_exe=/bin/false\n")
    options = {"kubernetes_node_kubeconfig": str(tmp_path / "kubeconfig"), **options}
    argv = [Path(sys.executable).parent / "ansible-playbook", "-i", tmp_path / "inventory", book]
    argv += ["-e", json.dumps(options)]
    done = subprocess.run(
        argv, env=environment(), stdin=subprocess.DEVNULL, check=False, capture_output=True, text=True, timeout=300
    )
    print(done.stdout, done.stderr)
    return done


def cordoned(api):
    """Whether the node takes no new pods."""
    return bool(api.node["spec"].get("unschedulable"))


def test_cordon_and_uncordon(api, tmp_path):
    assert hook(api, tmp_path, "cordon").returncode == 0
    assert cordoned(api)
    assert api.node["metadata"]["annotations"][MARK]
    # A second run, as after a crash, neither marks again nor gives up the mark.
    writes = len(api.writes)
    assert hook(api, tmp_path, "cordon").returncode == 0
    assert len(api.writes) == writes
    assert hook(api, tmp_path, "uncordon").returncode == 0
    assert not cordoned(api)
    assert api.node["metadata"]["annotations"] == {"kept": "yes"}
    assert list(api.pods) == ["web", "agent"]


def test_cordon_of_somebody_else_stays(api, tmp_path):
    api.node["spec"]["unschedulable"] = True
    assert hook(api, tmp_path, "cordon", "uncordon").returncode == 0
    assert cordoned(api)
    assert api.writes == []


def test_drain_moves_what_can_start_elsewhere(api, tmp_path):
    assert hook(api, tmp_path, "drain").returncode == 0
    assert cordoned(api)
    assert list(api.pods) == ["agent"], "what belongs to a DaemonSet stays on its node"


def test_drain_that_would_lose_something_fails_the_host(api, tmp_path):
    api.pods["bare"] = kube_api.pod("bare", owner=None)
    done = hook(api, tmp_path, "drain")
    assert done.returncode != 0
    assert "shop/bare" in done.stdout
    assert "web" in api.pods, "nothing was moved"
    assert hook(api, tmp_path, "drain", kubernetes_node_force=True).returncode == 0
    assert list(api.pods) == ["agent"]


def test_drain_that_does_not_end_fails_the_host(api, tmp_path):
    api.stuck = {"web"}
    done = hook(api, tmp_path, "drain", kubernetes_node_drain_timeout=3)
    assert done.returncode != 0
    assert "node node1 still has pods that were to go after 3 s" in done.stdout


def test_node_that_is_not_there_is_said(api, tmp_path):
    assert hook(api, tmp_path, "cordon", kubernetes_node_name="ghost").returncode != 0
    assert api.writes == []


@pytest.mark.parametrize("ready", (True, False))
def test_uncordon_waits_for_ready(api, tmp_path, ready):
    assert hook(api, tmp_path, "cordon").returncode == 0
    api.node["status"]["conditions"][1]["status"] = str(ready)
    done = hook(api, tmp_path, "ready", "uncordon", kubernetes_node_ready_timeout=4)
    assert (done.returncode == 0) is ready
    assert cordoned(api) is not ready


def test_node_of_a_host_that_is_not_well_stays_cordoned(api, tmp_path):
    host = {"state": "lost", "message": "", "run_id": "r1"}
    done = hook(api, tmp_path, "cordon", "uncordon", rolling_restart_host=host)
    assert done.returncode == 0
    assert "node node1 stays cordoned: its host is lost" in done.stdout
    assert cordoned(api)
    assert api.node["metadata"]["annotations"][MARK] == "r1"


def test_role_alone_says_how_it_is_used(api, tmp_path):
    done = hook(api, tmp_path, "main")
    assert done.returncode != 0
    assert "include it with tasks_from cordon" in done.stdout


def test_around_each_host_of_a_roll(api, fleet, clean, tmp_path):
    """Cordoned before containerd goes, uncordoned after; the host of the lab stands for node1."""
    host = clean["1.7"]
    before = world.containerd(host)
    seen = []
    api.after_write = lambda _write: seen.append((cordoned(api), world.containerd(host) == before))
    (tmp_path / "kubeconfig").write_text(api.kubeconfig())
    options = {
        "rolling_restart_settle": 1,
        "rolling_restart_run_dir": str(tmp_path / "runs"),
        "rolling_restart_before_host": ["kubernetes/cordon.yml"],
        "rolling_restart_after_host": ["kubernetes/ready.yml", "kubernetes/uncordon.yml"],
        "kubernetes_node_name": "node1",
        "kubernetes_node_kubeconfig": str(tmp_path / "kubeconfig"),
    }
    roll = f"{play.FQCN}.rolling_restart"
    argv = [Path(sys.executable).parent / "ansible-playbook", "-i", fleet.inventory, roll, "--limit", host.name]
    done = subprocess.run(
        [*argv, "-e", json.dumps(options)],
        env=environment(),
        stdin=subprocess.DEVNULL,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert seen == [(True, True), (False, False)], "cordoned by the old containerd, uncordoned by the new one"
