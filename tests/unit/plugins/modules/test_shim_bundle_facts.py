# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""shim_bundle_facts: its options, its sentences, and its facts of captured bundles."""

from __future__ import annotations

import json

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._host.layouts import TASK_DIRECTORY
from ansible_collections.shimops.containerd.plugins.modules import shim_bundle_facts
from ansible_collections.shimops.containerd.tests.unit.plugins.modules.module_facts import (
    SENTENCES,
    a_state_dir,
    check_documentation,
    needs_root,
    returned,
    where,
)
from ansible_collections.shimops.containerd.tests.unit.support import captured


def test_documentation(monkeypatch):
    check_documentation(shim_bundle_facts, monkeypatch)


@pytest.mark.parametrize("options, sentence", SENTENCES)
def test_bad_options(run_module, options, sentence):
    result, status = run_module(shim_bundle_facts, **options)
    assert status == 1 and result["failed"] and sentence in result["msg"] and "\n" not in result["msg"]


@pytest.fixture
def state(tmp_path):
    """A state directory with every captured bundle of each release, in a namespace of its own."""
    root = a_state_dir(tmp_path)
    for release in captured.RELEASES:
        for kind in captured.KINDS:
            place = root / TASK_DIRECTORY / ("r" + release)
            source = captured.bundle(tmp_path / release / kind, release, kind)
            place.mkdir(exist_ok=True)
            (tmp_path / release / kind / source.namespace / source.id).rename(place / source.id)
    return root


def gathered(run_module, root, **options):
    result, status = run_module(shim_bundle_facts, **dict(where(root), **options))
    assert status == 0 and not result.get("changed") and set(result) - {"invocation"} >= returned(shim_bundle_facts)
    return result["ansible_facts"]["containerd_shims"], len(json.dumps(result))


@needs_root
def test_captured_bundles(run_module, state):
    facts, _size = gathered(run_module, state, detail="full")
    assert (facts["summary"]["bundles"], facts["summary"]["instances"], facts["summary"]["truncated"]) == (9, 1, 0)
    (instance,) = facts["instances"]
    assert set(instance) == {"layout", "daemon", "bundles", "other_tasks", "endpoints", "leftovers"}
    rows = {(row["namespace"], row["role"]): row for row in instance["bundles"]}
    assert set(rows) == {("r" + r, role) for r in captured.RELEASES for role in ("plain", "sandbox", "workload")}
    pod = rows[("r1.7.24", "workload")]["pod"]
    assert (pod["namespace"], pod["name"], pod["container"]) == ("shop", "web1", "app")
    # A pod shares one endpoint; nothing runs here.
    assert rows[("r1.7.24", "workload")]["endpoint"] == rows[("r1.7.24", "sandbox")]["endpoint"]
    assert rows[("r2.1.9", "plain")]["shim_pid"] is None
    assert facts["summary"]["problems"] == 9


@needs_root
def test_a_summary_is_small_and_its_counts_are_exact(run_module, state):
    facts, size = gathered(run_module, state)
    assert size < 2048 and facts["summary"]["bundles"] == 9
    (instance,) = facts["instances"]
    assert instance["daemon"]["state_dir"] == str(state)
    assert len(instance["bundles"]) == 9 - facts["summary"]["truncated"]


@needs_root
def test_bad_bundles_are_data(run_module, tmp_path):
    root = a_state_dir(tmp_path, ("default", "a", {}), ("default", ".b", {}), ("default", "c", {"bootstrap.json": "{"}))
    (root / TASK_DIRECTORY / "default" / "d").symlink_to("a")
    facts, _size = gathered(run_module, root, detail="problems")
    (instance,) = facts["instances"]
    assert [row["id"] for row in instance["bundles"]] == ["a", "c"]
    assert instance["bundles"][0]["problems"] == ["it is empty"]
    assert [(row["id"], row["kind"]) for row in instance["leftovers"]] == [(".b", "hidden"), ("d", "link")]


@needs_root
def test_no_state_directory_is_an_error(run_module, tmp_path):
    result, status = run_module(shim_bundle_facts, **where(tmp_path / "gone"))
    assert status == 1 and result["stage"] == "scan" and "cannot be read" in result["msg"]
    assert "ansible_facts" not in result
