# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Storage: the file systems that containerd keeps its bundles and its metadata on. Internal to the collection."""

from __future__ import annotations

import os
import stat
import struct
from typing import NamedTuple, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon

# recovery-spec 2.1: what containerd 2.2 and later make at their first start.
_MOUNTS = "io.containerd.mount-manager.v1.bolt/mounts.db"
_METADATA = "io.containerd.metadata.v1.bolt/meta.db"
# bolt: each of its first two pages has a header and then the fields of a meta: magic, version, size of a page, flags,
# what is of no matter here, and the checksum (go.etcd.io/bbolt internal/common/meta.go).
_MAGIC, _VERSION, _HEADER = 0xED0CDAED, 2, 16
_META = struct.Struct("=IIII40xQ")
# The second meta page is where the first page ends, and a page is as large as one of the kernel.
_PAGE, _LARGEST_PAGE = 4096, 65536
_PLACES = (0, 4096, 8192, 16384, 32768, _LARGEST_PAGE)


class State(NamedTuple):
    """What an Observation says of the state directory; None where it could not be determined.

    ``takes_names`` is whether an entry without content can be made, such as a FIFO: a file system without a free byte
    still takes it.
    """

    writable: Optional[bool]
    takes_names: Optional[bool]
    nodev: Optional[bool]
    mounts_db: bool


def observe_files(daemon: Daemon, files: int) -> State:
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
    return _database_problem(os.path.join(daemon.root_dir, _METADATA))


def mounts_problem(daemon: Daemon) -> Optional[str]:
    """What is wrong with the database that containerd 2.2 and later keep mounts in; as metadata_problem()."""
    return _database_problem(os.path.join(daemon.state_dir, _MOUNTS))


def _database_problem(path: str) -> Optional[str]:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return "damaged"
        with open(path, "rb") as handle:
            size = os.fstat(handle.fileno()).st_size
            head = handle.read(2 * _LARGEST_PAGE)
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except OSError:
        return None
    if not head:
        # bolt makes a new one of it.
        return "missing"
    pages = [_page_size(head, place) for place in _PLACES]
    # bolt opens a database that has one whole meta page (bbolt db.go:mmap).
    return None if any(page and size >= 2 * page for page in pages) else "damaged"


def _page_size(head: bytes, place: int) -> Optional[int]:
    """The size of a page by the meta page at that place; None when there is none that bolt would take.

    Meta.Validate of bbolt: the magic number, the version, and the checksum, FNV-1a of all before it.
    """
    body = head[place + _HEADER : place + _HEADER + _META.size]
    if len(body) < _META.size:
        return None
    magic, version, page, _flags, checksum = _META.unpack(body)
    whole = (magic, version) == (_MAGIC, _VERSION) and checksum == _fnv(body[:-8])
    return int(page) if whole else None


def _fnv(data: bytes) -> int:
    found = 0xCBF29CE484222325
    for byte in data:
        found = (found ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return found
