# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shims that serve the task API over gRPC: asked through grpcio where the node has it. Internal to the collection.

The only file that imports grpc. Source: grpcBridge@v1.7.34 and NewTaskClient@v2.1.9: v3 only, path
``/containerd.task.v3.Task/<Method>``, the address a plain path.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import DeadlineExceeded, ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._shim import allowed_calls

try:
    import grpc

    HAS_GRPC = True
except ImportError:
    HAS_GRPC = False


class GrpcMissing(ShimError):
    """The node has no grpcio, so a gRPC shim cannot be asked: that says nothing of the shim."""


class GrpcAnswer(NamedTuple):
    """The same fields as an answer over ttrpc."""

    code: int
    status_name: str
    message: str
    payload: bytes


class GrpcChannel:
    """A gRPC connection to a shim; raises GrpcMissing when the node has no grpcio."""

    versions = ("v3",)

    def __init__(self, endpoint: Endpoint):
        if not HAS_GRPC:
            raise GrpcMissing(
                "ask", endpoint.name, "is a gRPC shim and the node has no grpcio", "install python3-grpcio there"
            )
        self._subject = endpoint.name
        self._channel = grpc.insecure_channel("unix:" + endpoint.name)
        self._method = ""
        self._asked: Optional[grpc.CallFuture[bytes]] = None

    def call(self, service: str, method: str, request: bytes, deadline: Deadline, namespace: str) -> GrpcAnswer:
        """One unary call: send() and receive()."""
        self.send(service, method, request, deadline.remaining(), namespace)
        return self.receive(deadline)

    def send(self, service: str, method: str, payload: bytes, timeout_seconds: float, namespace: str) -> None:
        """Ask, without waiting for the answer; raises ShimError for what is never sent."""
        allowed_calls.check(service, method, self._subject)
        invoke = self._channel.unary_unary("/{0}/{1}".format(service, method), None, None)
        self._method = method
        self._asked = invoke.future(
            payload,
            timeout=timeout_seconds,
            metadata=(("containerd-namespace", namespace),),
            wait_for_ready=False,
        )

    def receive(self, deadline: Deadline) -> GrpcAnswer:
        """The answer to what was asked last; raises DeadlineExceeded when none came in time."""
        method = self._method
        if self._asked is None:
            raise ShimError("ask", self._subject, "has no open question to answer")
        try:
            payload = self._asked.result(timeout=deadline.remaining())
        except grpc.FutureTimeoutError as error:
            raise DeadlineExceeded("ask", method, "got no answer in time") from error
        except grpc.RpcError as error:
            status = error.code()
            if status == grpc.StatusCode.DEADLINE_EXCEEDED:
                raise DeadlineExceeded("ask", method, "got no answer in time") from error
            if status == grpc.StatusCode.UNAVAILABLE:
                raise ShimError("ask", method, "found no process behind the socket") from error
            return GrpcAnswer(status.value[0], status.name.title().replace("_", ""), error.details() or "", b"")
        return GrpcAnswer(0, "OK", "", payload)

    def close(self) -> None:
        """Hang up."""
        self._channel.close()
