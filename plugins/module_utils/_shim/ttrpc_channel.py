# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions and answers over one ttrpc connection. Internal to the collection: it can change at any time.

The peer is not trusted: whatever it sends ends in an Answer or a ShimError, in bounded time and memory. Nothing
blocks: whoever holds a channel waits for its descriptor.

Source: ``PROTOCOL.md``, ``client.go`` and ``channel.go`` of github.com/containerd/ttrpc v1.2.8.
"""

from __future__ import annotations

import functools
import os
import socket
from typing import Any, NamedTuple

from ansible_collections.shimops.containerd.plugins.module_utils._errors import DeadlineExceeded, ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._shim import (
    allowed_calls,
    messages,
    status,
    ttrpc_frame,
)

#: The metadata that carries containerd's namespace: ``namespaces.TTRPCHeader`` of containerd.
NAMESPACE_KEY = "containerd-namespace-ttrpc"

#: The most bytes read at once, and so the most that is held beyond the one frame that is being read.
_CHUNK = 1 << 16
#: The most bytes that wait for a peer that does not read.
_MAX_UNSENT = ttrpc_frame.HEADER_LENGTH + ttrpc_frame.MAX_DATA
# Streams only have to be odd and to grow (``server.go``). With gaps, what a shim answers to a wrong number is no answer
# to another question of ours.
_STEP = 64
_MAX_TIMEOUT = 2**63 - 1


class Answer(NamedTuple):
    """What a shim answered to one question.

    ``code`` is a google.rpc.Code and ``status_name`` its name, ``message`` the shim's own words. ``payload`` are
    the bytes of the response message, empty unless ``code`` is 0; no bytes are a message with all defaults.
    """

    stream_id: int
    code: int
    status_name: str
    message: str
    payload: bytes


class HungUp(ShimError):
    """The peer ended the connection."""


class Channel:
    """One ttrpc connection over a connected unix socket, on which both versions of the task service can be asked for.

    The socket is made non-blocking, and nothing here waits. Many questions may be open at once, and their answers come
    in any order. Once the peer has broken the protocol or the connection it is of no more use: answers that had arrived
    are still given out, then every call raises the same ShimError.

    :param sock: the socket.
    :param subject: what errors call the shim; default the address of the socket's other end.
    """

    versions = ("v3", "v2")

    def __init__(self, sock: socket.socket, subject: str | None = None) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._subject = subject or _address(sock)
        self._next_id = 1
        self._open: set[int] = set()
        self._arrived: list[Answer] = []
        self._unsent = bytearray()
        self._data = bytearray()
        self._header: ttrpc_frame.Header | None = None
        self._error: ShimError | None = None

    def fileno(self) -> int:
        """The descriptor to wait on, for input, before receive_ready()."""
        return self._sock.fileno()

    @property
    def broken(self) -> bool:
        """Whether the next call raises, once the answers that have arrived are given out."""
        return self._error is not None

    def queue(self, service: str, method: str, payload: bytes, timeout_seconds: float | None, namespace: str) -> int:
        """Write a question down for flush(); gives the stream id the answer will have: odd, and larger each time.

        :param payload: the bytes of the method's request message.
        :param timeout_seconds: how long the shim may take, sent with the request; None for no limit.
        :param namespace: containerd's namespace.
        :raises ShimError: when the question is not allowed, cannot be written, or the connection is broken.
        :raises DeadlineExceeded: when no time is left; a time-out of 0 would mean no limit.
        """
        allowed_calls.check(service, method, self._subject)
        if self._error is not None:
            raise self._error
        fields: dict[str, Any] = {"payload": payload}
        if timeout_seconds is not None:
            if not timeout_seconds > 0:
                raise DeadlineExceeded("ask", self._subject, f"was not asked {method}: no time was left")
            fields["timeout_nano"] = int(min(max(1, timeout_seconds * 1e9), _MAX_TIMEOUT))
        # Messages in a row are read as one that has the fields of all.
        head, metadata = _in_common(service, method, namespace)
        request = head + messages.encode("Request", **fields) + metadata
        data = ttrpc_frame.pack(self._next_id, ttrpc_frame.REQUEST, request, subject=self._subject)
        if len(self._unsent) + len(data) > _MAX_UNSENT:
            raise ShimError("ask", self._subject, "does not read what it is sent")
        stream_id, self._next_id = self._next_id, self._next_id + _STEP
        self._open.add(stream_id)
        self._unsent += data
        return stream_id

    def flush(self) -> None:
        """Send what the peer takes now of what was asked; receive_ready() sends the rest."""
        while self._unsent and self._error is None:
            try:
                sent = self._sock.send(self._unsent, socket.MSG_NOSIGNAL)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                # What the peer said before it closed is still worth reading; reading finds the end as well.
                if not self._read() and self._error is None:
                    self._break(f"was not sent a question: {error.strerror}")
                return
            del self._unsent[:sent]

    def receive_ready(self) -> list[Answer]:
        """The answers that are there, without waiting: often none. For use when fileno() is ready to be read.

        :raises ShimError: when there are none and the peer broke the protocol or the connection.
        """
        while self._error is None and self._read():
            pass
        if self._error is not None and not self._arrived:
            raise self._error
        self.flush()
        answers, self._arrived = self._arrived, []
        return answers

    def close(self) -> None:
        """Hang up."""
        self._sock.close()

    def _read(self) -> bool:
        """Take in one chunk and use the frames it completes; False when there is nothing more now, or ever."""
        try:
            data = self._sock.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            return self._break(f"broke the connection: {error.strerror}")
        if not data:
            within = self._header is not None or self._data
            return self._break("closed the connection {}".format("within a frame" if within else "without an answer"))
        self._data += data
        try:
            while self._take_frame():
                pass
        except ShimError as error:
            self._error = error
        # Less than was asked for: there is nothing more now, or the end, which the descriptor says again.
        return self._error is None and len(data) == _CHUNK

    def _break(self, problem: str) -> bool:
        self._error = HungUp("ask", self._subject, problem)
        return False

    def _take_frame(self) -> bool:
        """Use one whole frame of what has been read; False when there is none. Headers are judged as soon as read."""
        if self._header is None:
            if len(self._data) < ttrpc_frame.HEADER_LENGTH:
                return False
            self._header = self._checked(
                ttrpc_frame.unpack_header(bytes(self._data[: ttrpc_frame.HEADER_LENGTH]), self._subject)
            )
            del self._data[: ttrpc_frame.HEADER_LENGTH]
        stream_id, length = self._header.stream_id, self._header.length
        if len(self._data) < length:
            return False
        answer = self._answer(stream_id, bytes(self._data[:length]))
        del self._data[:length]
        self._header = None
        self._open.remove(stream_id)
        self._arrived.append(answer)
        return True

    def _checked(self, header: ttrpc_frame.Header) -> ttrpc_frame.Header:
        """The header, when a response to an open question follows it. containerd's client skips others with a log."""
        if header.kind != ttrpc_frame.RESPONSE:
            problem = f"sent a frame of type {header.kind} where only a response ({ttrpc_frame.RESPONSE}) can be"
            raise ShimError("ask", self._subject, problem)
        if header.stream_id not in self._open:
            raise ShimError("ask", self._subject, f"answered stream {header.stream_id}, which was not asked")
        return header

    def _answer(self, stream_id: int, data: bytes) -> Answer:
        """What a Response says. Absent status and code 0 both mean OK: ``client.go`` asks for no more."""
        try:
            response = messages.decode("Response", data)
        except ShimError as error:
            raise ShimError("ask", self._subject, f"sent a response that {error.problem}") from error
        code = response.status.code
        payload = response.payload if code == status.OK else b""
        return Answer(stream_id, code, status.code_name(code), response.status.message, payload)


@functools.lru_cache(maxsize=64)
def _in_common(service: str, method: str, namespace: str) -> tuple[bytes, bytes]:
    """The beginning and the end of a question, which are the same for many shims."""
    metadata = [{"key": NAMESPACE_KEY, "value": namespace}]
    return messages.encode("Request", service=service, method=method), messages.encode("Request", metadata=metadata)


def _address(sock: socket.socket) -> str:
    """The address of a socket's other end, for people: an abstract name begins with ``@``."""
    try:
        name = sock.getpeername()
    except OSError:
        return "a shim"
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    return name.replace("\0", "@") or "a shim"
