# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policy: what keeps a package from restarting containerd by itself. Internal to the collection.

invoke-rc.d and deb-systemd-invoke ask /usr/sbin/policy-rc.d before they start or stop a service; 101 forbids it.
"""

from __future__ import annotations

import contextlib
import os
from typing import Iterator, List

from ansible_collections.shimops.containerd.plugins.module_utils._packages import files

PATH = "/usr/sbin/policy-rc.d"
_KEPT = ".shimops-kept"
_OURS = b"#!/bin/sh\n# shimops.containerd: while containerd is replaced no package restarts anything.\nexit 101\n"


@contextlib.contextmanager
def denied() -> Iterator[None]:
    """Within this no package starts or stops a service; what was there before is kept and put back, always."""
    put_back()
    try:
        if os.path.lexists(PATH):
            # A rename keeps whatever it is: a file, or a link that update-alternatives made.
            files.rename(PATH, PATH + _KEPT)
        files.write(PATH, _OURS, 0o755)
        yield
    finally:
        put_back()


def put_back() -> List[str]:
    """Take our policy away and put back what was there; what was done, nothing when none of ours is there.

    Every module runs it first: it removes what a killed module left.
    """
    if os.path.lexists(PATH + _KEPT):
        files.rename(PATH + _KEPT, PATH)
        return ["{0} put back".format(PATH)]
    if _is_ours():
        os.unlink(PATH)
        return ["{0} removed".format(PATH)]
    return []


def _is_ours() -> bool:
    try:
        handle = os.open(PATH, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    with os.fdopen(handle, "rb") as stream:
        return stream.read(len(_OURS) + 1) == _OURS
