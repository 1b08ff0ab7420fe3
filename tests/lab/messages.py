# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few messages of the CRI and of containerd's own API that the lab speaks, made at run time."""

import functools
import threading

# Name: type and number of each field; a star repeats. Fields that the lab does not use are left out.
CRI = {
    "Pair": "key:s:1 value:s:2",
    "PodSandboxMetadata": "name:s:1 uid:s:2 namespace:s:3 attempt:u:4",
    "NamespaceOption": "network:i:1 pid:i:2 ipc:i:3",
    "LinuxSandboxSecurityContext": "namespace_options:NamespaceOption:1",
    "LinuxPodSandboxConfig": "security_context:LinuxSandboxSecurityContext:2",
    "PodSandboxConfig": "metadata:PodSandboxMetadata:1 log_directory:s:3 labels:*Pair:6 linux:LinuxPodSandboxConfig:8",
    "RunPodSandboxRequest": "config:PodSandboxConfig:1",
    "RunPodSandboxResponse": "pod_sandbox_id:s:1",
    "PodRequest": "pod_sandbox_id:s:1",
    "ContainerMetadata": "name:s:1 attempt:u:2",
    "ImageSpec": "image:s:1",
    "LinuxContainerSecurityContext": "namespace_options:NamespaceOption:3",
    "LinuxContainerConfig": "security_context:LinuxContainerSecurityContext:2",
    "ContainerConfig": "metadata:ContainerMetadata:1 image:ImageSpec:2 command:*s:3 labels:*Pair:9 "
    "log_path:s:11 linux:LinuxContainerConfig:15",
    "CreateContainerRequest": "pod_sandbox_id:s:1 config:ContainerConfig:2 sandbox_config:PodSandboxConfig:3",
    "CreateContainerResponse": "container_id:s:1",
    "ContainerRequest": "container_id:s:1",
    "Container": "id:s:1 pod_sandbox_id:s:2 metadata:ContainerMetadata:3 state:i:6",
    "ListContainersResponse": "containers:*Container:1",
    "PodSandbox": "id:s:1 metadata:PodSandboxMetadata:2 state:i:3",
    "ListPodSandboxResponse": "items:*PodSandbox:1",
    "ImageStatusRequest": "image:ImageSpec:1",
    "Image": "id:s:1",
    "ImageStatusResponse": "image:Image:1",
    "Empty": "",
}
CONTAINERD = {
    "Mount": "type:s:1 source:s:2 target:s:3 options:*s:4",
    "MountsRequest": "snapshotter:s:1 key:s:2",
    "MountsResponse": "mounts:*Mount:1",
    "CreateTaskRequest": "container_id:s:1 rootfs:*Mount:3",
    "CreateTaskResponse": "container_id:s:1 pid:u:2",
}


# Hosts are filled at the same time, and classes that were made twice are not the same.
_ONE_AT_A_TIME = threading.Lock()


@functools.cache
def _classes(package):
    # Imported here so that a lab of plain containers needs no protobuf.
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    schema = {"cri": CRI, "containerd": CONTAINERD}[package]
    field_type = descriptor_pb2.FieldDescriptorProto
    scalars = {"s": field_type.TYPE_STRING, "u": field_type.TYPE_UINT32, "i": field_type.TYPE_INT32}
    unit = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in schema.items():
        message = unit.message_type.add(name=name)
        for field in fields.split():
            label, kind, number = field.split(":")
            entry = message.field.add(name=label, number=int(number))
            entry.label = field_type.LABEL_REPEATED if kind.startswith("*") else field_type.LABEL_OPTIONAL
            kind = kind.lstrip("*")
            if kind in scalars:
                entry.type = scalars[kind]
            else:
                entry.type, entry.type_name = field_type.TYPE_MESSAGE, f".{package}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(unit)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in schema}


def message(package, name):
    """The class of a message; the package is ``cri`` or ``containerd``."""
    with _ONE_AT_A_TIME:
        return _classes(package)[name]
