# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A gRPC server on a real unix socket that serves task v3 as a test says. Needs grpcio."""

from __future__ import annotations

import os
import shutil
import tempfile
from concurrent import futures

import grpc

from ansible_collections.shimops.containerd.plugins.module_utils._shim import messages

SERVICE = "containerd.task.v3.Task"
_STATUS = {one.value[0]: one for one in grpc.StatusCode}


class GrpcShim(grpc.GenericRpcHandler):
    """A shim that knows the given methods; what it does not know is Unimplemented, as grpc answers it.

    ``answers`` has per method the fields of its response, a grpc.StatusCode to refuse with, or what takes the request's
    bytes and gives (code, words) to refuse or (0, fields).

    :param path: where to listen; default a fresh directory.
    """

    def __init__(self, path=None, **answers):
        self._answers = answers
        self._directory = None if path else tempfile.mkdtemp(prefix="grpc-shim-")
        self.path = path or os.path.join(self._directory, "s")
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), handlers=[self])
        self._server.add_insecure_port("unix:" + self.path)

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_error):
        self._server.stop(0).wait()
        if self._directory:
            shutil.rmtree(self._directory)

    def service(self, handler_call_details):
        """grpc's own hook: the handler of one call, or None when there is no such method."""
        service, method = handler_call_details.method.strip("/").split("/")
        if service != SERVICE or method not in self._answers:
            return None
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self._answer(method, request, context))

    def _answer(self, method, request, context):
        said = self._answers[method]
        if callable(said):
            code, said = said(request)
            if code:
                context.abort(_STATUS[code], said)
        if isinstance(said, grpc.StatusCode):
            context.abort(said, "as the test wants it")
        # The collection never asks for an answer without fields, so it has no message for it.
        return messages.encode(method + "Response", **said) if said else b""
