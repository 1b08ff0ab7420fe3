# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The numbers a shim answers with, by name. Pure. Internal to the collection: it can change at any time."""

from __future__ import annotations

OK = 0
NOT_FOUND = 5
UNIMPLEMENTED = 12

#: google.rpc.Code, by number: ``google/rpc/code.proto``, in camel case. (grpc-go writes 1 with one l.)
_CODES = (
    "OK",
    "Cancelled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
)

#: containerd.v1.types.Status, by number: ``api/types/task/task.proto`` of containerd, the same from 1.6 to 2.3.
_TASK_STATUSES = ("unknown", "created", "running", "stopped", "paused", "pausing")


def code_name(number: int) -> str:
    """The name of a google.rpc.Code, for example ``Unimplemented`` for 12; ``Code(99)`` for one that has none."""
    return _CODES[number] if 0 <= number < len(_CODES) else f"Code({number})"


def task_status_name(number: int) -> str:
    """The name of the status in a StateResponse, in lower case; a number that has none is ``unknown`` as well."""
    return _TASK_STATUSES[number] if 0 <= number < len(_TASK_STATUSES) else _TASK_STATUSES[0]
