# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states and policy-rc.d: it goes before the claim on the host does, and after a killed module with the next."""

from __future__ import annotations

import os
import types

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils import _stop_file
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._packages import dpkg, policy
from ansible_collections.shimops.containerd.plugins.module_utils._restart import host as host_module
from ansible_collections.shimops.containerd.plugins.module_utils._restart import host_claim, states
from ansible_collections.shimops.containerd.plugins.module_utils._restart.host import Host, Outcome
from ansible_collections.shimops.containerd.tests.unit.support.observations import a_daemon

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lock is root's")


@pytest.fixture
def host(tmp_path, monkeypatch):
    """Make a host whose files are in tmp_path; nothing is really restarted or installed."""
    monkeypatch.setattr(host_claim, "PLACE", str(tmp_path / "held"))
    monkeypatch.setattr(_stop_file, "PLACE", str(tmp_path / "hold"))
    monkeypatch.setattr(policy, "PATH", str(tmp_path / "policy-rc.d"))
    monkeypatch.setattr(dpkg, "_LOCK", str(tmp_path / "lock"))
    monkeypatch.setattr(Host, "daemon", lambda self: None)
    monkeypatch.setattr(states, "_require_restartable", lambda host, daemon: [])
    view = types.SimpleNamespace(at_risk=[], start_estimate=0.0)
    monkeypatch.setattr(states, "forecast_at_rest", lambda host, daemon: ([], view))
    restart = types.SimpleNamespace(run=lambda observations, earlier: Outcome(True))
    monkeypatch.setattr(states, "Restart", lambda host, daemon, argv: restart)
    options = {"ledger": str(tmp_path / "ledger.json"), "run_id": "one", "namespaces": None, "ids": None}
    options.update(timeout=1, restart_timeout=1, settle=0, package_dir=None, target_version="installed")
    options.update(on_risk="refuse", witnesses=["shim"])

    def make(check=False):
        one = Host(options, check, types.SimpleNamespace(forecast_stalls=lambda *rest: None))
        one.upgrade.staged = types.SimpleNamespace(kind="apt", release="2.1.9")
        return one

    return make


@pytest.mark.parametrize(
    "state, final, phase, complaint",
    [
        ("restarted", True, "verified", True),
        ("restarted", False, "restarted", False),
        # The last verdicts are always final.
        ("verified", False, "verified", True),
    ],
)
def test_first_verdicts_leave_the_ledger_open(host, monkeypatch, state, final, phase, complaint):
    one = host()
    one.options.update(state=state, final=final, stop_file_on_failure=False)
    one.logs.conclude = lambda found, book, well: (found, ["a log is not read"])
    monkeypatch.setattr(host_module, "journal_tail", lambda unit, deadline: [])
    one.upgrade.rollback = lambda book, daemon, observations: {}
    book = {"phase": "restarted", "times": {}, "verdicts": [], "gap": 0.1, "daemon": {"unit": "x"}}
    monkeypatch.setattr(Host, "save", lambda self, book: None)
    outcome = one.close(book, [], None, "", True, None)
    assert book["phase"] == phase and bool(outcome.failure) is complaint


def left(tmp_path):
    """Which of the two are there: the policy, the claim."""
    return [(tmp_path / "policy-rc.d").exists(), (tmp_path / "held" / "claim.json").exists()]


def test_the_policy_of_the_triggers_goes_before_the_claim(host, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(dpkg, "finish", lambda deadline: seen.append(left(tmp_path)))
    unlink = os.unlink

    def noted(path, **more):
        seen.append((os.path.basename(path), left(tmp_path)))
        unlink(path, **more)

    monkeypatch.setattr(os, "unlink", noted)
    assert states.restarted(host()).changed
    assert seen == [[True, True], ("policy-rc.d", [True, True]), ("claim.json", [False, True])]
    assert left(tmp_path) == [False, False]


@pytest.mark.parametrize("state", ["restarted", "verified"])
def test_the_next_module_removes_the_policy_that_a_killed_one_left(host, tmp_path, monkeypatch, state):
    (tmp_path / "policy-rc.d").write_bytes(policy._OURS)
    seen = []
    book = {"run_id": "one", "phase": "verified"}
    monkeypatch.setattr(Host, "load_ledger", lambda self: book)
    monkeypatch.setattr(Host, "verify", lambda self, book: seen.append(left(tmp_path)) or Outcome(False))
    assert states.STATES[state](host(check=True)) == Outcome(False) and left(tmp_path) == [True, False]
    assert states.STATES[state](host()) == Outcome(False)
    assert seen == [[True, False], [False, True]] and left(tmp_path) == [False, False]


@pytest.mark.parametrize("tasks, refused", [({}, False), (None, True)])
def test_a_containerd_that_lists_no_tasks_is_not_restarted(host, monkeypatch, tasks, refused):
    one = host()
    one.options.update(witnesses=["containerd"])
    one._seen = one._seen._replace(tasks=tasks)
    monkeypatch.setattr(Host, "daemon", lambda self: a_daemon())
    if not refused:
        assert states.restarted(one).changed
        return
    with pytest.raises(
        ShimError, match="gave no task list of /run/containerd/containerd.sock; put containerd's own ctr"
    ):
        states.restarted(one)


@pytest.mark.parametrize("serves, found_again", [(True, 1), (False, 2)])
def test_a_containerd_that_still_serves_is_not_found_anew(host, monkeypatch, serves, found_again):
    found, one = [], host()
    monkeypatch.setattr(Host, "daemon", lambda self: found.append(1) or a_daemon())
    monkeypatch.setattr(host_module.daemons, "still_serves", lambda daemon: serves)
    monkeypatch.setattr(Host, "verdicts", lambda self, book, daemon, ends: [])
    monkeypatch.setattr(Process, "alive", lambda self: True)
    book = host_module.ledger.new("one", a_daemon(), [], 0.0)
    daemon, _rows = one.proven_verdicts(book, None, host_module.Deadline(0))
    one.proven_verdicts(book, None, host_module.Deadline(0), daemon)
    assert len(found) == found_again
