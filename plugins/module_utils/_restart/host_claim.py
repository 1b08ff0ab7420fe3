# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hold: one run at a time acts on a host. Internal to the collection.

A lock lasts as long as one module; a claim names the run from its first acting module to its last one, so that nobody
comes in between.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from typing import Any, Callable, Dict, Iterator, Optional

from ansible_collections.shimops.containerd.plugins.module_utils import _atomic
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline, wall_clock
from ansible_collections.shimops.containerd.plugins.module_utils._errors import HostRefused

PLACE = "/var/lib/shimops"
_LOCK, _CLAIM = "lock", "claim.json"
_LARGEST = 4096
_TICK = 0.2


@contextlib.contextmanager
def held(
    run_id: Optional[str], patience: float, last: bool, died: Callable[[], Optional[str]] = lambda: None
) -> Iterator[None]:
    """Be the only one that acts on this host.

    :param run_id: the run; without one nothing is claimed, and a claim of others is heeded all the same.
    :param patience: seconds to wait for a module of the very same run, which outlived its connection.
    :param last: whether the claim ends with this module.
    :param died: asked once the lock is ours: the run that was in the middle of its work, whose module is gone then. Its
        claim keeps no run away, so that what it left can be verified and reported.
    Raises HostRefused while another run has the host.
    """
    with _atomic.private_directory(PLACE) as directory:
        lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
        try:
            _lock(lock, run_id, Deadline(patience))
            _claim(directory, run_id, died())
            os.ftruncate(lock, 0)
            os.pwrite(lock, _note(run_id), 0)
            try:
                yield
            finally:
                if last and run_id and _read(directory, _CLAIM).get("run_id") == run_id:
                    os.unlink(_CLAIM, dir_fd=directory)
                # Not left to the end of the process: a child of it may have the lock as well.
                fcntl.flock(lock, fcntl.LOCK_UN)
        finally:
            os.close(lock)


def _lock(lock: int, run_id: Optional[str], clock: Deadline) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = _parse(os.pread(lock, _LARGEST, 0))
        if not run_id or holder.get("run_id") != run_id or not clock.sleep(_TICK):
            raise HostRefused(
                "act",
                "this host",
                "is being acted on by {0}".format(_named(holder)),
                "let that end, then start this run again",
            )


def _claim(directory: int, run_id: Optional[str], dead: Optional[str]) -> None:
    claim = _read(directory, _CLAIM)
    if claim.get("run_id") not in (None, run_id, dead):
        raise HostRefused(
            "act",
            "this host",
            "is held by {0}".format(_named(claim)),
            "resume that run, or remove {0} if it is given up".format(os.path.join(PLACE, _CLAIM)),
        )
    if run_id:
        _atomic.write_atomically(directory, _CLAIM, _note(run_id), 0o600)


def _named(holder: Dict[str, Any]) -> str:
    """A run, for people: what it is called, since when it acts."""
    seconds = wall_clock() - float(holder.get("at") or wall_clock())
    return "run {0} since {1:.0f} s".format(str(holder.get("run_id"))[:64], max(0.0, seconds))


def _note(run_id: Optional[str]) -> bytes:
    return json.dumps({"run_id": run_id, "at": wall_clock(), "pid": os.getpid()}).encode("utf-8")


def _read(directory: int, name: str) -> Dict[str, Any]:
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        return {}
    try:
        return _parse(os.read(handle, _LARGEST))
    finally:
        os.close(handle)


def _parse(data: bytes) -> Dict[str, Any]:
    try:
        found = json.loads(data.decode("utf-8"))
        return found if isinstance(found, dict) and isinstance(found.get("at", 0), (int, float)) else {}
    except ValueError:
        return {}
