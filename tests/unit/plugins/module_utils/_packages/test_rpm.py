# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rpm's lock; all else of rpm and dnf is tried on real ones."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host.command import Output
from ansible_collections.shimops.containerd.plugins.module_utils._packages import rpm

HOLD = (
    "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); input()"
)


@pytest.fixture
def lock(tmp_path, monkeypatch):
    path = tmp_path / ".rpm.lock"
    monkeypatch.setattr(rpm.command, "run", lambda argv, _deadline: Output(0, f"{path}\n", ""))
    return path


def test_a_lock_that_is_held_is_waited_for_and_one_that_is_free_is_not_kept(lock):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(ShimError, match="is held by another package manager; wait"):
        with rpm.undisturbed(Deadline(0)):
            pytest.fail("the lock is held")
    holder.communicate("\n")
    with rpm.undisturbed(Deadline(0)):
        # rpm itself has to get it.
        again = subprocess.run(
            [sys.executable, "-c", HOLD, lock], input="\n", capture_output=True, text=True, check=True
        )
    assert again.stdout == "held\n"


def test_a_lock_that_is_a_link_is_not_followed(lock, tmp_path):
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ShimError, match="cannot be opened"):
        with rpm.undisturbed(Deadline(0)):
            pytest.fail("it is a link")
    assert not (tmp_path / "elsewhere").exists()
