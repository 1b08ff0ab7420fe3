# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that are started and never killed: no shell, no input, a short end of what they complain about."""

from __future__ import annotations

import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import command


def refused(call, *arguments):
    with pytest.raises(ShimError) as caught:
        call(*arguments)
    assert caught.value.remedy and caught.value.subject
    return caught.value


def test_a_command_runs_without_a_shell_an_input_or_our_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "hunter2")
    out = tmp_path / "out"
    script = 'cat; env > "$0"; echo "$1" >> "$0"; echo complaint >&2; exit 3'
    running = command.start(["/bin/sh", "-c", script, str(out), "$(id) *"])
    assert running.process.wait(20) == running.code() == 3
    lines = out.read_text().splitlines()
    assert lines[-1] == "$(id) *" and not [line for line in lines if "hunter2" in line]
    assert "LC_ALL=C" in lines and running.words() == "complaint"


def test_a_command_under_way_has_no_status_yet():
    running = command.start(["/bin/cat", "/dev/zero"])
    try:
        assert running.code() is None
        assert os.getsid(running.process.pid) == running.process.pid != os.getsid(0)
    finally:
        running.process.kill()
        running.process.wait(20)


def test_only_the_end_of_long_complaints_is_kept():
    running = command.start(["/bin/sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x >&2; echo end. >&2"])
    running.process.wait(20)
    assert len(running.words()) <= 300 and running.words().endswith("xend")


def test_a_command_that_cannot_be_started_is_reported():
    assert refused(command.start, ["/nowhere/x"]).problem == "cannot be started (No such file or directory)"


def test_a_command_is_waited_for_to_its_end(tmp_path):
    there = tmp_path / "there"
    command.complete(["/bin/sh", "-c", 'sleep 0.2; touch "$0"', str(there)], "package", "lab --install", 20)
    assert there.exists()


def test_a_command_that_fails_says_why():
    with pytest.raises(ShimError) as caught:
        command.complete(["/bin/sh", "-c", "echo broken >&2; exit 3"], "package", "lab --install", 20)
    assert str(caught.value) == "package: lab --install failed: broken; correct it, then run this again."


def test_a_command_that_does_not_end_is_left_alone(tmp_path):
    there, go = tmp_path / "there", tmp_path / "go"
    words = 'until [ -e "$1" ]; do sleep 0.02; done; touch "$0"'
    with pytest.raises(ShimError) as caught:
        command.complete(["/bin/sh", "-c", words, str(there), str(go)], "package", "lab --install", 0.1)
    assert str(caught.value) == "package: lab did not end in 0.1 s and is left alone; check it."
    go.touch()
    clock = Deadline(20)
    while not there.exists() and clock.sleep(0.02):
        pass
    assert there.exists()


def test_containerd_is_called_by_its_name_whatever_its_file_is_called(tmp_path):
    file = tmp_path / "k3s"
    file.symlink_to("/bin/sh")
    said = command.containerd(str(file), ["-c", 'echo "$0"; readlink /proc/$$/exe >/dev/null'], Deadline(20))
    assert (said.code, said.stdout) == (0, "containerd\n")
    assert command.containerd(str(tmp_path / "gone"), ["--version"], Deadline(20)).code == 127
