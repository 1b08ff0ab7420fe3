# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""live-restore: what dockerd says, what its file says, and what neither says; and its names of its containers."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._host import daemon_paths, dockerd, processes

ON, OFF = b'{"LiveRestoreEnabled": true}', b'{"LiveRestoreEnabled": false, "Containers": 3}'


def answer(body, status=b"200 OK"):
    return b"HTTP/1.0 " + status + b"\r\nContent-Type: application/json\r\n\r\n" + body


@contextlib.contextmanager
def serving(path, said):
    """A socket on which each connection gets that answer; None says nothing and stays open."""
    stop, asked = threading.Event(), []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(5)
        listener.settimeout(10)

        def serve():
            with contextlib.suppress(OSError):
                connection = listener.accept()[0]
                asked.append(connection.recv(4096))
                with connection:
                    if said is None:
                        stop.wait(20)
                    else:
                        connection.sendall(said)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield asked
        finally:
            stop.set()
            thread.join(10)


@pytest.fixture
def host(monkeypatch, tmp_path):
    """A host with one dockerd that listens on the sockets given, with these arguments; gives its live_restore()."""
    monkeypatch.setattr(dockerd, "SETTINGS", str(tmp_path / "daemon.json"))
    monkeypatch.setattr(processes, "named", lambda name: [os.getpid()] if name == "dockerd" else [])
    monkeypatch.setattr(processes, "executable", lambda pid: "/usr/sbin/dockerd")

    def ask(*sockets, arguments=(), seconds=10, ask=dockerd.live_restore):
        monkeypatch.setattr(processes, "arguments", lambda pid: ["dockerd", *arguments])
        monkeypatch.setattr(daemon_paths, "listens_on", lambda pid: [str(one) for one in sockets])
        return ask(Deadline(seconds))

    return ask


@pytest.mark.parametrize("body, now", [(ON, True), (OFF, False)])
def test_what_runs_says_it_itself(host, tmp_path, body, now):
    (tmp_path / "daemon.json").write_text('{"live-restore": true}')
    with serving(tmp_path / "docker.sock", answer(body)) as asked:
        assert host(tmp_path / "docker.sock") == (now, True, dockerd.SETTINGS)
    assert asked == [b"GET /info HTTP/1.0\r\nHost: docker\r\n\r\n"]


def test_its_other_sockets_are_tried_after_the_usual_one(host, tmp_path):
    with serving(tmp_path / "a.sock", answer(ON)) as other, serving(tmp_path / "docker.sock", answer(OFF)) as usual:
        assert host(tmp_path / "a.sock", tmp_path / "docker.sock").now is False
        assert usual and not other
    with serving(tmp_path / "b.sock", answer(b"{}")), serving(tmp_path / "c.sock", answer(ON)):
        assert host(tmp_path / "b.sock", tmp_path / "c.sock").now is True


HOSTILE = [
    b"",
    b"\x00\xff" * 1000,
    b"HTTP/1.0 200 OK",
    answer(b""),
    answer(b"nonsense"),
    answer(b"[]"),
    answer(b'{"LiveRestoreEnabled": "true"}'),
    answer(b'{"LiveRestoreEnabled": 1}'),
    answer(b"[" * 100000),
    answer(ON, b"403 Forbidden"),
    answer(b'{"LiveRestoreEnabled": true, "x": "' + b"y" * (9 << 20) + b'"}'),
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_hostile_answer_is_none(host, tmp_path, number):
    with serving(tmp_path / "docker.sock", HOSTILE[number]):
        assert host(tmp_path / "docker.sock").now is None


def container(identifier="5c2c", **fields):
    return {"Id": identifier, "Names": ["/web"], "Labels": {}, "Command": "secret", **fields}


COMPOSE = {"com.docker.compose.project": "shop", "com.docker.compose.service": "cart", "token": "secret"}


@pytest.mark.parametrize(
    "row, known",
    [
        (container(), {"name": "web"}),
        (container(Labels=COMPOSE), {"name": "web", "project": "shop", "service": "cart"}),
        (container(Names=["/web", "/other/alias"]), {"name": "web"}),
        (container(Names=[]), {}),
        (container(Names=None, Labels=None), {}),
        (container(Names=[7], Labels=[]), {}),
        # What could be mistaken for something else in a report stays on the host.
        (container(Names=["/web\n"]), {}),
        (container(Labels={"com.docker.compose.project": "x" * 129, "com.docker.compose.service": 7}), {"name": "web"}),
    ],
)
def test_names_of_its_containers(host, tmp_path, row, known):
    with serving(tmp_path / "docker.sock", answer(json.dumps([row, "nonsense"]).encode())) as asked:
        assert host(tmp_path / "docker.sock", ask=dockerd.names) == {"5c2c": known}
    assert asked == [b"GET /containers/json HTTP/1.0\r\nHost: docker\r\n\r\n"]


@pytest.mark.parametrize("said", [b"", answer(b"{}"), answer(b"null"), answer(b"[]", b"500 No"), answer(b"[" * 99999)])
def test_no_names_where_no_dockerd_says_them(host, tmp_path, said):
    with serving(tmp_path / "docker.sock", said):
        assert host(tmp_path / "docker.sock", ask=dockerd.names) == {}
    assert host(ask=dockerd.names) == {}


def test_a_socket_that_accepts_and_says_nothing_costs_its_time_once(host, tmp_path):
    began = time.monotonic()
    with serving(tmp_path / "docker.sock", None):
        assert host(tmp_path / "docker.sock", tmp_path / "gone.sock", seconds=0.3).now is None
    assert time.monotonic() - began < 5


def test_no_socket_is_none_and_no_dockerd_is_nothing(host, tmp_path, monkeypatch):
    assert host() == (None, False, dockerd.SETTINGS)
    assert host(tmp_path / "gone.sock").now is None
    monkeypatch.setattr(processes, "executable", lambda pid: "/usr/bin/dockerd-rootless.sh")
    assert host() is None
    monkeypatch.setattr(processes, "named", lambda name: [])
    assert host() is None


@pytest.mark.parametrize(
    "arguments, text, after",
    [
        ((), None, False),
        ((), '{"live-restore": true}', True),
        ((), '{"live-restore": false}', False),
        ((), "{}", False),
        # dockerd itself would not start with these.
        ((), '{"live-restore": "true"}', None),
        ((), "{", None),
        ((), "[]", None),
        ((), "[" * 100000, None),
        (("--live-restore",), None, True),
        (("--live-restore=true",), None, True),
        (("--live-restore=false",), '{"live-restore": true}', False),
        (("--config-file", "NAMED"), '{"live-restore": true}', True),
        (("--config-file=NAMED"), '{"live-restore": true}', True),
    ],
)
def test_its_next_start(host, tmp_path, arguments, text, after):
    words = [arguments] if isinstance(arguments, str) else arguments
    named = any("NAMED" in word for word in words)
    path = tmp_path / ("other.json" if named else "daemon.json")
    if text is not None:
        path.write_text(text)
    found = host(arguments=[word.replace("NAMED", str(path)) for word in words])
    assert (found.after, found.settings) == (after, str(path))


def test_of_several_the_worst_counts(host, monkeypatch):
    found = iter([dockerd.LiveRestore(True, None), dockerd.LiveRestore(None, True)])
    monkeypatch.setattr(processes, "named", lambda name: [os.getpid(), os.getpid()])
    monkeypatch.setattr(dockerd, "_of_process", lambda pid, deadline: next(found))
    assert host()[:2] == (None, None)
