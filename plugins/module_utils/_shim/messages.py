# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The messages of ttrpc and of a shim's task service. Pure. Internal to the collection: it can change at any time.

The only file that imports protobuf. The messages are a table, and their descriptors are built from it when this
file is imported, in a pool of their own: generated code would need one certain release of protobuf, this works with
any from 3.6 on and never meets the descriptors of other libraries.

Sources: ``request.proto`` of github.com/containerd/ttrpc v1.2.8, ``google/rpc/status.proto``; containerd v2.3.4's
``api/runtime/task/v3/shim.proto``, ``api/types/task/task.proto``. The task service's v2 and v3 differ in the name of
the package alone, which is no part of a message, so one table serves both.
"""

from __future__ import annotations

import sys
from typing import Any

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError

try:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    _IMPORT_ERROR: Exception | None = None
except Exception as error:  # a protobuf too old for its Python fails in many ways, not only with ImportError
    _IMPORT_ERROR = error

#: Message -> its fields as (name, number, type). A type is a scalar of proto3 or a message of this table.
#: Fields that are not read here are left out; a decoder skips them.
MESSAGES = {
    "KeyValue": (("key", 1, "string"), ("value", 2, "string")),
    "Request": (
        ("service", 1, "string"),
        ("method", 2, "string"),
        ("payload", 3, "bytes"),
        ("timeout_nano", 4, "int64"),
        ("metadata", 5, "repeated KeyValue"),
    ),
    "Status": (("code", 1, "int32"), ("message", 2, "string")),
    "Response": (("status", 1, "Status"), ("payload", 2, "bytes")),
    "Any": (("type_url", 1, "string"), ("value", 2, "bytes")),
    "Timestamp": (("seconds", 1, "int64"), ("nanos", 2, "int32")),
    "ConnectRequest": (("id", 1, "string"),),
    "ConnectResponse": (("shim_pid", 1, "uint32"), ("task_pid", 2, "uint32"), ("version", 3, "string")),
    "StateRequest": (("id", 1, "string"), ("exec_id", 2, "string")),
    "StateResponse": (
        ("id", 1, "string"),
        ("bundle", 2, "string"),
        ("pid", 3, "uint32"),
        ("status", 4, "int32"),  # an enum, which is the same on the wire: status.task_status_name() names it
        ("stdin", 5, "string"),
        ("stdout", 6, "string"),
        ("stderr", 7, "string"),
        ("terminal", 8, "bool"),
        ("exit_status", 9, "uint32"),
        ("exited_at", 10, "Timestamp"),
        ("exec_id", 11, "string"),
    ),
    "PidsRequest": (("id", 1, "string"),),
    "ProcessInfo": (("pid", 1, "uint32"), ("info", 2, "Any")),
    "PidsResponse": (("processes", 1, "repeated ProcessInfo"),),
    "WaitRequest": (("id", 1, "string"), ("exec_id", 2, "string")),
    "WaitResponse": (("exit_status", 1, "uint32"), ("exited_at", 2, "Timestamp")),
}

_PACKAGE = "shimops.ttrpc"


def encode(name: str, **fields: Any) -> bytes:
    """The bytes of a message of the table, from its fields; a message inside it is a dict.

    :raises ShimError: when a value does not fit its field, for example an id that is not valid Unicode, or when
        protobuf cannot be used.
    """
    kind = _class_of(name)
    try:
        return bytes(kind(**fields).SerializeToString())
    except Exception as error:  # the implementations of protobuf differ in what they raise
        raise ShimError("ask", name, f"cannot be written: {_one_line(error)}") from error


def decode(name: str, data: bytes) -> Any:
    """A message of the table, its fields as attributes, from bytes that are not trusted. No bytes: all defaults.

    :raises ShimError: when they are no such message, or when protobuf cannot be used.
    """
    message = _class_of(name)()
    try:
        message.ParseFromString(bytes(data))
    except Exception as error:  # DecodeError, and in places ValueError, TypeError, IndexError, struct.error
        raise ShimError("ask", name, f"cannot be read: {_one_line(error)}") from error
    return message


def protobuf_problem() -> str | None:
    """Why no message can be written or read under this Python, in one sentence; None when all is well.

    A caller can then look for another interpreter, or report the sentence.
    """
    return None if _ERROR is None else f"The Python library protobuf (3.6 or newer) {_unusable()}."


def _one_line(error: Exception) -> str:
    """The text of an exception without line breaks, of a bounded length; its type when it has no text."""
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__


def _unusable() -> str:
    return "cannot be used by {}: {}".format(
        sys.executable or "this Python", _one_line(_ERROR) if _ERROR else "it is missing"
    )


def _class_of(name: str) -> Any:
    if _ERROR is not None:
        raise ShimError("ask", "protobuf", _unusable(), "install the package python3-protobuf")
    return _CLASSES[name]


def _build() -> Any:
    """The classes of all messages of the table, by name."""
    description = descriptor_pb2.FileDescriptorProto(
        name="shimops/containerd/ttrpc.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in MESSAGES.items():
        message = description.message_type.add(name=name)
        for field, number, kind in fields:
            _add_field(message, field, number, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(description.SerializeToString())
    try:
        get_class = message_factory.GetMessageClass
    except AttributeError:  # protobuf before 4.22
        get_class = getattr(message_factory.MessageFactory(pool), "GetPrototype")  # noqa: B009 # newer ones lack it
    return {name: get_class(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in MESSAGES}


def _add_field(message: Any, name: str, number: int, kind: str) -> None:
    field = message.field.add(name=name, number=number)
    repeated, kind = kind.startswith("repeated "), kind.split()[-1]
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    if kind in MESSAGES:
        field.type = field.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{kind}"
    else:
        field.type = getattr(field, "TYPE_" + kind.upper())


_CLASSES = {}
_ERROR = _IMPORT_ERROR
if _ERROR is None:
    try:
        _CLASSES = _build()
    except Exception as error:  # a protobuf too old to build descriptors cannot be used either
        _ERROR = error
