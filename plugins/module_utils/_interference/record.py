# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of what is held on a node, and how it was before. Root only; internal to the collection.

It is written before anything is held and goes when everything is put back, so whatever cuts a run in two, the next one
finds it.
"""

from __future__ import annotations

import json
import os
import stat
from typing import Any, Dict, List, Optional

from ansible_collections.shimops.containerd.plugins.module_utils import _atomic
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes
from ansible_collections.shimops.containerd.plugins.module_utils._interference.rules import Item

#: In the directory of the ledger: root's alone.
PLACE = "/var/lib/shimops"
NAME = "held.json"
SCHEMA = 1
_REMEDY = "check the file; remove it once everything it names is as you want it"
_LARGEST = 1 << 20


def new(run_id: str, items: List[Item], now: float) -> Dict[str, Any]:
    """A record; ``now`` is in seconds since the epoch."""
    return {
        "schema": SCHEMA,
        "run_id": run_id,
        "began": now,
        "boot_id": processes.boot_id(),
        "items": [dict(item._asdict()) for item in items],
    }


def items(book: Dict[str, Any]) -> List[Item]:
    """What the record says is held."""
    return [Item(**one) for one in book["items"]]


def path() -> str:
    """Where the record is."""
    return os.path.join(PLACE, NAME)


def load() -> Optional[Dict[str, Any]]:
    """The record, or None. Raises ShimError for one that cannot be trusted or read."""
    try:
        handle = os.open(path(), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ShimError("act", path(), "cannot be read ({0})".format(error.strerror), _REMEDY) from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022:
            raise ShimError("act", path(), "is not a file that only root can write", _REMEDY)
        data = os.read(handle, _LARGEST)
    finally:
        os.close(handle)
    try:
        book: Dict[str, Any] = json.loads(data.decode("utf-8"))
        if book["schema"] != SCHEMA or not {"run_id", "boot_id", "began"}.issubset(book):
            raise ValueError("another schema")
        items(book)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ShimError("act", path(), "is damaged", _REMEDY) from error
    return book


def save(book: Dict[str, Any]) -> None:
    """The record to disk, for root alone, synced before this returns."""
    with _atomic.private_directory(PLACE) as directory:
        _atomic.write_atomically(directory, NAME, json.dumps(book, indent=1, sort_keys=True).encode("utf-8"), 0o600)


def remove() -> None:
    """Everything is put back."""
    os.unlink(path())
