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

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import processes
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.bundle import Pod
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.case import Case
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.processes import Process

SCHEMA = 1
#: Where it is, unless a task says otherwise.
PLACE = "/var/lib/shimops/ledger.json"
PHASES = ("recorded", "restarting", "restarted", "verified")
_KEYS = ("run_id", "times", "gap", "verdicts")
_DAEMON_KEYS = ("pid", "start_time", "boot_id", "unit")
_TASK_KEYS = ("namespace", "id", "pod", "status", "service")
_LARGEST = 64 * 1024 * 1024
_REMEDY = "look at the file; move it away once you know what became of its tasks"


def new(run_id: str, daemon: Daemon, cases: List[Case], now: float) -> Dict[str, Any]:
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
    add(book, cases)
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


def add(book: Dict[str, Any], cases: List[Case]) -> List[str]:
    """Enter the tasks that are not in the book yet; gives their ids."""
    known = keys(book)
    fresh = [_task(case) for case in cases if case.bundle and case.status]
    fresh = [task for task in fresh if (task["namespace"], task["id"]) not in known]
    book["tasks"].extend(fresh)
    return [task["id"] for task in fresh]


def keys(book: Dict[str, Any]) -> Set[Tuple[str, str]]:
    """Namespace and id of every task in the book."""
    return {(task["namespace"], task["id"]) for task in book["tasks"]}


def _task(case: Case) -> Dict[str, Any]:
    """One task. The shim's own word for the init pid comes before the file in the bundle."""
    said, bundle = case.best_answers, case.require_bundle()
    init = processes.look_up(said.task_pid) if said and said.task_pid else bundle.init
    shim = processes.look_up(said.shim_pid) if said and said.shim_pid else None
    place = next((place for place, one in case.answers.items() if one is said), None)
    return {
        "namespace": case.entry.namespace,
        "id": case.entry.id,
        "pod": pod_names(bundle.pod),
        "status": case.status,
        "init": list(init) if init else None,
        "shim": list(shim) if shim else None,
        "endpoint": list(place) if place else None,
        "service": said.service if said else None,
    }


def pod_names(pod: Optional[Pod]) -> Optional[Dict[str, str]]:
    """The Kubernetes names of a task, without what is not set; None for a plain container."""
    if pod is None:
        return None
    names = {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid, "container": pod.container}
    return {key: value for key, value in names.items() if value}


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


def _require(part: Dict[str, Any], keys: Tuple[str, ...]) -> None:
    if not set(keys).issubset(part):
        raise ValueError("something is missing")
