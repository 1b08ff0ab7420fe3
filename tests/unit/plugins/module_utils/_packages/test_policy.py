# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""policy-rc.d: ours while packages are installed, and afterwards what was there before, whatever happens."""

from __future__ import annotations

import os
import subprocess

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._packages import policy


@pytest.fixture
def place(tmp_path, monkeypatch):
    path = tmp_path / "policy-rc.d"
    monkeypatch.setattr(policy, "PATH", str(path))
    return path


def test_services_are_denied_within_and_nothing_is_left(place):
    with policy.denied():
        assert subprocess.run([str(place), "containerd", "restart"], check=False).returncode == 101
    assert list(place.parent.iterdir()) == []
    assert policy.put_back() == []


def test_a_policy_of_the_host_comes_back_as_it_was(place):
    place.write_text("#!/bin/sh\nexit 104\n")
    place.chmod(0o750)
    before = (place.stat().st_ino, place.stat().st_mode)
    with policy.denied():
        assert subprocess.run([str(place)], check=False).returncode == 101
    assert (place.stat().st_ino, place.stat().st_mode) == before
    assert [one.name for one in place.parent.iterdir()] == ["policy-rc.d"]


def test_a_link_comes_back_as_a_link(place):
    (place.parent / "real").write_text("#!/bin/sh\nexit 0\n")
    place.symlink_to("real")
    with policy.denied():
        assert not place.is_symlink()
    assert os.readlink(str(place)) == "real" and (place.parent / "real").read_text().endswith("exit 0\n")


def test_it_comes_back_after_an_error(place):
    place.write_text("mine")
    with pytest.raises(KeyError), policy.denied():
        raise KeyError("x")
    assert place.read_text() == "mine"


@pytest.mark.parametrize("mine", ["mine", None], ids=["with a policy of the host", "without"])
def test_the_next_run_puts_back_what_a_killed_one_left(place, mine):
    if mine:
        place.write_text(mine)
    killed = policy.denied()
    killed.__enter__()
    assert place.read_bytes().endswith(b"exit 101\n")
    assert len(policy.put_back()) == 1
    assert policy.put_back() == []
    assert (place.read_text() if mine else place.exists()) == (mine or False)


def test_a_second_run_does_not_take_ours_for_the_hosts(place):
    place.write_text("mine")
    killed = policy.denied()
    killed.__enter__()
    with policy.denied():
        pass
    assert place.read_text() == "mine" and [one.name for one in place.parent.iterdir()] == ["policy-rc.d"]


def test_a_policy_that_is_not_ours_is_never_removed(place):
    place.write_text("#!/bin/sh\nexit 101\n")
    assert policy.put_back() == [] and place.exists()
