# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger: what ran on a host before, and how far the restart came. Internal to the collection.

A file on the host, root only. It is the truth; what the controller keeps is a copy.
"""

from __future__ import annotations

import json
import os
import stat
from typing import Any, Dict, List, Optional, Set, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils import _atomic
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process

SCHEMA = 1
#: Where it is, unless a task says otherwise.
PLACE = "/var/lib/shimops/ledger.json"
PHASES = ("recorded", "restarting", "restarted", "verified")
_KEYS = ("run_id", "times", "gap", "verdicts")
_DAEMON_KEYS = ("pid", "start_time", "boot_id", "unit")
_TASK_KEYS = ("namespace", "id", "pod", "status", "service")
_LARGEST = 64 * 1024 * 1024
_REMEDY = "look at the file; move it away once you know what became of its tasks"


def new(run_id: str, daemon: Daemon, observations: List[Observation], now: float) -> Dict[str, Any]:
    """A ledger in phase ``recorded``. ``now`` is in seconds since the epoch."""
    book = {
        "schema": SCHEMA,
        "run_id": run_id,
        "phase": "recorded",
        "times": {"recorded": now},
        "daemon": identity(daemon),
        "tasks": [],
        "gap": None,
        "verdicts": [],
    }
    add(book, observations)
    return book


def identity(daemon: Daemon) -> Dict[str, Any]:
    """What tells one run of containerd from another: pid, start time, systemd's invocation, the kernel's boot."""
    return {
        "pid": daemon.process.pid if daemon.process else None,
        "start_time": daemon.process.start_time if daemon.process else None,
        "invocation_id": daemon.unit.invocation_id if daemon.unit else None,
        "restarts": daemon.unit.restarts if daemon.unit else None,
        "boot_id": processes.boot_id(),
        "version": daemon.running,
        "unit": daemon.unit_name,
        "state_dir": daemon.state_dir,
    }


def same_daemon(one: Dict[str, Any], other: Dict[str, Any]) -> bool:
    """Whether two identities are the same run of containerd."""
    keys = ("pid", "start_time", "invocation_id", "restarts", "boot_id")
    return all(one.get(key) == other.get(key) for key in keys)


def same_process(one: Dict[str, Any], other: Dict[str, Any]) -> bool:
    """Whether two identities are the same process, whatever systemd says of it."""
    return all(one.get(key) == other.get(key) for key in ("pid", "start_time", "boot_id"))


def add(book: Dict[str, Any], observations: List[Observation]) -> List[str]:
    """Enter the tasks that are not in the book yet; gives their ids."""
    known = keys(book)
    fresh = [_task(observed) for observed in observations if observed.bundle and observed.status]
    fresh = [task for task in fresh if (task["namespace"], task["id"]) not in known]
    book["tasks"].extend(fresh)
    return [task["id"] for task in fresh]


def keys(book: Dict[str, Any]) -> Set[Tuple[str, str]]:
    """Namespace and id of every task in the book."""
    return {(task["namespace"], task["id"]) for task in book["tasks"]}


def _task(observed: Observation) -> Dict[str, Any]:
    """One task. The shim's own word for the init pid comes before the file in the bundle."""
    said, bundle = observed.best_answers, observed.require_bundle()
    init = processes.look_up(said.task_pid) if said and said.task_pid else bundle.init
    shim = processes.look_up(said.shim_pid) if said and said.shim_pid else None
    place = next((place for place, one in observed.answers.items() if one is said), None)
    return {
        "namespace": observed.entry.namespace,
        "id": observed.entry.id,
        "pod": bundle.pod_names(),
        "status": observed.status,
        "init": list(init) if init else None,
        "shim": list(shim) if shim else None,
        "endpoint": list(place) if place else None,
        "service": said.service if said else None,
    }


def process(pair: Optional[List[Any]]) -> Optional[Process]:
    """A process from the ledger."""
    return Process(*pair) if pair else None


def endpoint(triple: Optional[List[Any]]) -> Optional[Endpoint]:
    """An endpoint from the ledger."""
    return Endpoint(*triple) if triple else None


def load(path: str) -> Optional[Dict[str, Any]]:
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
        book: Dict[str, Any] = json.loads(data.decode("utf-8"))
        if book["schema"] != SCHEMA or book["phase"] not in PHASES:
            raise ValueError("another schema")
        _require(book, _KEYS)
        _require(book["daemon"], _DAEMON_KEYS)
        for task in book["tasks"]:
            _require(task, _TASK_KEYS)
            process(task["init"]), process(task["shim"]), endpoint(task["endpoint"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ShimError("ledger", path, "is damaged", _REMEDY) from error
    return book


def save(path: str, book: Dict[str, Any]) -> None:
    """The ledger to disk, readable by root alone, synced before this returns."""
    place, name = os.path.split(path)
    try:
        os.makedirs(place, mode=0o700, exist_ok=True)
        with _atomic.open_directory(place) as directory:
            status = os.fstat(directory)
            if status.st_uid != 0 or status.st_mode & 0o022:
                raise ShimError("ledger", place, "can be written by others than root", "name another place with ledger")
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
        raise ShimError(
            "ledger", path, "cannot be kept ({0})".format(error.strerror), "look at its directory"
        ) from error


def remove(path: str) -> None:
    """Take a ledger back of a run that refused before it did anything."""
    os.unlink(path)


def _require(part: Dict[str, Any], keys: Tuple[str, ...]) -> None:
    if not set(keys).issubset(part):
        raise ValueError("something is missing")
