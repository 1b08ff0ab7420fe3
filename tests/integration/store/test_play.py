# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run store as a play has it: where the password comes from, that it goes nowhere, and what check mode leaves."""

import contextlib
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_host import RunHost
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import RUN
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.redis_store import RedisStore
from dev import playbook
from lab import redis_server

VAULT = "vault-in-the-lab-only"


def played(place, server, *words, variables=None, **env):
    """Play one that begins a run and asks for its state; its status, and all that it printed at its most talkative."""
    run = {"state": "begun", "run_id": "one", "run_store": server.url}
    name = "shimops.containerd.fleet_run"
    tasks = [{name: run, "register": "run"}, {name: {"state": "batch_checked", "run_folder": "{{ run.folder }}"}}]
    shown = {"state": "status", "run_id": "one", "run_store": server.url}
    tasks.append({name: shown, "when": "not ansible_check_mode"})
    play = {"hosts": "localhost", "gather_facts": False, "tasks": tasks, "vars_files": ["variables.yml"]}
    (place / "site.yml").write_text(yaml.safe_dump([play]))
    (place / "variables.yml").write_text(variables or "---\nnothing: true\n")
    (place / "vault").write_text(VAULT)
    command = [Path(sys.executable).parent / "ansible-playbook", "site.yml", "-vvvv", "--vault-password-file", "vault"]
    env = {**playbook.environment(), **env}
    done = subprocess.run([*command, *words], env=env, cwd=place, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def vaulted(place):
    """The password as a vaulted variable."""
    (place / "vault").write_text(VAULT)
    program = Path(sys.executable).parent / "ansible-vault"
    words = ["encrypt_string", "--vault-password-file", "vault", "--name", "shimops_run_store_password"]
    argv = [program, *words, redis_server.PASSWORD]
    done = subprocess.run(argv, env=playbook.environment(), cwd=place, capture_output=True, text=True, check=True)
    return "---\n" + done.stdout


@pytest.mark.parametrize("way", ["environment", "vault"])
def test_the_password_is_found_and_shown_nowhere(own, tmp_path, way):
    given = {"SHIMOPS_RUN_STORE_PASSWORD": redis_server.PASSWORD} if way == "environment" else {}
    status, said = played(tmp_path, own, variables=vaulted(tmp_path) if way == "vault" else None, **given)
    assert status == 0 and "Run one (restart): 0 of 1 hosts done" in said, said
    assert redis_server.PASSWORD not in said and json.dumps(redis_server.PASSWORD) not in said
    assert RedisStore(own.url, own.password, "one").get(RUN)["run_id"] == "one"
    assert not (tmp_path / "shimops-runs").exists()


def test_a_check_leaves_nothing_in_the_store_and_finds_out_all_the_same(own, tmp_path):
    status, said = played(tmp_path, own, "--check", SHIMOPS_RUN_STORE_PASSWORD=redis_server.PASSWORD)
    assert status == 0 and own.client().keys("*") == [], said
    status, said = played(tmp_path, own, "--check", SHIMOPS_RUN_STORE_PASSWORD="wrong")
    assert status == 2 and "does not accept the password" in said


@contextlib.contextmanager
def running(argv, **more):
    """Have a program whose output is read, for a minute at most; it is ended whatever happens."""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, **more) as one:
        limit = threading.Timer(60, one.terminate)
        limit.start()
        try:
            yield one
        finally:
            limit.cancel()
            one.terminate()


@pytest.fixture
def durable(tmp_path):
    """A Redis that knows after a restart what it knew before."""
    with redis_server.running(tmp_path / "redis", {"appendonly": "yes", "appendfsync": "always"}) as one:
        yield one


def test_a_run_is_watched_until_it_has_ended(durable, tmp_path):
    secret = {"SHIMOPS_RUN_STORE_PASSWORD": redis_server.PASSWORD}
    played(tmp_path, durable, **secret)
    words = {"run_id": "one", "run_store": durable.url, "watch": 1}
    argv = [Path(sys.executable).parent / "ansible-playbook", "shimops.containerd.fleet_status"]
    argv += [word for name, value in words.items() for word in ("-e", f"fleet_status_{name}={value}")]
    enabled = {"ANSIBLE_CALLBACKS_ENABLED": "shimops.containerd.progress", "SHIMOPS_PROGRESS_INTERVAL": "0"}
    env = {**playbook.environment(), **enabled, **secret}
    run_host = RunHost(RedisStore(durable.url, durable.password, "one"), "localhost")
    with running(argv, env=env, cwd=tmp_path) as watching:

        def until(words):
            found = next((line for line in watching.stdout if words in line), None)
            assert found, f"it never said: {words}"
            return found

        assert "0 of 1 hosts done" in until("progress: Run one")
        assert run_host.begin() == ""
        until("1 begun")
        durable.stop()
        assert "run: the run store" in until("ok: [localhost] => (item=run")
        durable.start()
        until("1 begun")
        run_host.enter_state("verified", "")
        assert "1 of 1 hosts done" in until("1 verified")
        assert "hosts: 1 verified" in watching.stdout.read() and watching.wait() == 0


def test_without_the_library_it_is_said(own, tmp_path):
    (tmp_path / "hidden" / "redis").mkdir(parents=True)
    (tmp_path / "hidden" / "redis" / "__init__.py").write_text("raise ImportError('hidden')\n")
    status, said = played(tmp_path, own, PYTHONPATH=str(tmp_path / "hidden"))
    assert status == 2 and "needs the Python library redis in the environment of ansible-core; install redis" in said
