# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""shim_migrate: its options, its sentences, and a migration over a scripted shim."""

from __future__ import annotations

import json

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._recovery import preflight
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.scan import TASK_DIRECTORY
from ansible_collections.shimops.containerd.plugins.modules import shim_migrate
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


def test_documentation(monkeypatch):
    check_documentation(shim_migrate, monkeypatch)


@pytest.mark.parametrize("options, sentence", SENTENCES)
def test_bad_options(run_module, options, sentence):
    result, status = run_module(shim_migrate, **options)
    assert status == 1 and result["failed"] and sentence in result["msg"] and "\n" not in result["msg"]


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A state directory with a legacy bundle that proves itself, and one whose shim is gone; its options."""
    monkeypatch.setattr(preflight, "STOP_FILE", str(tmp_path / "hold"))
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
    # address stays, so the way back stays open.
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
