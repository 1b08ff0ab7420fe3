# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a runtime leads on a host, and what a package could bring there."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._host import shim_binary
from ansible_collections.shimops.containerd.tests.unit.support.observations import a_daemon


@pytest.mark.parametrize(
    "name, path",
    [
        (b"/usr/bin/containerd-shim-runc-v1", "/usr/bin/containerd-shim-runc-v1"),
        (b"io.containerd.runc.v1", "/usr/bin/containerd-shim-runc-v1"),
        (b"/opt/gone/containerd-shim-runc-v1", None),
        (b"/usr/bin/../bin/containerd-shim-runc-v1", None),
        (b"bin/a.runc.v1", None),
        (b"runc", None),
    ],
)
def test_a_package_brings_what_lies_next_to_containerd(name, path):
    assert shim_binary.packaged(name, a_daemon()) == path


def test_without_an_executable_nobody_knows_where_a_package_puts_it():
    assert shim_binary.packaged(b"io.containerd.runc.v1", a_daemon(executable=None)) is None


def test_a_program_is_found_by_its_path_or_on_the_path_of_the_daemon(tmp_path, monkeypatch):
    program = tmp_path / "runc"
    program.write_text("")
    monkeypatch.setattr(shim_binary.processes, "search_path", lambda _pid: "/nowhere:{0}".format(tmp_path))
    assert shim_binary.finds(str(program), a_daemon()) is True
    assert shim_binary.finds(str(program) + "x", a_daemon()) is False
    assert shim_binary.finds("runc", a_daemon()) is False
    program.chmod(0o755)
    assert shim_binary.finds("runc", a_daemon()) is True
    assert shim_binary.finds("crun", a_daemon()) is False
    assert shim_binary.finds("runc", a_daemon(process=None)) is None
    assert shim_binary.finds("\0", a_daemon()) is False


@pytest.mark.parametrize(
    "name, found, found_by_1_6",
    [
        (b"io.containerd.tried.v1", True, True),
        (b".tried.v1", False, True),
        (b"./io.containerd.tried.v1", False, True),
        (b"gone/a.tried.v1", False, True),
        (b"tried", False, False),
        (b"a.b/tried.v1", False, False),
    ],
)
def test_1_6_takes_names_that_later_releases_refuse(name, found, found_by_1_6, tmp_path, monkeypatch):
    program = tmp_path / "containerd-shim-tried-v1"
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.setattr(shim_binary.processes, "search_path", lambda _pid: str(tmp_path))
    monkeypatch.setattr(shim_binary.processes, "working_directory", lambda _pid: "/")
    assert (shim_binary.find(name, a_daemon()).path is not None) is found
    assert (shim_binary.find(name, a_daemon(), by_1_6=True).path is not None) is found_by_1_6
