# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host's programs and files say, read into values."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host.command import Output
from ansible_collections.shimops.containerd.plugins.module_utils._host.dockerd import LiveRestore
from ansible_collections.shimops.containerd.plugins.module_utils._interference import observe

SHOWN = """Id=apt-daily.timer
LoadState=loaded
ActiveState=active
UnitFileState=enabled
WantedBy=timers.target

Id=npd.service
LoadState=loaded
ActiveState=activating
UnitFileState=disabled
ExecStart={ path=/bin/sh ; argv[]=/bin/sh -c one ; ignore_errors=no ; start_time=[n/a] }
RequiredBy=containerd.service
UpheldBy=x.service
"""
HOLDER = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(1, flush=True); input()"


@pytest.fixture
def said(monkeypatch):
    """Let every program say the same; gives the function that sets it."""

    def say(*words):
        monkeypatch.setattr(observe.command, "run", lambda argv, deadline: Output(*words))

    return say


def test_units(said):
    said(0, SHOWN, "")
    found = observe.units(["x"], Deadline(1))
    assert set(found) == {"apt-daily.timer", "npd.service"}
    assert found["apt-daily.timer"][1:] == ("loaded", "active", "enabled", "", ("timers.target",))
    assert found["npd.service"].command == "/bin/sh -c one" and found["npd.service"].on
    assert found["npd.service"].pulled_by == ("containerd.service", "x.service")


def test_without_systemd_there_are_no_units_and_a_silent_one_is_an_error(said):
    said(127, "", "no such program")
    assert observe.units(["x"], Deadline(1)) == {}
    said(None, "", "")
    with pytest.raises(ShimError, match="daemon: systemctl did not answer in time"):
        observe.units(["x"], Deadline(1))


def test_packages(said):
    said(1, "containerd install installed\nrunc hold installed\ncontainerd.io deinstall config-files\nx\n", "no more")
    assert observe.packages(Deadline(1)) == {"containerd": "install", "runc": "hold"}


def test_snaps(said):
    said(0, "Name Version Rev Notes\nmicrok8s 1 2 classic,held\ndocker 1 2 -\nlxd 1 2 held\n", "")
    assert observe.snaps(Deadline(1)) == {"microk8s": True, "docker": False}
    said(127, "", "")
    assert observe.snaps(Deadline(1)) == {}


@pytest.mark.parametrize(
    "found, kept",
    [
        (None, None),
        (LiveRestore(True, True), True),
        (LiveRestore(False, True), False),
        (LiveRestore(True, False), False),
        (LiveRestore(None, True), False),
    ],
)
def test_live_restore(monkeypatch, found, kept):
    monkeypatch.setattr(observe.dockerd, "live_restore", lambda deadline: found)
    assert observe.live_restore(Deadline(1)) is kept


def test_a_lock_is_seen_with_its_holder_and_not_taken(tmp_path):
    path = tmp_path / "lock"
    path.write_text("")
    paths = [str(path), str(tmp_path / "none"), str(tmp_path)]
    assert observe.locks(paths) == []
    argv = [sys.executable, "-c", HOLDER, str(path)]
    holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline().strip() == b"1"
        ((found, pid, name),) = observe.locks(paths)
        assert (found, pid) == (str(path), holder.pid) and name
    finally:
        holder.communicate(b"\n", timeout=30)
    assert observe.locks(paths) == []
    with open(str(path), "w") as mine:
        fcntl.lockf(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_small_files_are_read_and_nothing_else(tmp_path):
    assert observe.small_file(str(tmp_path / "none")) is None
    (tmp_path / "text").write_text("a")
    assert observe.small_file(str(tmp_path / "text")) == "a"
    (tmp_path / "link").symlink_to("text")
    assert observe.small_file(str(tmp_path / "link")) == ""
    os.mkfifo(str(tmp_path / "fifo"))
    assert observe.small_file(str(tmp_path / "fifo")) == ""
    assert observe.small_file(str(tmp_path)) == ""
