# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A staged release: read back as it was written, and refused when others could have touched it."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._packages import staged
from ansible_collections.shimops.containerd.plugins.module_utils._packages.staged import Staged

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="what is staged has to be root's")
pytestmark = needs_root


@pytest.fixture
def plan(tmp_path):
    room = tmp_path / "2.1.9+ds1-5"
    room.mkdir(0o700)
    return Staged(
        str(room),
        "apt",
        "2.1.9",
        "2.1.9+ds1-5",
        "containerd",
        ("containerd_2.1.9+ds1-5_amd64.deb",),
        "/usr/bin/containerd",
    )


def test_round_trip(plan):
    staged.save(plan)
    assert staged.load(plan.directory) == plan == staged.present(plan.directory)
    assert os.stat(os.path.join(plan.directory, "plan.json")).st_mode & 0o777 == 0o600
    assert plan.paths() == [plan.directory + "/containerd_2.1.9+ds1-5_amd64.deb"]


def test_half_done_is_not_there(plan):
    assert staged.present(plan.directory) is None
    with pytest.raises(ShimError, match="is not there; stage the release first with containerd_package"):
        staged.load(plan.directory)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"kind": "rpm"},
        {"files": ["../../etc/passwd"]},
        {"files": ["a/b"]},
        {"files": ["--root=/"]},
        {"executable": "containerd"},
        {"config": "../x"},
        {"more": 1},
        {"files": None},
    ],
    ids=lambda change: "{0}={1}".format(*list(change.items())[0]),
)
def test_a_damaged_plan_is_refused(plan, change):
    staged.save(plan)
    path = os.path.join(plan.directory, "plan.json")
    with open(path) as stream:
        data = dict(json.load(stream), **change)
    with open(path, "w") as stream:
        json.dump(data, stream)
    with pytest.raises(ShimError, match="is damaged; stage the release again"):
        staged.load(plan.directory)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"\xff", b"[" * 60000, b" " * 70000], ids=["empty", "list", "bytes", "deep", "large"]
)
def test_what_is_no_plan_is_refused(plan, text):
    with open(os.path.join(plan.directory, "plan.json"), "wb") as stream:
        stream.write(text)
    with pytest.raises(ShimError, match="is damaged"):
        staged.load(plan.directory)


def test_what_others_can_change_is_refused(plan):
    staged.save(plan)
    os.chmod(plan.directory, 0o777)
    with pytest.raises(ShimError, match="can be changed by users other than root"):
        staged.load(plan.directory)
    os.chmod(plan.directory, 0o700)
    os.chown(os.path.join(plan.directory, "plan.json"), 65534, 0)
    with pytest.raises(ShimError, match="can be changed by users other than root"):
        staged.load(plan.directory)


def test_a_fifo_does_not_block(plan):
    os.mkfifo(os.path.join(plan.directory, "plan.json"), 0o600)
    with pytest.raises(ShimError, match="is no plain file"):
        staged.load(plan.directory)
