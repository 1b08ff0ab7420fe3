# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gRPC client of a host's containerd: pods through the CRI, tasks through containerd's own API."""

import importlib.util
import time
from dataclasses import dataclass

from lab import recipe
from lab.errors import LabError
from lab.host import CONTAINERD_SOCKET
from lab.messages import message

CRI_NAMESPACE = "k8s.io"
STATES = ("created", "running", "exited", "unknown")
# Values of the CRI: the pod shares the host's network, so that no CNI is needed; its processes are its own.
NODE, CONTAINER = 2, 1


def check_client():
    """Raise LabError if the Python packages that a gRPC client needs are not there."""
    for name, package in (("grpc", "grpcio"), ("google.protobuf", "protobuf")):
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise LabError(
                f"Pods need the Python packages grpcio and protobuf, and {package} is not installed here: "
                "install them, or do without pods (--pods 0)."
            )


@dataclass(frozen=True)
class CriContainer:
    """A container as the CRI lists it."""

    id: str
    sandbox: str
    name: str
    state: str


@dataclass(frozen=True)
class CriPod:
    """A pod as the CRI lists it."""

    id: str
    name: str
    namespace: str
    uid: str
    ready: bool


class Client:
    """An open connection to the containerd of one host; a context manager."""

    def __init__(self, host, timeout=30, socket=CONTAINERD_SOCKET):
        check_client()
        import grpc

        self._errors = grpc.RpcError
        self._timeout = timeout
        # containerd refuses the authority that is made of a socket's path.
        self._channel = grpc.insecure_channel(
            f"unix:{host.path(socket)}", options=[("grpc.default_authority", "localhost")]
        )

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._channel.close()

    def _call(self, package, method, request, answer, metadata=()):
        call = self._channel.unary_unary(
            method,
            request_serializer=type(request).SerializeToString,
            response_deserializer=message(package, answer).FromString,
        )
        try:
            return call(request, timeout=self._timeout, metadata=metadata, wait_for_ready=True)
        except self._errors as error:
            raise LabError(f"{method.rpartition('/')[2]}: {error.details() or error.code()}") from None

    def _cri(self, method, request, answer="Empty", service="RuntimeService"):
        return self._call("cri", f"/runtime.v1.{service}/{method}", request, answer)

    def _containerd(self, method, request, answer, namespace):
        metadata = (("containerd-namespace", namespace),)
        return self._call("containerd", f"/containerd.services.{method}", request, answer, metadata)

    def await_image(self, patience=30):
        """Wait until the CRI knows the image of the pods: it learns of an import by an event, a moment later."""
        request = message("cri", "ImageStatusRequest")()
        request.image.image = recipe.IMAGE
        deadline = time.monotonic() + patience
        while not self._cri("ImageStatus", request, "ImageStatusResponse", "ImageService").HasField("image"):
            if time.monotonic() > deadline:
                raise LabError(f"The CRI does not know {recipe.IMAGE} {patience} s after its import.")
            time.sleep(0.05)

    def run_sandbox(self, config):
        """Start a pod's sandbox; its id."""
        request = message("cri", "RunPodSandboxRequest")(config=config)
        return self._cri("RunPodSandbox", request, "RunPodSandboxResponse").pod_sandbox_id

    def create_container(self, sandbox, config, name, command):
        """Create a container in a sandbox without starting it; its id. Its log is NAME.log where the pod has logs."""
        container = message("cri", "ContainerConfig")()
        container.metadata.name = name
        container.image.image = recipe.IMAGE
        container.command.extend(command)
        container.log_path = f"{name}.log" if config.log_directory else ""
        container.linux.security_context.namespace_options.CopyFrom(_namespaces())
        for key, value in (("io.kubernetes.container.name", name), ("io.kubernetes.pod.name", config.metadata.name)):
            container.labels.add(key=key, value=value)
        request = message("cri", "CreateContainerRequest")(
            pod_sandbox_id=sandbox, config=container, sandbox_config=config
        )
        return self._cri("CreateContainer", request, "CreateContainerResponse").container_id

    def start_container(self, container):
        """Start a created container."""
        self._cri("StartContainer", message("cri", "ContainerRequest")(container_id=container))

    def remove_container(self, container):
        """Delete a container, as the kubelet would; a running one is killed."""
        self._cri("RemoveContainer", message("cri", "ContainerRequest")(container_id=container))

    def remove_pod(self, sandbox):
        """Stop and delete a pod with all that is in it."""
        request = message("cri", "PodRequest")(pod_sandbox_id=sandbox)
        self._cri("StopPodSandbox", request)
        self._cri("RemovePodSandbox", request)

    def containers(self):
        """All containers the CRI knows, whatever their state."""
        listed = self._cri("ListContainers", message("cri", "Empty")(), "ListContainersResponse").containers
        return [CriContainer(c.id, c.pod_sandbox_id, c.metadata.name, STATES[c.state]) for c in listed]

    def pods(self):
        """All pods the CRI knows."""
        listed = self._cri("ListPodSandbox", message("cri", "Empty")(), "ListPodSandboxResponse").items
        return [CriPod(p.id, p.metadata.name, p.metadata.namespace, p.metadata.uid, p.state == 0) for p in listed]

    def create_task(self, container, namespace=CRI_NAMESPACE, snapshotter="overlayfs"):
        """Create the task of a container and do not start it; the pid of its process, which waits."""
        mounts = message("containerd", "MountsRequest")(snapshotter=snapshotter, key=container)
        rootfs = self._containerd("snapshots.v1.Snapshots/Mounts", mounts, "MountsResponse", namespace).mounts
        request = message("containerd", "CreateTaskRequest")(container_id=container, rootfs=rootfs)
        return self._containerd("tasks.v1.Tasks/Create", request, "CreateTaskResponse", namespace).pid


def sandbox_config(name, namespace, uid):
    """The configuration of a pod that shares the host's network."""
    config = message("cri", "PodSandboxConfig")()
    config.metadata.name, config.metadata.namespace, config.metadata.uid = name, namespace, uid
    for key, value in (
        ("io.kubernetes.pod.name", name),
        ("io.kubernetes.pod.namespace", namespace),
        ("io.kubernetes.pod.uid", uid),
    ):
        config.labels.add(key=key, value=value)
    config.linux.security_context.namespace_options.CopyFrom(_namespaces())
    return config


def _namespaces():
    return message("cri", "NamespaceOption")(network=NODE, pid=CONTAINER)
