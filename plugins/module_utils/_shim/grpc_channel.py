# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shims that serve the task API over gRPC: asked through grpcio where the node has it. Internal to the collection.

The only file that imports grpc. Source: grpcBridge@v1.7.34 and NewTaskClient@v2.1.9: v3 only, path
``/containerd.task.v3.Task/<Method>``, the address a plain path.
"""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from typing import Any, Deque, List, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._errors import DeadlineExceeded, ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._shim import allowed_calls
from ansible_collections.shimops.containerd.plugins.module_utils._shim.ttrpc_channel import Answer, HungUp


class GrpcMissing(ShimError):
    """The node has no grpcio, so a gRPC shim cannot be asked: that says nothing of the shim."""


class GrpcChannel:
    """A gRPC connection to a shim, to be used as a ttrpc Channel; raises GrpcMissing when the node has no grpcio."""

    versions = ("v3",)
    broken = False

    def __init__(self, endpoint: Endpoint):
        try:
            # Few hosts have such a shim, and the library takes longer to load than all else.
            import grpc
        except ImportError as error:
            raise GrpcMissing(
                "ask", endpoint.name, "is a gRPC shim and the node has no grpcio", "install python3-grpcio there"
            ) from error
        self._grpc = grpc
        self._subject = endpoint.name
        self._next_id = 1
        self._done: Deque[Tuple[int, Any]] = deque()
        # grpcio answers in a thread of its own; the pair makes that an event of a descriptor.
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self._channel = grpc.insecure_channel("unix:" + endpoint.name)

    def fileno(self) -> int:
        """The descriptor to wait on, for input, before receive_ready()."""
        return self._ours.fileno()

    def queue(self, service: str, method: str, payload: bytes, timeout_seconds: float, namespace: str) -> int:
        """Ask, without waiting; raises ShimError for what is never sent, DeadlineExceeded when no time is left."""
        allowed_calls.check(service, method, self._subject)
        if not timeout_seconds > 0:
            raise DeadlineExceeded("ask", self._subject, "was not asked {0}: no time was left".format(method))
        stream_id, self._next_id = self._next_id, self._next_id + 2
        invoke = self._channel.unary_unary("/{0}/{1}".format(service, method), None, None)
        asked = invoke.future(
            payload,
            timeout=timeout_seconds,
            metadata=(("containerd-namespace", namespace),),
            wait_for_ready=False,
        )
        asked.add_done_callback(lambda done: self._ended(stream_id, done))
        return stream_id

    def flush(self) -> None:
        """Nothing: grpcio has sent what was asked."""

    def receive_ready(self) -> List[Answer]:
        """The answers that are there, without waiting; raises HungUp when no process is behind the socket."""
        with contextlib.suppress(BlockingIOError):
            self._ours.recv(1 << 10)
        answers = []
        while self._done:
            stream_id, done = self._done.popleft()
            try:
                answers.append(Answer(stream_id, 0, "OK", "", done.result()))
            except self._grpc.RpcError as error:
                status = error.code()
                if status == self._grpc.StatusCode.UNAVAILABLE:
                    raise HungUp("ask", self._subject, "found no process behind the socket") from error
                # One that took too long is still awaited: the clock of whoever asked decides.
                if status != self._grpc.StatusCode.DEADLINE_EXCEEDED:
                    name = status.name.title().replace("_", "")
                    answers.append(Answer(stream_id, status.value[0], name, error.details() or "", b""))
        return answers

    def close(self) -> None:
        """Hang up."""
        self._channel.close()
        self._ours.close()
        self._theirs.close()

    def _ended(self, stream_id: int, done: Any) -> None:
        self._done.append((stream_id, done))
        with contextlib.suppress(OSError):
            self._theirs.send(b"x")
