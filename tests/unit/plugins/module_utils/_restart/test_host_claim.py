# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hold: one run at a time, over modules and over their end."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._errors import HostRefused, ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._restart import host_claim

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="the lock is root's")
pytestmark = needs_root


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    path = tmp_path / "shimops"
    monkeypatch.setattr(host_claim, "PLACE", str(path))
    return path


def refusal(run_id, patience=0.0):
    """The sentence with which that run is refused; empty when it is not."""
    try:
        with host_claim.held(run_id, patience, last=True):
            return ""
    except HostRefused as error:
        return str(error)


@pytest.mark.parametrize("other", ["two", None])
def test_another_run_learns_who_acts(other):
    with host_claim.held("one", 0, last=True):
        reported = refusal(other)
        assert reported.startswith("act: this host is being acted on by run one since 0 s; let that end")
    assert refusal(other) == ""


def test_the_very_same_run_waits_for_its_own_module_and_no_longer():
    with host_claim.held("one", 0, last=True):
        assert "being acted on by run one" in refusal("one", 0.3)


@pytest.mark.parametrize("other", ["two", None])
def test_a_claim_outlives_a_module_that_is_not_the_last(place, other):
    with host_claim.held("one", 0, last=False):
        pass
    assert "is held by run one since" in refusal(other) and "resume that run, or remove" in refusal(other)
    assert json.loads((place / "claim.json").read_text())["run_id"] == "one"
    assert refusal("one") == "" and refusal(other) == ""


def test_a_module_without_a_run_claims_nothing(place):
    with host_claim.held(None, 0, last=False):
        assert not (place / "claim.json").exists()
    assert refusal("one") == ""


def test_the_claim_goes_after_a_failure_too(place):
    with pytest.raises(ZeroDivisionError), host_claim.held("one", 0, last=True):
        raise ZeroDivisionError
    assert not (place / "claim.json").exists() and refusal("two") == ""


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"run_id": "x", "at": "noon"}', b"\xff"])
def test_a_damaged_note_names_nobody_and_stops_nobody(place, data):
    place.mkdir(mode=0o700)
    (place / "claim.json").write_bytes(data)
    assert refusal("one") == ""


def test_a_place_that_others_can_write_is_refused(place):
    place.mkdir(mode=0o777)
    place.chmod(0o777)
    with pytest.raises(ShimError, match="can be written by users other than root"), host_claim.held(
        "one", 0, last=True
    ):
        pass


def test_a_link_is_not_followed(place, tmp_path):
    place.mkdir(mode=0o700)
    (place / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ShimError, match="cannot be used"), host_claim.held("one", 0, last=True):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_the_claim_of_a_run_that_died_in_the_middle_keeps_nobody_away(place):
    with host_claim.held("one", 0, last=False):
        # Its lock shows that it lives, whatever its ledger says.
        with pytest.raises(HostRefused, match="is being acted on by run one"), host_claim.held(
            "two", 0, True, lambda: "one"
        ):
            pass
    with pytest.raises(HostRefused, match="is held by run one"), host_claim.held("two", 0, True, lambda: "three"):
        pass
    with host_claim.held("two", 0, True, lambda: "one"):
        assert json.loads((place / "claim.json").read_text())["run_id"] == "two"
    assert not (place / "claim.json").exists()
