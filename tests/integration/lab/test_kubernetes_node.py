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

from dev import kubernetes_core

MARK = "shimops.containerd/cordoned-by"


@pytest.fixture
def api():
    """An API server with one node and one pod on it."""
    server = kube_api.Api([kube_api.pod("web"), kube_api.pod("agent", owner="DaemonSet")])
    yield server
    server.close()


def hook(api, tmp_path, *names, **options):
    """Include these task files of the role for node1, from the controller itself; the finished play."""
    (tmp_path / "kubeconfig").write_text(api.kubeconfig())
    role = f"{play.FQCN}.kubernetes_node"
    tasks = [{"ansible.builtin.include_role": {"name": role, "tasks_from": name}} for name in names]
    book = tmp_path / "hook.yml"
    book.write_text(json.dumps([{"hosts": "node1", "gather_facts": False, "become": True, "tasks": tasks}]))
    (tmp_path / "inventory").write_text("node1 ansible_connection=local ansible_become_exe=/bin/false\n")
    options = {"kubernetes_node_kubeconfig": str(tmp_path / "kubeconfig"), **options}
    env = play.environment()
    env["ANSIBLE_COLLECTIONS_PATH"] += f":{kubernetes_core.collections_path()}"
    # A proxy of the environment is not for loopback.
    env["NO_PROXY"] = env["no_proxy"] = "127.0.0.1"
    argv = [Path(sys.executable).parent / "ansible-playbook", "-i", tmp_path / "inventory", book]
    argv += ["-e", json.dumps(options)]
    done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    print(done.stdout, done.stderr)
    return done


def cordoned(api):
    """Whether the node takes no new pods."""
    return bool(api.node["spec"].get("unschedulable"))


def test_nothing_is_asked_of_anybody_unless_wanted(tmp_path):
    class Nobody:
        """No server at all: any call would fail."""

        @staticmethod
        def kubeconfig():
            return "{}"

    done = hook(Nobody, tmp_path, "before", "after")
    assert done.returncode == 0
    assert "kubernetes.core" not in done.stderr


def test_cordon_and_uncordon(api, tmp_path):
    done = hook(api, tmp_path, "before", kubernetes_node_cordon=True)
    assert done.returncode == 0
    assert cordoned(api)
    assert api.node["metadata"]["annotations"][MARK]
    # A second run, as after a crash, neither marks again nor gives up the mark.
    writes = len(api.writes)
    assert hook(api, tmp_path, "before", kubernetes_node_cordon=True).returncode == 0
    assert len(api.writes) == writes
    assert hook(api, tmp_path, "after", kubernetes_node_cordon=True).returncode == 0
    assert not cordoned(api)
    assert api.node["metadata"]["annotations"] == {"kept": "yes"}
    assert list(api.pods) == ["web", "agent"]


def test_cordon_of_somebody_else_stays(api, tmp_path):
    api.node["spec"]["unschedulable"] = True
    assert hook(api, tmp_path, "before", "after", kubernetes_node_cordon=True).returncode == 0
    assert cordoned(api)
    assert api.writes == []


def test_drain_moves_what_can_start_elsewhere(api, tmp_path):
    done = hook(api, tmp_path, "before", kubernetes_node_drain=True)
    assert done.returncode == 0
    assert cordoned(api)
    assert list(api.pods) == ["agent"], "what belongs to a DaemonSet stays on its node"


def test_drain_that_would_lose_something_fails_the_host(api, tmp_path):
    api.pods["bare"] = kube_api.pod("bare", owner=None)
    done = hook(api, tmp_path, "before", kubernetes_node_drain=True)
    assert done.returncode != 0
    assert "shop/bare" in done.stdout
    assert "web" in api.pods, "nothing was moved"
    done = hook(api, tmp_path, "before", kubernetes_node_drain=True, kubernetes_node_force=True)
    assert done.returncode == 0
    assert list(api.pods) == ["agent"]


def test_drain_that_does_not_end_fails_the_host(api, tmp_path):
    api.stuck = {"web"}
    done = hook(api, tmp_path, "before", kubernetes_node_drain=True, kubernetes_node_drain_timeout=3)
    assert done.returncode != 0
    assert "node node1 still has pods that were to go after 3 s" in done.stdout


def test_node_that_is_not_there_is_said(api, tmp_path):
    done = hook(api, tmp_path, "before", kubernetes_node_cordon=True, kubernetes_node_name="ghost")
    assert done.returncode != 0
    assert api.writes == []


@pytest.mark.parametrize("ready", (True, False))
def test_uncordon_waits_for_ready(api, tmp_path, ready):
    assert hook(api, tmp_path, "before", kubernetes_node_cordon=True).returncode == 0
    api.node["status"]["conditions"][1]["status"] = str(ready)
    options = {"kubernetes_node_cordon": True, "kubernetes_node_wait": True, "kubernetes_node_ready_timeout": 4}
    done = hook(api, tmp_path, "after", **options)
    assert (done.returncode == 0) is ready
    assert cordoned(api) is not ready


def test_cordon_can_be_left_to_a_person(api, tmp_path):
    options = {"kubernetes_node_cordon": True, "kubernetes_node_keep_cordoned": True}
    assert hook(api, tmp_path, "before", "after", **options).returncode == 0
    assert cordoned(api)


def test_role_alone_says_how_it_is_used(api, tmp_path):
    done = hook(api, tmp_path, "main")
    assert done.returncode != 0
    assert "include it with tasks_from before" in done.stdout
