# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes of hosts on paper: cases, shims, sockets, lists, for the tests of what an audit finds."""

from __future__ import annotations

import socket

from ansible_collections.shimops.containerd.plugins.module_utils._audit.inventory import Inventory, _serving
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import read
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.scan import scan
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host.layouts import TASK_DIRECTORY
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._host.shim_processes import ShimProcess
from ansible_collections.shimops.containerd.plugins.module_utils._host.unix_sockets import (
    ESTABLISHED,
    LISTENING,
    UnixSocket,
    UnixSockets,
)
from ansible_collections.shimops.containerd.tests.unit.support.observations import SHIM, a_daemon

NOBODY = 2**22 - 7


def a_shim(identifier, pid=411, sockets=(), code="current", namespace="default"):
    """A shim process; its pid is nobody's."""
    return ShimProcess(Process(pid, 99), namespace, identifier, SHIM, code, tuple(sockets))


def a_host(tmp_path, shims=(), tasks=None, connections=(), children=None, listeners=(), answers=None, live=()):
    """A scene over real directories below ``tmp_path``: its bundles are those that stand in its state directory.

    :param tasks: the ids that containerd lists in the namespace default; None when it does not answer.
    :param connections: paths that containerd holds a connection to, each as often as it does.
    :param listeners: paths of socket files somebody listens on.
    :param answers: by id, what the shim said.
    :param live: the ids whose init process lives.
    """
    state = tmp_path / "state"
    (state / TASK_DIRECTORY).mkdir(parents=True, exist_ok=True)
    daemon = a_daemon(state_dir=str(state), root_dir=str(tmp_path / "root"), address=str(state / "containerd.sock"))
    observations = []
    for entry in scan(str(state)):
        bundle = read(entry) if entry.kind == "bundle" else None
        if bundle and entry.id in live:
            bundle = bundle._replace(init=Process(1, 1))
        said = (answers or {}).get(entry.id)
        observations.append(Observation(entry, bundle, True, True, False, {"asked": said} if said else {}))
    rows = {}
    for number, path in enumerate(listeners):
        rows[number] = UnixSocket(number, socket.SOCK_STREAM, LISTENING, str(path), None, path.stat().st_ino)
    for number, path in enumerate(connections, 1000):
        rows[number] = UnixSocket(number, socket.SOCK_STREAM, ESTABLISHED, str(path), 1, None)
    held = {str(path): list(map(str, connections)).count(str(path)) for path in connections}
    listed = {"default": None if tasks is None else dict.fromkeys(tasks)}
    return Inventory(
        daemon,
        observations,
        list(shims),
        UnixSockets(rows),
        listed,
        held,
        children or {},
        _serving(observations, list(shims)),
    )


def a_place(tmp_path, identifier, files=None, namespace="default"):
    """A bundle directory with these files."""
    place = tmp_path / "state" / TASK_DIRECTORY / namespace / identifier
    place.mkdir(parents=True)
    for name, text in (files or {"shim-binary-path": SHIM}).items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text)
    return place


def a_socket(path):
    """A socket file that nobody listens on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))
    return path
