# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What /proc says of processes: their unit, their paths, their environment and their program."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._host import processes


@pytest.mark.parametrize(
    "lines, unit",
    [
        ("0::/system.slice/containerd.service", "containerd.service"),
        ("0::/system.slice/my-containerd.service/daemon", "my-containerd.service"),
        ("12:cpu:/docker/x\n1:name=systemd:/system.slice/docker.service\n0::/", "docker.service"),
        # Another hierarchy says nothing of systemd's units.
        ("5:memory:/system.slice/other.service\n0::/", None),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/docker.service", None),
        ("0::/user.slice/user-0.slice/session-1.scope", None),
        ("0::/", None),
        ("", None),
        ("nonsense", None),
    ],
)
def test_the_unit_of_a_process(monkeypatch, lines, unit):
    monkeypatch.setattr(processes, "_read", lambda pid, name: lines.encode() if name == "cgroup" else b"")
    assert processes.unit_of(7) == unit


def test_a_path_that_leads_elsewhere(monkeypatch, tmp_path):
    for name in ("here", "there"):
        (tmp_path / name / "run").mkdir(parents=True)
    same, other, gone = "/", str(tmp_path / "here" / "run"), str(tmp_path / "gone")
    me = os.getpid()
    assert processes.another_path(me, [same, other, gone]) is None
    stat = os.stat

    def elsewhere(path, **more):
        # As it would be where that process has a mount namespace of its own.
        return stat(path.replace("/proc/7/root" + other, str(tmp_path / "there")).replace("/proc/7/root", ""), **more)

    monkeypatch.setattr(processes.os, "stat", elsewhere)
    assert processes.another_path(7, [same, gone]) is None
    assert processes.another_path(7, [same, other, gone]) == other


def test_a_long_environment_is_read_whole():
    environment = {"LONG": "x" * 100000, "PATH": "/after"}
    argv = [sys.executable, "-c", "print('ready', flush=True); input()"]
    with subprocess.Popen(argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as one:
        # The kernel shows the environment of a new program a little later than it runs.
        assert one.stdout.readline() == b"ready\n"
        assert processes.search_path(one.pid) == "/after"


def test_the_processes_of_a_program():
    name = os.path.basename(os.readlink("/proc/self/exe"))
    assert os.getpid() in processes.running((name,))
    assert os.getpid() not in processes.running(("containerd",))
