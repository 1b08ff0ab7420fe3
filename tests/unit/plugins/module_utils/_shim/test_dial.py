# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From endpoints to sockets, with real ones."""

from __future__ import annotations

import socket

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._shim import dial as stage
from ansible_collections.shimops.containerd.plugins.module_utils._shim.dial import NotConnected, dial
from ansible_collections.shimops.containerd.tests.unit.support.scripted_shim import ScriptedShim


def unix(path):
    return Endpoint("unix", str(path), "ttrpc")


def refused(endpoint):
    with pytest.raises(NotConnected) as caught:
        dial(endpoint)
    assert isinstance(caught.value, ShimError) and caught.value.stage == "dial"
    assert caught.value.subject == endpoint.name and caught.value.reason
    return caught.value.rule


@pytest.fixture
def folder():
    """A directory whose path is short enough for sockets in it."""
    with ScriptedShim() as shim:
        yield shim.path[:-1]


def test_a_listening_shim_is_reached():
    with ScriptedShim() as shim:
        connection = dial(unix(shim.path))
        assert connection.getpeername() == shim.path
        connection.close()


def test_an_abstract_name_is_dialled_without_a_file():
    name = "shimops-test-abstract-{0}".format(id(object()))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind("\0" + name)
        listener.listen(1)
        dial(Endpoint("abstract", name, "ttrpc")).close()
        assert refused(Endpoint("abstract", name + "x", "ttrpc")) == "D2"
        # The kernel counts a trailing NUL as a part of the name.
        assert refused(Endpoint("abstract", name + "\0", "ttrpc")) == "D2"


def test_a_missing_file_is_row_d1(folder):
    assert refused(unix(folder + "gone")) == "D1"


def test_a_socket_without_a_listener_is_row_d2(folder):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(folder + "dead")
    assert refused(unix(folder + "dead")) == "D2"


def test_a_plain_file_is_row_d2(folder):
    # connect(2) refuses what is no socket.
    with open(folder + "file", "w"):
        pass
    assert refused(unix(folder + "file")) == "D2"


def test_a_full_backlog_is_row_d4(folder):
    full = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(folder + "full")
        listener.listen(0)
        # Nobody accepts: one connection waits, and there is no room for more.
        try:
            while True:
                waiting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                full.append(waiting)
                waiting.setblocking(False)
                waiting.connect(folder + "full")
        except BlockingIOError:
            pass
        with pytest.raises(NotConnected) as caught:
            dial(unix(folder + "full"))
        assert caught.value.rule == "D4"
    for waiting in full:
        waiting.close()


def test_a_path_below_a_file_is_row_d5(folder):
    with open(folder + "file", "w"):
        pass
    assert refused(unix(folder + "file/s")) == "D5"


def test_nothing_is_left_open_when_it_fails(folder, monkeypatch):
    made = []

    def remember(*arguments):
        made.append(socket.socket(*arguments))
        return made[-1]

    monkeypatch.setattr(
        stage,
        "socket",
        type(
            "Sockets",
            (),
            {"socket": staticmethod(remember), "AF_UNIX": socket.AF_UNIX, "SOCK_STREAM": socket.SOCK_STREAM},
        ),
    )
    assert refused(unix(folder + "gone")) == "D1"
    assert [one.fileno() for one in made] == [-1]
