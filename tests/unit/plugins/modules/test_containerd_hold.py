# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""containerd_hold: its options and its sentences; what it does is proven on real hosts, in tests/integration."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils import _stop_file
from ansible_collections.shimops.containerd.plugins.module_utils._interference import record
from ansible_collections.shimops.containerd.plugins.module_utils._restart import host_claim
from ansible_collections.shimops.containerd.plugins.modules import containerd_hold
from ansible_collections.shimops.containerd.tests.unit.plugins.modules.module_facts import (
    SENTENCES,
    check_documentation,
    needs_root,
    returned,
    taken,
)


def test_documentation(monkeypatch):
    check_documentation(containerd_hold, monkeypatch)


def test_a_hold_is_of_a_run(monkeypatch):
    assert taken(containerd_hold, monkeypatch)["required_if"] == [("state", "held", ["run_id"])]


OWN = (
    ({"run_id": None}, "state is held but all of the following are missing: run_id"),
    ({"run_id": "../x"}, "options: run_id=../x cannot be a file name"),
    ({"state": "paused"}, "value of state must be one of: held, released, got: paused"),
    ({"wait_timeout": -1}, "options: wait_timeout=-1.0 is not a time; give seconds from 0 to 86400."),
    ({"units": ["node-doctor"]}, "options: units=node-doctor is not a unit; give its whole name, with its suffix."),
    ({"units": ["--now.service"]}, "options: units=--now.service is not a unit"),
    ({"units": ["a b.service"]}, "options: units=a b.service is not a unit"),
    ({"units": ["*.service"]}, "options: units=*.service is not a unit"),
    ({"units": ["containerd.service"]}, "options: units=containerd.service runs containerd itself; leave it out."),
)


@pytest.mark.parametrize("options, sentence", SENTENCES + OWN)
def test_bad_options(run_module, options, sentence):
    given = {key: value for key, value in dict({"run_id": "one"}, **options).items() if value is not None}
    result, status = run_module(containerd_hold, **given)
    assert status == 1 and result["failed"] and sentence in result["msg"] and "\n" not in result["msg"]


@needs_root
def test_nothing_to_put_back(run_module, monkeypatch, tmp_path):
    monkeypatch.setattr(record, "PLACE", str(tmp_path))
    monkeypatch.setattr(host_claim, "PLACE", str(tmp_path))
    result, status = run_module(containerd_hold, state="released")
    assert status == 0 and result["changed"] is False and result["earlier_run"] is None
    assert result["msg"] == "nothing to hold and nothing to put back"
    assert set(result) - {"invocation"} >= returned(containerd_hold)


@needs_root
def test_a_stop_file_forbids_holding(run_module, monkeypatch, tmp_path):
    monkeypatch.setattr(record, "PLACE", str(tmp_path))
    monkeypatch.setattr(host_claim, "PLACE", str(tmp_path))
    monkeypatch.setattr(_stop_file, "PLACE", str(tmp_path / "hold"))
    (tmp_path / "hold").write_text("")
    result, status = run_module(containerd_hold, run_id="one")
    assert status == 1 and "holds this host" in result["msg"] and result["changed"] is False


@needs_root
def test_the_host_of_another_run_is_left_alone(run_module, monkeypatch, tmp_path):
    monkeypatch.setattr(host_claim, "PLACE", str(tmp_path))
    monkeypatch.setattr(record, "PLACE", str(tmp_path))
    monkeypatch.setattr(_stop_file, "PLACE", str(tmp_path / "hold"))
    with host_claim.held("other", 0, last=False):
        pass
    for options in ({"run_id": "one"}, {"run_id": "one", "state": "released"}):
        result, status = run_module(containerd_hold, **options)
        assert status == 1 and result["refused"] and "is held by run other" in result["msg"]
