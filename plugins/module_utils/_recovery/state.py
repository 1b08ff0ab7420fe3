# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""State: the file systems that containerd keeps its bundles and its metadata on. Internal to the collection."""

from __future__ import annotations

import os
from typing import NamedTuple, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._recovery.daemon import Daemon

# recovery-spec 2.1: what containerd 2.2 and later make at their first start.
_MOUNTS = "io.containerd.mount-manager.v1.bolt/mounts.db"
_METADATA = "io.containerd.metadata.v1.bolt/meta.db"
# bolt: the first field after the header of each of its two meta pages, which are as large as a page of the kernel.
_MAGIC, _HEADER = b"\xed\xda\x0c\xed", 16
_PAGE = 4096


class State(NamedTuple):
    """What a Case says of the state directory; None where it could not be told.

    ``takes_names`` is whether an entry without content can be made, such as a FIFO: a file system without a free byte
    still takes it.
    """

    writable: Optional[bool]
    takes_names: Optional[bool]
    nodev: Optional[bool]
    mounts_db: bool


def look_at(daemon: Daemon, files: int) -> State:
    """The state directory, and whether so many small files more can be made there (at least one)."""
    mounts_db = os.path.exists(os.path.join(daemon.state_dir, _MOUNTS))
    try:
        found = os.statvfs(daemon.state_dir)
    except OSError:
        return State(None, None, None, mounts_db)
    needed = max(1, files)
    names = not found.f_flag & os.ST_RDONLY and (not found.f_files or found.f_ffree >= needed)
    room = found.f_bfree * found.f_frsize >= needed * _PAGE
    return State(room and names, names, bool(found.f_flag & os.ST_NODEV), mounts_db)


def metadata_problem(daemon: Daemon) -> Optional[str]:
    """What is wrong with containerd's metadata on disk: ``missing``, ``damaged``, or None."""
    path = os.path.join(daemon.root_dir, _METADATA)
    try:
        with open(path, "rb") as handle:
            head = handle.read(2 * _PAGE)
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except OSError:
        return None
    if not head:
        # bolt makes a new one of it.
        return "missing"
    marks = [head[page + _HEADER : page + _HEADER + len(_MAGIC)] for page in (0, _PAGE)]
    return None if _MAGIC in marks else "damaged"
