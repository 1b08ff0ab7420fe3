# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions and answers over one ttrpc connection. Internal to the collection: it can change at any time.

The peer is not trusted: whatever it sends or does not send ends in an Answer, a ShimError or a DeadlineExceeded,
in bounded time and memory. Nothing blocks but a wait for an answer, and that no longer than its deadline.

Source: ``PROTOCOL.md``, ``client.go`` and ``channel.go`` of github.com/containerd/ttrpc v1.2.8.
"""

from __future__ import annotations

import os
import select
import socket
from typing import Dict, List, NamedTuple, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import DeadlineExceeded, ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._ttrpc import allowed, frame, messages, status

#: The metadata that carries containerd's namespace: ``namespaces.TTRPCHeader`` of containerd.
NAMESPACE_KEY = "containerd-namespace-ttrpc"

#: The most bytes asked of the kernel at once, and so the most that is held beyond what the peer has really sent.
_CHUNK = 1 << 16
#: The most bytes that wait for a peer that does not read.
_MAX_UNSENT = frame.HEADER_LENGTH + frame.MAX_DATA
_MAX_TIMEOUT = 2**63 - 1
_RAISE_IT = "raise shim_timeout if this shim is only slow"


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


class Channel:
    """One ttrpc connection over a connected unix socket. Whoever made the socket closes it.

    The socket is made non-blocking. Many questions may be open at once, and their answers come in any order. After
    the first ShimError that is not a DeadlineExceeded the connection is of no more use: answers that had arrived
    are still given out, then every call raises that error again.

    :param sock: the socket.
    :param subject: what errors call the shim; default the address of the socket's other end.
    """

    def __init__(self, sock: socket.socket, subject: Optional[str] = None) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._subject = subject or _address(sock)
        self._next_id = 1
        self._open = {}  # type: Dict[int, str]
        self._abandoned = set()
        self._arrived = []  # type: List[Answer]
        self._unsent = bytearray()
        self._data = bytearray()
        self._header = None  # type: Optional[frame.Header]
        self._error = None  # type: Optional[ShimError]

    def fileno(self) -> int:
        """The descriptor to wait on, for input, before receive_ready()."""
        return self._sock.fileno()

    def send(self, service: str, method: str, payload: bytes, timeout_seconds: Optional[float], namespace: str) -> int:
        """Ask, without waiting for anything; gives the stream id the answer will have: 1, 3, 5 and so on.

        :param payload: the bytes of the method's request message.
        :param timeout_seconds: how long the shim may take, told to it; None for as long as it likes.
        :param namespace: containerd's namespace.
        :raises ShimError: when the question is not allowed, cannot be written, or the connection is broken.
        :raises DeadlineExceeded: when no time is left to tell; a time-out of 0 would mean none.
        """
        allowed.check(service, method, self._subject)
        if self._error is not None:
            raise self._error
        fields = {"service": service, "method": method, "payload": payload}
        if timeout_seconds is not None:
            if not timeout_seconds > 0:
                raise DeadlineExceeded("ask", self._subject, "was not asked {0}: no time was left".format(method))
            fields["timeout_nano"] = int(min(max(1, timeout_seconds * 1e9), _MAX_TIMEOUT))
        fields["metadata"] = [{"key": NAMESPACE_KEY, "value": namespace}]
        data = frame.pack(self._next_id, frame.REQUEST, messages.encode("Request", **fields), subject=self._subject)
        if len(self._unsent) + len(data) > _MAX_UNSENT:
            raise ShimError("ask", self._subject, "does not read what it is sent")
        stream_id, self._next_id = self._next_id, self._next_id + 2
        self._open[stream_id] = method
        self._unsent += data
        self._flush()
        return stream_id

    def receive(self, deadline: Deadline) -> Answer:
        """The next answer, of whatever stream.

        :raises ShimError: when no question is open, or the peer broke the protocol or the connection.
        :raises DeadlineExceeded: when no whole answer came in time; the question stays open.
        """
        while not self._arrived:
            self._expect()
            self._wait(deadline)
        return self._arrived.pop(0)

    def receive_ready(self) -> List[Answer]:
        """The answers that are there, without waiting: often none. For use when fileno() is ready to be read.

        :raises ShimError: when there are none and the peer broke the protocol or the connection.
        """
        while self._error is None and self._read():
            pass
        if self._error is not None and not self._arrived:
            raise self._error
        self._flush()
        answers, self._arrived = self._arrived, []
        return answers

    def call(self, service: str, method: str, payload: bytes, deadline: Deadline, namespace: str) -> Answer:
        """Ask and wait for the answer to that question; other answers that come meanwhile are kept for receive().

        The shim is told the time that is left. Parameters and errors are those of send() and receive(), but after
        DeadlineExceeded the question is given up: an answer that still comes is read and dropped.
        """
        stream_id = self.send(service, method, payload, deadline.remaining(), namespace)
        try:
            while stream_id in self._open:
                self._expect()
                self._wait(deadline)
        except DeadlineExceeded:
            self._abandoned.add(stream_id)
            raise
        mine = next(answer for answer in self._arrived if answer.stream_id == stream_id)
        self._arrived.remove(mine)
        return mine

    def _expect(self) -> None:
        """Raise unless the peer can still answer something."""
        if self._error is not None:
            raise self._error
        if not self._open.keys() - self._abandoned:
            raise ShimError("ask", self._subject, "has no open question to answer")

    def _wait(self, deadline: Deadline) -> None:
        """Read once, or wait until that is possible. A peer that sends a byte at a time wins no time by it."""
        self._flush()
        if self._read() or self._error is not None:
            if not self._arrived and self._error is None:
                self._check(deadline)
            return
        self._check(deadline)
        poll = select.poll()
        poll.register(self._sock, select.POLLIN | (select.POLLOUT if self._unsent else 0))
        # Rounded up: less than a millisecond left is a wait, not a busy loop.
        poll.poll(min(int(deadline.remaining() * 1000) + 1, 1 << 30))

    def _check(self, deadline: Deadline) -> None:
        if not deadline.expired():
            return
        methods = ", ".join(sorted({self._open[one] for one in self._open.keys() - self._abandoned}))
        problem = "did not answer {0} in time".format(methods)
        if self._header is not None or self._data:
            problem += ", but sent a part of a frame"
        raise DeadlineExceeded("ask", self._subject, problem, _RAISE_IT)

    def _flush(self) -> None:
        """Send what the peer takes now."""
        while self._unsent and self._error is None:
            try:
                sent = self._sock.send(self._unsent, socket.MSG_NOSIGNAL)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                # What the peer said before it closed is still worth reading; reading finds the end as well.
                del self._unsent[:]
                if not self._read():
                    self._break("was not sent a question: {0}".format(os.strerror(error.errno or 0)))
                return
            del self._unsent[:sent]

    def _read(self) -> bool:
        """Take in at most one chunk of the current frame; False when the peer has sent nothing more, or broke."""
        wanted = frame.HEADER_LENGTH if self._header is None else self._header.length
        try:
            data = self._sock.recv(min(wanted - len(self._data), _CHUNK))
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            return self._break("broke the connection: {0}".format(os.strerror(error.errno or 0)))
        if not data:
            within = self._header is not None or self._data
            return self._break("closed the connection {0}".format("within a frame" if within else "without an answer"))
        self._data += data
        if len(self._data) == wanted:
            try:
                self._complete()
            except ShimError as error:
                self._error = error
                return False
        return True

    def _break(self, problem: str) -> bool:
        self._error = ShimError("ask", self._subject, problem)
        return False

    def _complete(self) -> None:
        """Use a whole header or a whole frame."""
        if self._header is None:
            self._header = self._checked(frame.unpack_header(bytes(self._data), self._subject))
            self._data = bytearray()
            if self._header.length:
                return
        header, data = self._header, bytes(self._data)
        self._header, self._data = None, bytearray()
        answer = self._answer(header.stream_id, data)
        del self._open[header.stream_id]
        if header.stream_id in self._abandoned:
            self._abandoned.remove(header.stream_id)
        else:
            self._arrived.append(answer)

    def _checked(self, header: frame.Header) -> frame.Header:
        """The header, when a response to an open question follows it. containerd's client skips others with a log."""
        if header.kind != frame.RESPONSE:
            problem = "sent a frame of type {0} where only a response ({1}) can be".format(header.kind, frame.RESPONSE)
            raise ShimError("ask", self._subject, problem)
        if header.stream_id not in self._open:
            raise ShimError("ask", self._subject, "answered stream {0}, which nobody asked".format(header.stream_id))
        return header

    def _answer(self, stream_id: int, data: bytes) -> Answer:
        """What a Response says. Absent status and code 0 both mean OK: ``client.go`` asks for no more."""
        try:
            response = messages.decode("Response", data)
        except ShimError as error:
            raise ShimError("ask", self._subject, "sent a response that {0}".format(error.problem)) from error
        code = response.status.code
        payload = response.payload if code == status.OK else b""
        return Answer(stream_id, code, status.code_name(code), response.status.message, payload)


def _address(sock: socket.socket) -> str:
    """The address of a socket's other end, for people: an abstract name begins with ``@``."""
    try:
        name = sock.getpeername()
    except OSError:
        return "a shim"
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    return name.replace("\0", "@") or "a shim"
