# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shims that answer as a condition says; what it does not say is answered as the runc shim does.

A shim is described by a dictionary:

    serves   which services: "v2", "v3", "v2 v3", or "grpc" (task v3 over gRPC)
    says     per method what is answered instead: a status code, or one of the words of ODD
    manner   listens | deaf (never accepts) | hangs_up (closes what it accepts) | gone (its socket is there, it is not)
             | nothing (there is not even a socket)
    at       its socket: a path, or "@name" for an abstract one
"""

import contextlib
import os
import socket
import threading

import grpc_shim
import scripted_shim

from ansible_collections.shimops.containerd.plugins.module_utils._shim import messages

METHODS = ("Connect", "State", "Pids", "Delete", "Shutdown")
SERVICES = {"v2": scripted_shim.V2, "v3": scripted_shim.V3}
RUNNING_REFUSED = "cannot delete a running process"
UNKNOWN, NOT_FOUND = 2, 5
# A shim's clients are never so many; what comes after it is refused by the kernel.
BACKLOG = 128

ODD = {
    "silence": scripted_shim.silence(),
    "close": scripted_shim.close(),
    "huge": scripted_shim.huge(0xFFFFFFFF),
    "garbage": scripted_shim.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"\xff" * 64),
}


def alive(pid):
    """Whether that process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Shim:
    """One shim; ``tasks`` maps the ids it has to the pids of their init processes."""

    def __init__(self, reported, tasks):
        self.tasks = tasks
        self._reported = reported
        self._held = threading.Event()
        self._calls = []
        self._servers = []
        self._lock = threading.Lock()
        # Kept for as long as this process lives: its end ends the shims.
        self._kept = contextlib.ExitStack()
        self._start(reported["manner"], reported["at"])

    def calls(self):
        """The methods that were called, each with the id it was called for, in order."""
        with self._lock:
            return list(self._calls)

    def release(self):
        """Answer what was held back with ``held``; hang up on those who wait for an answer that they will not get."""
        self._held.set()
        if "held" not in self._reported["says"].values():
            for server in self._servers:
                for connection in list(server.connections):
                    connection.close()

    def _start(self, manner, place):
        if manner == "nothing":
            return
        if self._reported["serves"] == "grpc":
            answers = {method: self._over_grpc(method) for method in METHODS}
            self._kept.enter_context(grpc_shim.GrpcShim(place, **answers))
            return
        if manner == "listens":
            for each in [place] if isinstance(place, str) else place:
                shim = scripted_shim.ScriptedShim(_name(each))
                for version in self._reported["serves"].split():
                    for method in METHODS:
                        shim.on(SERVICES[version], method, self._answer)
                self._servers.append(self._kept.enter_context(shim))
            return
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(_name(place))
        self._kept.push(lambda *_: listener.close())
        if manner == "gone":
            listener.close()
            return
        listener.listen(BACKLOG)
        if manner == "hangs_up":
            threading.Thread(target=_hang_up, args=(listener,), daemon=True).start()

    def _note(self, method, identifier):
        with self._lock:
            self._calls.append([method, identifier])

    def _answer(self, connection, request):
        # Every request of the task service has the id in its first field.
        identifier = messages.decode("StateRequest", request.payload).id
        self._note(request.method, identifier)
        said = self._reported["says"].get(request.method)
        if said == "held":
            self._held.wait()
        elif isinstance(said, str) and said in ODD:
            ODD[said](connection, request)
            return
        answer = _reply(request.method, *self._of(request.method, identifier))
        if said == "drip":
            answer = scripted_shim.slowly(answer, 0.001)
        elif said == "other_stream":
            answer = scripted_shim.on_stream(request.stream_id + 100, answer)
        answer(connection, request)

    def _over_grpc(self, method):
        def answer(request):
            identifier = messages.decode("StateRequest", request).id
            self._note(method, identifier)
            return self._of(method, identifier)

        return answer

    def _of(self, method, identifier):
        """Status code, and the fields of the answer or the words of the refusal."""
        said = self._reported["says"].get(method)
        if isinstance(said, int):
            return said, f"{method} as described"
        if isinstance(said, dict):
            return 0, said
        pid = self.tasks.get(identifier, 0)
        runs = alive(pid)
        if method == "Connect":
            return 0, {"shim_pid": os.getpid(), "task_pid": pid}
        if method == "Shutdown":
            return 0, {}
        if not pid:
            return NOT_FOUND, f"no such task {identifier}"
        if method == "State":
            return 0, {"id": identifier, "pid": pid, "status": 2 if runs else 3}
        if method == "Pids":
            return 0, {"processes": [{"pid": pid}] if runs else []}
        return (UNKNOWN, RUNNING_REFUSED) if runs else (0, {})


def _reply(method, code, said):
    if code:
        return scripted_shim.status(code, said)
    # The collection never asks for an answer without fields, so it has no message for it.
    return scripted_shim.response(payload=messages.encode(f"{method}Response", **said) if said else b"")


def _name(place):
    return "\0" + place[1:] if place.startswith("@") else place


def _hang_up(listener):
    with contextlib.suppress(OSError):
        while True:
            listener.accept()[0].close()
