# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A ttrpc server on a real unix socket that answers as a test says, well or badly.

    with ScriptedShim() as shim:
        shim.on(V3, "Connect", status(12, "service containerd.task.v3.Task"))
        shim.on(V2, "Connect", ok("ConnectResponse", shim_pid=7, task_pid=8))
        wait = shim.hold(V2, "Wait", ok("WaitResponse", exit_status=7))
        ... connect to shim.path and ask ...
        wait.release()
        assert [request.method for request in shim.requests] == ["Connect", "Connect", "Wait"]

It shares no code with the channel but the messages: a mistake in one is not made twice. What was not scripted is
answered as a shim written in Go does: Unimplemented, with the service's or the method's name.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import tempfile
import threading
from typing import Callable, NamedTuple

from ansible_collections.shimops.containerd.plugins.module_utils._shim import messages

V2 = "containerd.task.v2.Task"
V3 = "containerd.task.v3.Task"

_RESPONSE = 2


class Request(NamedTuple):
    """One request the shim got. ``connection`` counts from 0, ``timeout_nano`` is 0 when there was none."""

    connection: int
    stream_id: int
    kind: int
    flags: int
    service: str
    method: str
    payload: bytes
    timeout_nano: int
    metadata: dict[str, str]


class Connection:
    """What an answer can do to the asker: send bytes, or end the connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.over = threading.Event()
        self._lock = threading.Lock()

    def send(self, data: bytes) -> None:
        """Send bytes, whole; an asker that has gone is no error."""
        with self._lock, contextlib.suppress(OSError):
            self.sock.sendall(data)

    def close(self) -> None:
        """End the connection both ways."""
        self.over.set()
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)


#: What is done with one request.
Answer = Callable[[Connection, Request], None]


def frame(stream_id: int, data: bytes, kind: int = _RESPONSE, flags: int = 0, length: int | None = None) -> bytes:
    """The bytes of a frame, whose header may lie about the length of its data."""
    return struct.pack(">IIBB", len(data) if length is None else length, stream_id, kind, flags) + data


def ok(name: str, **fields: object) -> Answer:
    """Success, with that message."""
    return response(payload=messages.encode(name, **fields))


def status(code: int, message: str = "") -> Answer:
    """That google.rpc.Code, with that message."""
    return response(status={"code": code, "message": message})


def response(**fields: object) -> Answer:
    """A Response with those fields and no others."""
    data = messages.encode("Response", **fields)
    return lambda connection, request: connection.send(frame(request.stream_id, data))


def raw(data: bytes) -> Answer:
    """Those bytes, whatever they are."""
    return lambda connection, request: connection.send(data)


def silence() -> Answer:
    """Nothing, ever."""
    return lambda connection, request: None


def close() -> Answer:
    """The end of the connection."""
    return lambda connection, request: connection.close()


def huge(length: int) -> Answer:
    """A response's header that announces that many bytes, and none of them."""
    return lambda connection, request: connection.send(frame(request.stream_id, b"", length=length))


def stream_data(data: bytes = b"") -> Answer:
    """A frame of type Data, which belongs to streams and is no answer to a unary call."""
    return lambda connection, request: connection.send(frame(request.stream_id, data, kind=3))


def on_stream(stream_id: int, answer: Answer) -> Answer:
    """That answer, given to another stream."""
    return lambda connection, request: answer(connection, request._replace(stream_id=stream_id))


def slowly(answer: Answer, pause: float, stop_after: int | None = None) -> Answer:
    """That answer a byte at a time, with so many seconds before each; then, if wanted, no more of it."""

    def drip(connection: Connection, request: Request) -> None:
        whole = _Collected()
        answer(whole, request)
        for byte in whole.data[:stop_after]:
            if connection.over.wait(pause):
                return
            connection.send(bytes((byte,)))

    return drip


def partly(answer: Answer, count: int) -> Answer:
    """The first so many bytes of that answer, at once."""

    def cut(connection: Connection, request: Request) -> None:
        whole = _Collected()
        answer(whole, request)
        connection.send(whole.data[:count])

    return cut


def both(*answers: Answer) -> Answer:
    """Those answers, one after the other."""

    def act(connection: Connection, request: Request) -> None:
        for answer in answers:
            answer(connection, request)

    return act


class _Collected:
    """Stands in for a connection to learn what an answer would send."""

    def __init__(self) -> None:
        self.data = b""

    def send(self, data: bytes) -> None:
        self.data += data


class Held:
    """An answer that waits for the test: as a shim's Wait does for the end of its task."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._asked = threading.Semaphore(0)
        self._waiting: list[tuple[Connection, Request]] = []

    def __call__(self, connection: Connection, request: Request) -> None:
        self._waiting.append((connection, request))
        self._asked.release()

    def release(self, timeout: float = 10.0) -> None:
        """Give the answer to the one who has waited longest; wait for the question first."""
        assert self._asked.acquire(timeout=timeout), "nobody asked"
        self._answer(*self._waiting.pop(0))


class ScriptedShim:
    """The server. Use it as a context manager; ``path`` is its socket, ``requests`` what it was asked, in order.

    :param path: where to listen; default a fresh directory, short enough for a socket's address.
    """

    def __init__(self, path: str | None = None) -> None:
        self._directory = None
        if path is None:
            self._directory = tempfile.mkdtemp(prefix="shim")
            path = os.path.join(self._directory, "s")
        self.path = path
        self.requests: list[Request] = []
        self.connections: list[Connection] = []
        self._answers: dict[str, dict[str, list[Answer]]] = {}
        self._threads: list[threading.Thread] = []
        self._stopping = False
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def on(self, service: str, method: str, *answers: Answer) -> None:
        """Answer that method so: each answer once, in that order, the last one for ever."""
        self._answers.setdefault(service, {})[method] = list(answers)

    def hold(self, service: str, method: str, answer: Answer) -> Held:
        """Answer that method so, but only when the test releases it."""
        held = Held(answer)
        self.on(service, method, held)
        return held

    def connect(self) -> socket.socket:
        """A new connection to it, blocking; the test closes it."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(self.path)
        return sock

    def __enter__(self) -> ScriptedShim:
        self._listener.bind(self.path)
        self._listener.listen(128)
        self._start(self._accept)
        return self

    def __exit__(self, *_details: object) -> None:
        self._stopping = True
        # A shutdown wakes the thread in accept(), a close does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        for connection in list(self.connections):
            connection.close()
        for thread in list(self._threads):
            thread.join(10)
            assert not thread.is_alive(), "a thread of the scripted shim does not end"
        for connection in self.connections:
            connection.sock.close()
        self._listener.close()
        with contextlib.suppress(OSError):
            os.unlink(self.path)
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping:
            try:
                sock, _address = self._listener.accept()
            except OSError:
                return
            connection = Connection(sock)
            self.connections.append(connection)
            if self._stopping:
                connection.close()
            self._start(self._serve, connection, len(self.connections) - 1)

    def _serve(self, connection: Connection, number: int) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                length, stream_id, kind, flags = struct.unpack(">IIBB", _exactly(connection.sock, 10))
                asked = messages.decode("Request", _exactly(connection.sock, length))
                metadata = {pair.key: pair.value for pair in asked.metadata}
                request = Request(
                    number,
                    stream_id,
                    kind,
                    flags,
                    asked.service,
                    asked.method,
                    asked.payload,
                    asked.timeout_nano,
                    metadata,
                )
                self.requests.append(request)
                self._answer_to(request)(connection, request)
        connection.close()

    def _answer_to(self, request: Request) -> Answer:
        methods = self._answers.get(request.service)
        if methods is None:
            return status(12, f"service {request.service}")
        answers = methods.get(request.method)
        if not answers:
            return status(12, f"method {request.method}")
        return answers.pop(0) if len(answers) > 1 else answers[0]


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data
