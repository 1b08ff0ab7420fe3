# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""shim_migrate: its options, its sentences, and a migration over a scripted shim."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils import _stop_file
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes
from ansible_collections.shimops.containerd.plugins.module_utils._host.layouts import TASK_DIRECTORY
from ansible_collections.shimops.containerd.plugins.module_utils._rescue import shim_search
from ansible_collections.shimops.containerd.plugins.module_utils._restart import host_claim
from ansible_collections.shimops.containerd.plugins.modules import shim_migrate, shim_probe
from ansible_collections.shimops.containerd.tests.unit.plugins.modules.module_facts import (
    SENTENCES,
    a_living_bundle,
    a_living_shim,
    a_state_dir,
    check_documentation,
    needs_root,
    returned,
    where,
)
from ansible_collections.shimops.containerd.tests.unit.support.scripted_shim import V2, ScriptedShim, ok


def test_documentation(monkeypatch):
    check_documentation(shim_migrate, monkeypatch)


@pytest.mark.parametrize("options, sentence", SENTENCES)
def test_bad_options(run_module, options, sentence):
    result, status = run_module(shim_migrate, **options)
    assert status == 1 and result["failed"] and sentence in result["msg"] and "\n" not in result["msg"]


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A state directory with a legacy bundle that proves itself, and one whose shim is gone; its options."""
    monkeypatch.setattr(_stop_file, "PLACE", str(tmp_path / "hold"))
    monkeypatch.setattr(host_claim, "PLACE", str(tmp_path / "held"))
    with a_living_shim() as shim:
        gone = ("default", "plain2", {"address": "unix:///nowhere", "shim-binary-path": "/bin/sh"})
        root = a_state_dir(tmp_path, a_living_bundle(shim), gone)
        yield root, dict(where(root), target_version="2.1.9"), shim


def written(root):
    return sorted(str(path.parent.name) for path in (root / TASK_DIRECTORY).glob("*/*/bootstrap.json"))


@needs_root
def test_a_legacy_bundle_is_migrated_once(run_module, host):
    root, options, shim = host
    result, status = run_module(shim_migrate, diff=True, **options)
    assert status == 0 and result["changed"] is True and set(result) >= returned(shim_migrate)
    assert [row["id"] for row in result["migrated"]] == ["plain1"]
    assert [(row["id"], row["reason"]) for row in result["refused"]] == [("plain2", "the socket file is missing")]
    path = root / TASK_DIRECTORY / "default" / "plain1" / "bootstrap.json"
    assert path.read_text() == '{"version":2,"address":"unix://' + shim.path + '","protocol":"ttrpc"}'
    assert path.stat().st_mode & 0o7777 == 0o644 and written(root) == ["plain1"]
    assert result["diff"][0]["after"] == path.read_text() + "\n" and result["diff"][0]["before"] == ""
    # address stays, so a rollback stays possible.
    assert (path.parent / "address").exists()
    result, status = run_module(shim_migrate, **options)
    assert status == 0 and result["changed"] is False and result["migrated"] == []


@needs_root
def test_check_mode_writes_nothing_and_shows_the_same(run_module, host):
    root, options, _shim = host
    result, status = run_module(shim_migrate, check_mode=True, diff=True, **options)
    assert status == 0 and result["changed"] is True and len(result["diff"]) == 1 and written(root) == []
    done, _status = run_module(shim_migrate, diff=True, **options)
    assert {key: done[key] for key in ("migrated", "refused", "diff")} == {
        key: result[key] for key in ("migrated", "refused", "diff")
    }


@needs_root
def test_without_diff_no_content_is_returned(run_module, host):
    _root, options, _shim = host
    result, _status = run_module(shim_migrate, **options)
    assert "diff" not in result and "ttrpc" not in json.dumps(result["migrated"])


@needs_root
@pytest.mark.parametrize("version", ["1.6.20", "1.7.24"])
def test_there_is_nothing_to_do_for_1_x(run_module, host, version):
    root, options, _shim = host
    result, status = run_module(shim_migrate, **dict(options, target_version=version))
    assert status == 0 and (result["changed"], result["migrated"], result["refused"]) == (False, [], [])
    assert written(root) == []


@needs_root
def test_a_held_host_is_not_touched(run_module, host, tmp_path):
    root, options, _shim = host
    (tmp_path / "hold").write_text("")
    result, status = run_module(shim_migrate, **options)
    assert status == 1 and "holds this host" in result["msg"] and result["changed"] is False and written(root) == []
    # Looking is allowed.
    assert run_module(shim_migrate, check_mode=True, **options).status == 0


@pytest.fixture
def damaged(tmp_path, monkeypatch):
    """A state directory whose bundles lead to no shim, though one lives; its options."""
    monkeypatch.setattr(_stop_file, "PLACE", str(tmp_path / "hold"))
    monkeypatch.setattr(host_claim, "PLACE", str(tmp_path / "held"))
    # The shim is this very process, and its task a child of it.
    monkeypatch.setattr(shim_search, "_SHIM", os.path.basename(processes.executable(os.getpid()))[:6])
    with subprocess.Popen(["/bin/sleep", "1000"]) as child, ScriptedShim() as shim:
        shim.on(V2, "Connect", ok("ConnectResponse", shim_pid=os.getpid(), task_pid=child.pid))
        shim.on(V2, "State", ok("StateResponse", pid=child.pid, status=2))
        shim.on(V2, "Pids", ok("PidsResponse", processes=[{"pid": child.pid}]))
        files = {"shim-binary-path": "/bin/sh", "init.pid": str(child.pid)}
        root = a_state_dir(
            tmp_path,
            ("default", "damaged", dict(files, **{"bootstrap.json": "dam\x07aged"})),
            ("default", "legacy", dict(files, address="unix://" + shim.path)),
            ("default", "missing", files),
            ("default", "stranger", {"shim-binary-path": "/bin/sh", "init.pid": str(os.getpid())}),
        )
        yield root, dict(where(root), target_version="2.1.9", rescue=True), shim
        child.kill()


@needs_root
def test_what_is_damaged_is_rescued_and_what_is_legacy_migrated(run_module, damaged):
    root, options, shim = damaged
    checked, _status = run_module(shim_migrate, check_mode=True, diff=True, **options)
    assert written(root) == ["damaged"] and checked["changed"] is True
    result, status = run_module(shim_migrate, diff=True, **options)
    assert status == 0 and result["changed"] is True and set(result) >= returned(shim_migrate)
    place, path = root / TASK_DIRECTORY / "default", "shimops-kept-bootstrap.json"
    assert {row["id"]: row["reason"] for row in result["rescued"]} == {
        "damaged": "bootstrap.json restored (B1: bootstrap.json holds neither bootstrap parameters nor an address), "
        "what was there is kept as " + path,
        "missing": "bootstrap.json restored (C2: there is neither bootstrap.json nor address)",
    }
    assert [row["id"] for row in result["migrated"]] == ["legacy"]
    assert [row["id"] for row in result["refused"]] == ["stranger"]
    assert result["summary"] == {"migrated": 1, "rescued": 2, "refused": 1, "truncated": 0}
    good = '{"version":2,"address":"unix://' + shim.path + '","protocol":"ttrpc"}'
    assert {(place / name / "bootstrap.json").read_text() for name in ("damaged", "missing", "legacy")} == {good}
    assert (place / "damaged" / path).read_text() == "dam\x07aged"
    assert result["diff"] == checked["diff"] and result["refused"] == checked["refused"]
    shown = result["diff"][0]
    assert (shown["before"], shown["after"]) == ("dam\\x07aged\n", good + "\n")
    again, _status = run_module(shim_migrate, **options)
    assert (again["changed"], again["rescued"], again["migrated"]) == (False, [], []) and len(again["refused"]) == 1


@needs_root
def test_the_probe_counts_what_the_rescue_mends(run_module, damaged):
    root, options, _shim = damaged
    asked = {key: value for key, value in options.items() if key != "rescue"}
    before, _status = run_module(shim_probe, **dict(asked, target_version=["2.1.9", "1.7.24"]))
    assert (before["summary"]["at_risk"], before["summary"]["rescuable"]) == (3, 2)
    assert [one["rescuable"] for one in before["targets"]] == [2, 2]
    assert len(run_module(shim_migrate, **options).result["rescued"]) == 2
    after, _status = run_module(shim_probe, **dict(asked, target_version=["2.1.9", "1.7.24"]))
    assert (after["summary"]["at_risk"], after["summary"]["rescuable"]) == (1, 0)
    # Only the file that 2.1 reads was restored.
    assert [one["rescuable"] for one in after["targets"]] == [0, 2]


@needs_root
def test_without_rescue_a_damaged_bundle_is_left_alone(run_module, damaged):
    root, options, _shim = damaged
    result, _status = run_module(shim_migrate, **dict(options, rescue=False))
    assert result["rescued"] == [] and [row["id"] for row in result["migrated"]] == ["legacy"]
    assert written(root) == ["damaged", "legacy"] and result["refused"] == []


@needs_root
def test_for_1_x_the_address_is_restored(run_module, damaged):
    root, options, shim = damaged
    result, _status = run_module(shim_migrate, **dict(options, target_version="1.7.24"))
    assert [row["id"] for row in result["rescued"]] == ["damaged", "missing"] and result["migrated"] == []
    assert (root / TASK_DIRECTORY / "default" / "missing" / "address").read_text() == "unix://" + shim.path


@needs_root
def test_no_backup_is_kept_where_nobody_wants_one(run_module, damaged):
    root, options, _shim = damaged
    run_module(shim_migrate, backup=False, **options)
    names = sorted(path.name for path in (root / TASK_DIRECTORY / "default" / "damaged").iterdir())
    assert names == ["bootstrap.json", "init.pid", "shim-binary-path"]


@needs_root
def test_a_held_host_is_not_rescued(run_module, damaged, tmp_path):
    root, options, _shim = damaged
    (tmp_path / "hold").write_text("")
    result, status = run_module(shim_migrate, **options)
    assert status == 1 and "holds this host" in result["msg"] and written(root) == ["damaged"]
