# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An upgrade and policy-rc.d: it goes before the claim on the host does, and after a killed module with the next."""

from __future__ import annotations

import contextlib
import os
import types

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._packages import dpkg, policy
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import hold, preflight
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.reconnect import Host, Outcome
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.upgrade import Upgrade

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lock is root's")


@pytest.fixture
def upgrade(tmp_path, monkeypatch):
    """Make the upgrade of a host whose files are in tmp_path; nothing is really restarted or installed."""
    monkeypatch.setattr(hold, "PLACE", str(tmp_path / "held"))
    monkeypatch.setattr(preflight, "STOP_FILE", str(tmp_path / "hold"))
    monkeypatch.setattr(policy, "PATH", str(tmp_path / "policy-rc.d"))
    monkeypatch.setattr(dpkg, "alone", lambda deadline: contextlib.nullcontext())
    monkeypatch.setattr(Host, "_restart_once", lambda self: self._restart(None, [], [], None))
    monkeypatch.setattr(Host, "_restart", lambda self, *rest: Outcome(True))
    options = {"ledger": str(tmp_path / "ledger.json"), "run_id": "one", "namespaces": None, "ids": None}
    options.update(dict.fromkeys(("exec_proof", "on_unread", "target_version")), exec_command=["true"])
    options.update(timeout=1, restart_timeout=1, settle=0, shim_timeout=1, package_dir=None)

    def make(check=False):
        one = Upgrade(options, check)
        one._plan = types.SimpleNamespace(kind="apt")
        return one

    return make


def left(tmp_path):
    """Which of the two are there: the policy, the claim."""
    return [(tmp_path / "policy-rc.d").exists(), (tmp_path / "held" / "claim.json").exists()]


def test_the_policy_of_the_triggers_goes_before_the_claim(upgrade, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(dpkg, "triggers", lambda deadline: seen.append(left(tmp_path)))
    unlink = os.unlink

    def noted(path, **more):
        seen.append((os.path.basename(path), left(tmp_path)))
        unlink(path, **more)

    monkeypatch.setattr(os, "unlink", noted)
    assert upgrade().restarted().changed
    assert seen == [[True, True], ("policy-rc.d", [True, True]), ("claim.json", [False, True])]
    assert left(tmp_path) == [False, False]


@pytest.mark.parametrize("state", ["restarted", "verified"])
def test_the_next_module_removes_the_policy_that_a_killed_one_left(upgrade, tmp_path, monkeypatch, state):
    (tmp_path / "policy-rc.d").write_bytes(policy._OURS)
    seen = []
    book = {"run_id": "one", "phase": "verified"}
    monkeypatch.setattr(Host, "_previous", lambda self: book)
    monkeypatch.setattr(Host, "_restart_once", lambda self: self._verify_book(book))
    monkeypatch.setattr(Host, "_verify_book", lambda self, book: seen.append(left(tmp_path)) or Outcome(False))
    assert getattr(upgrade(check=True), state)() == Outcome(False) and left(tmp_path) == [True, False]
    assert getattr(upgrade(), state)() == Outcome(False)
    assert seen == [[True, False], [False, True]] and left(tmp_path) == [False, False]
