# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger's file: written whole, readable by root alone, never overwritten by another run. Internal.

It is the truth; what the controller keeps is a copy.
"""

from __future__ import annotations

import json
import os
import stat
from typing import Any, Mapping, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils import _atomic
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._restart import ledger
from ansible_collections.shimops.containerd.plugins.module_utils._restart.ledger import Ledger

#: Where it is, unless a task says otherwise.
PLACE = "/var/lib/shimops/ledger.json"
_KEYS = ("run_id", "times", "gap", "verdicts")
_DAEMON_KEYS = ("pid", "start_time", "boot_id", "unit")
_TASK_KEYS = ("namespace", "id", "pod", "status", "service")
_LARGEST = 64 * 1024 * 1024
_REMEDY = "check the file, and move it away once you know the state of its tasks"


def load(path: str) -> Optional[Ledger]:
    """The ledger at that path, or None when there is none. Raises ShimError for one that cannot be trusted or read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ShimError("ledger", path, "cannot be read ({0})".format(error.strerror), _REMEDY) from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022:
            raise ShimError("ledger", path, "is not a file that only root can write", _REMEDY)
        if status.st_size > _LARGEST:
            raise ShimError("ledger", path, "is too large to be a ledger", _REMEDY)
        with os.fdopen(os.dup(handle), "rb") as stream:
            data = stream.read()
    finally:
        os.close(handle)
    try:
        book: Ledger = json.loads(data.decode("utf-8"))
        if book["schema"] != ledger.SCHEMA or book["phase"] not in ledger.PHASES:
            raise ValueError("another schema")
        _require(book, _KEYS)
        _require(book["daemon"], _DAEMON_KEYS)
        for task in book["tasks"]:
            _require(task, _TASK_KEYS)
            ledger.process(task["init"]), ledger.process(task["shim"]), ledger.endpoint(task["endpoint"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ShimError("ledger", path, "is damaged", _REMEDY) from error
    return book


def save(path: str, book: Ledger) -> None:
    """The ledger to disk, readable by root alone, synced before this returns."""
    place, name = os.path.split(path)
    try:
        os.makedirs(place, mode=0o700, exist_ok=True)
        with _atomic.open_directory(place) as directory:
            status = os.fstat(directory)
            if status.st_uid != 0 or status.st_mode & 0o022:
                raise ShimError(
                    "ledger", place, "can be written by users other than root", "name another place with ledger"
                )
            _atomic.write_atomically(directory, name, json.dumps(book, indent=1, sort_keys=True).encode("utf-8"), 0o600)
    except OSError as error:
        raise ShimError(
            "ledger", path, "cannot be written ({0})".format(error.strerror), "name another place with ledger"
        ) from error


def keep(path: str, run_id: str) -> None:
    """Move a verified ledger aside, to a name that is free, before a new run writes its own."""
    kept, number = "{0}.{1}".format(path, run_id), 1
    while os.path.lexists(kept):
        kept, number = "{0}.{1}.{2}".format(path, run_id, number), number + 1
    try:
        os.rename(path, kept)
    except OSError as error:
        raise ShimError("ledger", path, "cannot be kept ({0})".format(error.strerror), "check its directory") from error


def remove(path: str) -> None:
    """Take a ledger back of a run that refused before it did anything."""
    os.unlink(path)


def _require(part: Mapping[str, Any], keys: Tuple[str, ...]) -> None:
    if not set(keys).issubset(part):
        raise ValueError("something is missing")
