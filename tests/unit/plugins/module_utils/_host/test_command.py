# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that are started and never killed: no shell, no input, a short end of what they complain about."""

from __future__ import annotations

import os

import pytest

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
