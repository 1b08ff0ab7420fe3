# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""shim_reconnect: its options and its sentences; what it does is proven on real hosts, in tests/integration."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils import _stop_file
from ansible_collections.shimops.containerd.plugins.module_utils._restart import host_claim
from ansible_collections.shimops.containerd.plugins.modules import shim_reconnect
from ansible_collections.shimops.containerd.tests.unit.plugins.modules.module_facts import (
    SENTENCES,
    a_living_bundle,
    a_living_shim,
    a_state_dir,
    check_documentation,
    needs_root,
    taken,
    where,
)


def test_documentation(monkeypatch):
    check_documentation(shim_reconnect, monkeypatch)


def test_a_run_has_to_be_named_where_something_is_done(monkeypatch):
    rules = taken(shim_reconnect, monkeypatch)["required_if"]
    assert sorted(rules) == [("state", state, ["run_id"]) for state in ("recorded", "restarted", "rolled_back")]


OWN = (
    ({"restart_timeout": 0}, "options: restart_timeout=0.0 is not a time; give seconds above 0"),
    ({"settle": -1}, "options: settle=-1.0 is not a time; give seconds from 0 to 86400."),
    (
        {"ledger": "ledger.json"},
        "options: ledger=ledger.json is not an absolute path; give the whole path",
    ),
    ({"run_id": "../x"}, "options: run_id=../x cannot be a file name; use up to 64 letters, digits, dots, dashes."),
    ({"run_id": "a\n"}, " cannot be a file name; use up to 64 letters, digits, dots, dashes."),
    ({"run_id": 65 * "x"}, "cannot be a file name; use up to 64 letters, digits, dots, dashes."),
    ({"state": "present"}, "value of state must be one of: recorded, restarted, verified, rolled_back, got: present"),
    ({"on_risk": "pray"}, "value of on_risk must be one of: refuse, proceed, got: pray"),
    ({"witnesses": ["kubelet"]}, "value of witnesses must be one or more of: shim, containerd, kernel"),
    ({"on_unread": "ignore"}, "value of on_unread must be one of: fail, report, got: ignore"),
    ({"exec_proof": ["plain1"]}, "options: exec_proof=plain1 is no task; name it as namespace/id."),
    ({"exec_command": []}, "options: exec_command= names no program; give a harmless one, such as true."),
    ({"state": "restarted"}, "state is restarted but all of the following are missing: run_id"),
    ({"state": "recorded"}, "state is recorded but all of the following are missing: run_id"),
)


@pytest.mark.parametrize("options, sentence", SENTENCES + OWN)
def test_bad_options(run_module, options, sentence):
    result, status = run_module(shim_reconnect, **dict({"state": "verified"}, **options))
    assert status == 1 and result["failed"] and sentence in result["msg"] and "\n" not in result["msg"]


def test_the_state_is_required(run_module):
    result, status = run_module(shim_reconnect)
    assert status == 1 and "missing required arguments: state" in result["msg"]


@pytest.fixture
def host(tmp_path, monkeypatch):
    """The options for a host whose containerd does not run."""
    monkeypatch.setattr(_stop_file, "PLACE", str(tmp_path / "hold"))
    monkeypatch.setattr(host_claim, "PLACE", str(tmp_path / "held"))
    with a_living_shim() as shim:
        root = a_state_dir(tmp_path, a_living_bundle(shim))
        yield dict(where(root), ledger=str(tmp_path / "kept" / "ledger.json"), run_id="run-1")


@needs_root
def test_a_rollback_needs_its_run_and_what_was_staged(run_module, host, tmp_path):
    result, status = run_module(shim_reconnect, state="rolled_back", **host)
    assert status == 1 and "options: package_dir is missing; name where the old release was staged." in result["msg"]
    result, status = run_module(shim_reconnect, state="rolled_back", package_dir=str(tmp_path), **host)
    assert status == 1 and "is not of the run run-1; name the run to undo." in result["msg"]
    (tmp_path / "hold").write_text("by hand")
    result, status = run_module(shim_reconnect, state="rolled_back", package_dir=str(tmp_path), **host)
    assert status == 1 and "holds this host" in result["msg"]


@needs_root
@pytest.mark.parametrize("state", ["recorded", "restarted"])
@pytest.mark.parametrize("check_mode", [True, False])
def test_without_containerd_nothing_is_done(run_module, host, tmp_path, state, check_mode):
    result, status = run_module(shim_reconnect, check_mode=check_mode, state=state, **host)
    assert status == 1 and "containerd does not answer on" in result["msg"] and result["changed"] is False
    assert not (tmp_path / "kept").exists()


@needs_root
def test_a_held_host_is_not_restarted(run_module, host, tmp_path):
    (tmp_path / "hold").symlink_to("nowhere")
    result, status = run_module(shim_reconnect, state="restarted", **host)
    assert status == 1 and "holds this host" in result["msg"] and result["changed"] is False
    assert not (tmp_path / "kept").exists()


@needs_root
@pytest.mark.parametrize("options", [{"ids": ["plain1"]}, {"namespaces": ["default"]}])
def test_a_restart_is_never_narrowed(run_module, host, options):
    result, status = run_module(shim_reconnect, state="restarted", **dict(host, **options))
    assert status == 1 and "cannot narrow a restart" in result["msg"] and result["changed"] is False
