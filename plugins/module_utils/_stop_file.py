# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stop file: while it exists, no module acts on the host. Internal to the collection.

An operator creates it, or an upgrade that failed.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import Optional

from ansible_collections.shimops.containerd.plugins.module_utils import _atomic
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import wall_clock
from ansible_collections.shimops.containerd.plugins.module_utils._errors import HostRefused, ShimError

PLACE = "/etc/shimops/hold"
_LARGEST = 64 * 1024


def require_absent() -> None:
    """Refuse a host that has one: every module that acts respects it. Raises HostRefused."""
    if os.path.lexists(PLACE):
        raise HostRefused("act", PLACE, "holds this host", "remove the file when the host may be acted on")


def write(run_id: str, reason: str) -> None:
    """Write the stop file, unless there is one: who held the host first is the one to ask. Raises ShimError."""
    if os.path.lexists(PLACE):
        return
    place, name = os.path.split(PLACE)
    text = json.dumps({"run_id": run_id, "reason": reason, "at": wall_clock()}, indent=1) + "\n"
    try:
        os.makedirs(place, mode=0o755, exist_ok=True)
        handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _atomic.write_atomically(handle, name, text.encode("utf-8"), 0o644)
        finally:
            os.close(handle)
    except OSError as error:
        raise ShimError("act", PLACE, "cannot be written ({0})".format(error.strerror), "make it by hand") from error


def written_by() -> Optional[str]:
    """The run that wrote the stop file; None without one, or when it is not a run's."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        handle = os.open(PLACE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            found = json.loads(stream.read(_LARGEST).decode("utf-8")).get("run_id")
            return found if isinstance(found, str) else None
    return None


def remove(run_id: str) -> None:
    """Take the stop file of that run away; another's stays."""
    if written_by() == run_id:
        os.unlink(PLACE)
