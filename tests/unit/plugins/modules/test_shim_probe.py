# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""shim_probe: its options, its sentences, and a forecast over a scripted shim."""

from __future__ import annotations

import json

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils import _stop_file
from ansible_collections.shimops.containerd.plugins.module_utils._audit import leftovers
from ansible_collections.shimops.containerd.plugins.module_utils._restart import ledger_file
from ansible_collections.shimops.containerd.plugins.modules import shim_probe
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules import fields
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


@pytest.fixture(autouse=True)
def own_files(tmp_path, monkeypatch):
    """Nothing of the machine is read: the hold file, the ledger and the sockets are those of the test."""
    monkeypatch.setattr(_stop_file, "PLACE", str(tmp_path / "hold"))
    monkeypatch.setattr(ledger_file, "PLACE", str(tmp_path / "ledger.json"))
    monkeypatch.setattr(leftovers, "SOCKET_DIRECTORY", str(tmp_path / "s"))


def test_documentation(monkeypatch):
    check_documentation(shim_probe, monkeypatch)


OWN = (
    ({"sleep": 0}, "options: sleep=0.0 is not a time; give seconds above 0"),
    ({"wait_timeout": -1}, "options: wait_timeout=-1.0 is not a time; give seconds from 0 to 86400."),
    ({"wanted": ["good"]}, "value of wanted must be one or more of: reattached, killed, dropped, reaped, orphaned"),
    ({"pids": "perhaps"}, "is not a valid boolean"),
)


@pytest.mark.parametrize("options, sentence", SENTENCES + OWN)
def test_bad_options(run_module, options, sentence):
    result, status = run_module(shim_probe, **options)
    assert status == 1 and result["failed"] and sentence in result["msg"] and "\n" not in result["msg"]


@needs_root
def test_a_forecast(run_module, tmp_path):
    with a_living_shim() as shim:
        root = a_state_dir(tmp_path, a_living_bundle(shim), ("default", "stale", {"shim-binary-path": "/bin/sh"}))
        result, status = run_module(shim_probe, target_version="1.7.24", detail="full", **where(root))
    assert status == 0 and not result.get("changed") and set(result) >= returned(shim_probe)
    healthy, stale = result["shims"]
    assert (healthy["id"], healthy["outcome"], healthy["task"], healthy["rule"]) == (
        "plain1",
        "reattached",
        "kept",
        "A1",
    )
    assert (stale["id"], stale["outcome"], stale["task"], stale["at_risk"]) == ("stale", "killed", "gone_before", False)
    counts = {"bundles": 2, "tasks": 1, "at_risk": 0, "rescuable": 0, "truncated": 0}
    counts["outcomes"] = {"reattached": 1, "killed": 1}
    assert result["summary"] == counts
    assert result["release"]["release_class"] == "V17" and result["release"]["release_class_sure"] is True
    assert result["rollback"] == {"class": "open", "to": "1.6.39", "containers": []}
    assert result["ledger"] == {} and "containerd does not answer" in result["refusal"]
    assert len(json.dumps(result)) < 4096


@needs_root
def test_one_look_serves_several_targets(run_module, tmp_path):
    with a_living_shim() as shim:
        root = a_state_dir(tmp_path, a_living_bundle(shim), ("default", "new", {"bootstrap.json": "{}"}))
        result, status = run_module(shim_probe, target_version=["2.1.9", "1.7.24", "2.1.9"], **where(root))
        asked = len(shim.requests)
        run_module(shim_probe, target_version=["1.7.24"], **where(root))
    assert status == 0 and len(shim.requests) == 2 * asked
    assert [one["target"] for one in result["targets"]] == ["2.1.9", "1.7.24"]
    assert [one["release_class"] for one in result["targets"]] == ["V20b", "V17"]
    assert result["release"]["target"] == "2.1.9" and result["rollback"]["to"] == "1.7.24"


@needs_root
def test_an_audit_asks_connect_and_state_and_says_so(run_module, tmp_path):
    with a_living_shim() as shim:
        root = a_state_dir(tmp_path, a_living_bundle(shim), ("default", "stale", {"shim-binary-path": "/bin/sh"}))
        result, status = run_module(shim_probe, audit=True, target_version=["1.7.24", "2.1.9"], **where(root))
        asked = {request.method for request in shim.requests}
        whole, _status = run_module(shim_probe, audit=True, pids=True, target_version=["1.7.24"], **where(root))
    assert status == 0 and asked == {"Connect", "State"}
    document = result["document"]
    assert document["asked"] == {"connect": True, "state": True, "pids": False}
    assert whole["document"]["asked"]["pids"] is True
    assert set(document) == set(fields.DOCUMENT)
    for section, shape in fields.DOCUMENT.items():
        if isinstance(shape, list) and isinstance(shape[0], dict):
            assert all(set(row) == set(shape[0]) for row in document[section]), section
    counts = {"bundles": 2, "other_tasks": 0, "tasks": 1, "shims": 0, "leftovers": 1}
    assert document["counts"] == dict(counts, modes=len(document["modes"]))
    (left,) = document["leftovers"]
    assert (left["kind"], left["id"]) == ("bundle_without_shim", "stale")
    assert [one["target"] for one in document["targets"]] == ["1.7.24", "2.1.9"]
    assert document["forecast"] == document["targets"][0] and document["host"] is None
    # The summary is as short as ever.
    del result["document"]
    assert len(json.dumps(result)) < 2048


@needs_root
@pytest.mark.parametrize("options", [{"namespaces": ["default"]}, {"ids": ["plain1"]}])
def test_an_audit_concerns_the_whole_host(run_module, tmp_path, options):
    result, status = run_module(shim_probe, audit=True, **options, **where(a_state_dir(tmp_path)))
    assert status == 1 and "cannot narrow an audit, which concerns every task; leave it out." in result["msg"]


@needs_root
def test_what_is_well_is_not_listed_unless_it_is_asked_for(run_module, tmp_path):
    with a_living_shim() as shim:
        root = a_state_dir(tmp_path, a_living_bundle(shim))
        result, _status = run_module(shim_probe, target_version="2.1.9", **where(root))
    assert result["shims"] == [] and result["summary"]["outcomes"] == {"reattached": 1}


@needs_root
def test_an_outcome_that_is_not_wanted_fails_with_everything(run_module, tmp_path):
    with a_living_shim() as shim:
        root = a_state_dir(tmp_path, a_living_bundle(shim))
        options = dict(where(root), target_version="1.7.24", wanted=["killed"])
        result, status = run_module(shim_probe, **options)
        assert status == 1 and set(result) >= returned(shim_probe)
        assert result["msg"].startswith("forecast: 1 of 1 bundles have another outcome than killed; default/plain1 is")
        result, status = run_module(shim_probe, **dict(options, wanted=["reattached", "unknown"]))
        assert status == 0


@needs_root
@pytest.mark.parametrize("version", ["latest", "1.7", "", "1.7.x"])
def test_a_target_that_is_no_release(run_module, tmp_path, version):
    result, status = run_module(shim_probe, target_version=version, **where(a_state_dir(tmp_path)))
    assert status == 1 and "is not a containerd release; name one such as 1.7.24" in result["msg"]


@needs_root
def test_the_running_release_of_a_containerd_that_does_not_run(run_module, tmp_path):
    result, status = run_module(shim_probe, target_version="running", **where(a_state_dir(tmp_path)))
    assert status == 1 and "the running release of containerd could not be determined" in result["msg"]
