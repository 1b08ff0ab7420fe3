# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The restart command: only a program of root's own is run."""

from __future__ import annotations

import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._restart import restart_command

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs files of root and of others")
UNIT = "containerd.service"


def refused(call, *arguments):
    with pytest.raises(ShimError) as caught:
        call(*arguments)
    assert caught.value.remedy and caught.value.subject
    return caught.value


def test_systemctl_by_its_whole_path_is_the_default(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(
        restart_command.shutil, "which", lambda name, path: "/bin/" + name if "nowhere" not in path else None
    )
    for nothing in (None, []):
        assert restart_command.argv_for(UNIT, nothing) == ["/bin/systemctl", "restart", "--", UNIT]
    monkeypatch.setattr(restart_command.shutil, "which", lambda name, path: None)
    assert "restart_command" in str(refused(restart_command.argv_for, UNIT, None))


def test_a_command_is_taken_as_it_is():
    assert restart_command.argv_for(UNIT, ["/bin/sh", "-c", "exit 3", ""]) == ["/bin/sh", "-c", "exit 3", ""]


@pytest.mark.parametrize("program", ["systemctl", "./x", "bin/sh", ""])
def test_a_program_without_its_whole_path_is_refused(program):
    assert refused(restart_command.argv_for, UNIT, [program]).problem == "is not an absolute path"


def test_a_program_that_is_not_there_is_refused():
    assert refused(restart_command.argv_for, UNIT, ["/nowhere/x"]).problem == "cannot be found"


@pytest.fixture
def program(tmp_path):
    """A program of root in a directory of root."""
    path = tmp_path / "bin" / "restart"
    path.parent.mkdir(mode=0o755)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@needs_root
def test_a_program_of_root_is_accepted(program, tmp_path):
    assert restart_command.argv_for(UNIT, [str(program), "now"]) == [str(program), "now"]
    (program.parent / "link").symlink_to("restart")
    assert restart_command.argv_for(UNIT, [str(program.parent / "link")]) == [str(program.parent / "link")]


@needs_root
@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
def test_a_program_that_others_can_write_is_refused(program, mode):
    program.chmod(mode)
    assert refused(restart_command.argv_for, UNIT, [str(program)]).problem == "can be changed by users other than root"


@needs_root
@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_directory_that_others_can_write_is_refused(program, mode):
    program.parent.chmod(mode)
    assert refused(restart_command.argv_for, UNIT, [str(program)]).problem == "can be changed by users other than root"


@needs_root
def test_owners_other_than_root_are_refused(program):
    os.chown(str(program), 12345, 0)
    assert refused(restart_command.argv_for, UNIT, [str(program)]).problem == "can be changed by users other than root"
    os.chown(str(program), 0, 0)
    os.chown(str(program.parent), 12345, 0)
    assert refused(restart_command.argv_for, UNIT, [str(program)]).problem == "can be changed by users other than root"


@needs_root
def test_a_link_that_others_can_point_elsewhere_is_refused(program, tmp_path):
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(0o777)
    (place / "link").symlink_to(str(program))
    assert (
        refused(restart_command.argv_for, UNIT, [str(place / "link")]).problem
        == "can be changed by users other than root"
    )


@needs_root
def test_a_program_that_cannot_be_executed_is_refused(program):
    program.chmod(0o644)
    assert refused(restart_command.argv_for, UNIT, [str(program)]).problem == "cannot be executed"
