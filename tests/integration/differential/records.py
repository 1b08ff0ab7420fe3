# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records in containerd's metadata that belong to no container: written through its own API."""

import grpc

from lab.errors import LabError
from lab.host import CONTAINERD_SOCKET


def write(host, release, containers, sandboxes):
    """Write container records (namespace, id, runtime) and sandbox records (namespace, id).

    containerd 1.6 has no sandbox store, so there they are left out.
    """
    with grpc.insecure_channel(
        f"unix:{host.path(CONTAINERD_SOCKET)}", options=[("grpc.default_authority", "localhost")]
    ) as channel:
        for namespace in {one[0] for one in (*containers, *sandboxes)}:
            # namespaces.v1.CreateNamespaceRequest{namespace=1{name=1}}
            _call(channel, "namespaces.v1.Namespaces/Create", namespace, _field(1, _text(1, namespace)))
        for namespace, identifier, runtime in containers:
            # containers.v1.CreateContainerRequest{container=1{id=1 runtime=4{name=1} spec=5{type_url=1}}}
            container = _text(1, identifier) + _field(4, _text(1, runtime)) + _field(5, _text(1, "differ/none"))
            _call(channel, "containers.v1.Containers/Create", namespace, _field(1, container))
        for namespace, identifier in sandboxes if release != "1.6" else ():
            # sandbox.v1.StoreCreateRequest{sandbox=1{sandbox_id=1 runtime=2{name=1}}}
            sandbox = _text(1, identifier) + _field(2, _text(1, "io.containerd.runc.v2"))
            _call(channel, "sandbox.v1.Store/Create", namespace, _field(1, sandbox))


def _call(channel, method, namespace, request):
    call = channel.unary_unary(f"/containerd.services.{method}")
    try:
        call(request, timeout=60, metadata=(("containerd-namespace", namespace),), wait_for_ready=True)
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.ALREADY_EXISTS:
            raise LabError(f"{method}: {error.details()}") from None


def _text(number, text):
    return _field(number, text.encode())


def _field(number, data):
    """A length-delimited protobuf field; nothing here is longer than 127 bytes."""
    assert len(data) < 128 and number < 16
    return bytes((number << 3 | 2, len(data))) + data
