# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a running containerd keeps its things: the kernel's word first, the configuration last."""

from __future__ import annotations

import os
import socket

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._host import daemon_paths, processes
from ansible_collections.shimops.containerd.plugins.module_utils._host.configuration import USUAL
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon_paths import Places, grpc_socket, places
from ansible_collections.shimops.containerd.plugins.module_utils._host.layouts import Layout

A, B = "/run/a/containerd.sock", "/run/b.sock"
CONFIGURED = USUAL._replace(state_dir="/run/c", root_dir="/var/c", address="/run/c.sock")


@pytest.fixture
def host(monkeypatch):
    """The places of a process with these arguments, open files and sockets; and how often it was configured."""
    asked = []

    def give(arguments=(), files=(), sockets=(), configured=CONFIGURED):
        monkeypatch.setattr(processes, "arguments", lambda pid: ["containerd"] + list(arguments))
        monkeypatch.setattr(processes, "open_files", lambda pid: list(files))
        monkeypatch.setattr(daemon_paths, "listening", lambda inodes: list(sockets))
        del asked[:]
        return places(1, lambda: asked.append(1) or configured)

    give.asked = asked
    return give


LOG = "/run/x/io.containerd.runtime.v2.task/default/c1/log"
METADATA = "/var/x/io.containerd.metadata.v1.bolt/meta.db"
MOUNTS = "/run/x/io.containerd.mount-manager.v1.bolt/mounts.db"


@pytest.mark.parametrize("file", [LOG, MOUNTS])
def test_the_kernel_alone_is_enough(host, file):
    found = host(["--state", "/not", "--root", "/not", "-a", "/not"], ["/dev/null", file, METADATA], [A, A + ".ttrpc"])
    assert found == Places("/run/x", "/var/x", A)
    assert host.asked == []


def test_the_flags_come_before_the_configuration(host):
    found = host(["--state=/run/f", "--root", "/var/f", "--address", B], [], [A, B])
    assert found == Places("/run/f", "/var/f", B) and host.asked == []


def test_the_configuration_comes_last(host):
    assert host([], [], []) == Places("/run/c", "/var/c", "/run/c.sock")
    assert host([], [METADATA], [A, A + ".ttrpc"]) == Places("/run/c", "/var/x", A)
    assert host.asked == [1]


def test_what_nobody_says_is_not_made_up(host):
    assert host(configured=USUAL) == Places(None, None, None)


def test_the_directory_that_containerd_makes_tells_the_state(host, tmp_path, monkeypatch):
    """Without a task and with a configuration that says nothing."""
    sock = str(tmp_path / "containerd.sock")
    assert host([], [METADATA], [sock], USUAL).state_dir is None
    (tmp_path / "io.containerd.runtime.v2.task").mkdir()
    assert host([], [METADATA], [sock], USUAL) == Places(str(tmp_path), "/var/x", sock)
    layout = Layout(("k.service",), str(tmp_path), "/var/k", "/run/k.sock")
    monkeypatch.setattr(daemon_paths, "LAYOUTS", {"k": layout})
    assert host([], [], ["/run/k.sock"], USUAL._replace(address="/run/k.sock")) == Places(
        str(tmp_path), "/var/k", "/run/k.sock"
    )


def test_a_name_through_a_link_is_the_place_it_leads_to(host, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    found = host(["--state", str(tmp_path / "link")], [], [], CONFIGURED._replace(root_dir=str(tmp_path / "link")))
    assert found[:2] == (str(tmp_path / "real"), str(tmp_path / "real"))


@pytest.mark.parametrize(
    "paths, named, expected",
    [
        ([A, A + ".ttrpc", "/run/nri.sock"], None, A),
        ([A, A + ".ttrpc", B], B, A),
        ([A, B], B, B),
        ([A, B], None, A),
        # Without a name that says so, one of them may be that for debugging.
        ([B], None, None),
        ([B], B, B),
        ([B, B + ".ttrpc", A, A + ".ttrpc"], B, B),
        ([B, B + ".ttrpc", A, A + ".ttrpc"], None, A),
        ([A + ".ttrpc"], None, None),
        ([], A, None),
    ],
)
def test_which_socket_is_that_of_grpc(paths, named, expected):
    assert grpc_socket(paths, named) == expected


def test_this_very_process(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as bound:
        listening.bind(str(tmp_path / "a.sock"))
        listening.listen(1)
        bound.bind(str(tmp_path / "b.sock"))
        found = daemon_paths.listens_on(os.getpid())
    assert str(tmp_path / "a.sock") in found and str(tmp_path / "b.sock") not in found
