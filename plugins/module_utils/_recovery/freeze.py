# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Freeze: the stop file that a failed upgrade leaves, so that nobody acts on the host unseen. Internal."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Optional

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import wall_clock
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import act, preflight

_LARGEST = 64 * 1024


def freeze(run_id: str, reason: str) -> None:
    """Write the stop file, unless there is one: who held the host first is the one to ask. Raises ShimError."""
    if os.path.lexists(preflight.STOP_FILE):
        return
    place, name = os.path.split(preflight.STOP_FILE)
    text = json.dumps({"run_id": run_id, "reason": reason, "at": wall_clock()}, indent=1) + "\n"
    try:
        os.makedirs(place, mode=0o755, exist_ok=True)
        handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            act.write_atomically(handle, name, text.encode("utf-8"), 0o644)
        finally:
            os.close(handle)
    except OSError as error:
        raise ShimError(
            "act", preflight.STOP_FILE, "cannot be written ({0})".format(error.strerror), "make it by hand"
        ) from error


def frozen_by() -> Optional[str]:
    """The run that froze this host; None when nobody did, or not a run."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        handle = os.open(preflight.STOP_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            found = json.loads(stream.read(_LARGEST).decode("utf-8")).get("run_id")
            return found if isinstance(found, str) else None
    return None


def thaw(run_id: str) -> None:
    """Take the stop file of that run away; another's stays."""
    if frozen_by() == run_id:
        os.unlink(preflight.STOP_FILE)
