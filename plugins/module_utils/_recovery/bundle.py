# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundle: what the small files of one bundle say, and of the pod it belongs to. Internal to the collection.

A bundle is hostile input: everything is opened relative to one directory descriptor, no link is followed,
no FIFO is waited for, nothing larger than its limit is read, nothing is written.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from typing import Dict, NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._recovery import processes
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.scan import Entry

# Larger than any file containerd or a shim writes there; config.json carries the whole OCI spec.
SMALL, _SPEC = 64 * 1024, 4 * 1024 * 1024

_CRI = "io.kubernetes.cri."
_POD_ANNOTATIONS = {
    "kind": _CRI + "container-type",
    "sandbox_id": _CRI + "sandbox-id",
    "namespace": _CRI + "sandbox-namespace",
    "name": _CRI + "sandbox-name",
    "uid": _CRI + "sandbox-uid",
    "container": _CRI + "container-name",
}
_GROUP_ANNOTATIONS = ("io.containerd.runc.v2.group", _CRI + "sandbox-id")


class File(NamedTuple):
    """One file of a bundle. ``kind``: absent, file, link, directory, fifo, other, too_large, unreadable."""

    kind: str
    data: bytes

    def text(self) -> str:
        """The content as text, for names and addresses."""
        return self.data.decode("utf-8", "replace")


ABSENT = File("absent", b"")


class Pod(NamedTuple):
    """The Kubernetes names of a CRI container; ``kind`` is ``sandbox`` or ``container``."""

    kind: Optional[str]
    sandbox_id: Optional[str]
    namespace: Optional[str]
    name: Optional[str]
    uid: Optional[str]
    container: Optional[str]


class Bundle(NamedTuple):
    """What one bundle directory says. ``problem`` is why it could not be read, or None.

    ``inode`` is the directory's device and inode: a path can come to name another bundle.
    """

    namespace: str
    id: str
    path: str
    changed: float
    empty: bool
    problem: Optional[str]
    bootstrap_json: File
    address: File
    shim_binary_path: File
    sandbox: Optional[str]
    log_kind: str
    pod: Optional[Pod]
    group: str
    init: Optional[Process]
    inode: Optional[Tuple[int, int]] = None

    @property
    def role(self) -> str:
        """``sandbox``, ``workload`` or ``plain``."""
        if self.pod and self.pod.kind == "sandbox":
            return "sandbox"
        return "workload" if self.sandbox or (self.pod and self.pod.kind == "container") else "plain"


def read(entry: Entry) -> Bundle:
    """Read one bundle. Never raises: what cannot be read is said in ``problem`` or in the file's kind."""
    try:
        directory = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        return _unreadable(entry, os.strerror(error.errno))
    try:
        names = os.listdir(directory)
        annotations = _annotations(read_file(directory, "config.json", _SPEC))
        sandbox = read_file(directory, "sandbox", SMALL)
        pod = Pod(**{field: annotations.get(key) for field, key in _POD_ANNOTATIONS.items()})
        return Bundle(
            namespace=entry.namespace,
            id=entry.id,
            path=entry.path,
            changed=entry.changed,
            empty=not names,
            problem=None,
            bootstrap_json=read_file(directory, "bootstrap.json", SMALL),
            address=read_file(directory, "address", SMALL),
            shim_binary_path=read_file(directory, "shim-binary-path", SMALL),
            sandbox=sandbox.text().strip() or None,
            log_kind=_log_kind(directory),
            pod=pod if pod.kind else None,
            group=next((annotations[key] for key in _GROUP_ANNOTATIONS if annotations.get(key)), entry.id),
            init=_init(read_file(directory, "init.pid", SMALL)),
            inode=inode(directory),
        )
    except OSError as error:
        return _unreadable(entry, os.strerror(error.errno))
    finally:
        os.close(directory)


def inode(directory: int) -> Tuple[int, int]:
    """The device and inode of an open directory."""
    status = os.fstat(directory)
    return status.st_dev, status.st_ino


def read_file(directory: int, name: str, limit: int) -> File:
    """One file of an open directory; what is not a plain file within the limit is named, not read."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return ABSENT
        if error.errno == errno.ELOOP:
            return File("link", b"")
        return File("other" if error.errno == errno.ENXIO else "unreadable", b"")
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return File(_kind(status.st_mode), b"")
        if status.st_size > limit:
            return File("too_large", b"")
        with os.fdopen(os.dup(handle), "rb") as stream:
            return File("file", stream.read(limit + 1)[: limit + 1])
    except OSError:
        return File("unreadable", b"")
    finally:
        os.close(handle)


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "directory"
    return "fifo" if stat.S_ISFIFO(mode) else "other"


def _log_kind(directory: int) -> str:
    try:
        mode = os.stat("log", dir_fd=directory, follow_symlinks=False).st_mode
    except OSError:
        return "absent"
    if stat.S_ISLNK(mode):
        return "link"
    return "file" if stat.S_ISREG(mode) else _kind(mode)


def _annotations(spec: File) -> Dict[str, str]:
    """The annotations of the OCI spec that may leave the host; empty when it cannot be read."""
    try:
        found = json.loads(spec.text())["annotations"]
        wanted = set(_POD_ANNOTATIONS.values()) | set(_GROUP_ANNOTATIONS)
        return {key: found[key] for key in wanted if isinstance(found.get(key), str)}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _init(file: File) -> Optional[Process]:
    digits = file.data.strip()
    return processes.look_up(int(digits)) if digits.isdigit() and len(digits) < 10 else None


def _unreadable(entry: Entry, problem: str) -> Bundle:
    return Bundle(
        namespace=entry.namespace,
        id=entry.id,
        path=entry.path,
        changed=entry.changed,
        empty=False,
        problem=problem,
        bootstrap_json=ABSENT,
        address=ABSENT,
        shim_binary_path=ABSENT,
        sandbox=None,
        log_kind="absent",
        pod=None,
        group=entry.id,
        init=None,
    )
