# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundle: what the small files of one bundle say, and of the pod it belongs to. Internal to the collection.

A bundle is hostile input: everything is opened relative to one directory descriptor, no link is followed,
no FIFO is waited for, nothing larger than its limit is read, nothing is written.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import stat
from typing import Container, Dict, NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.scan import Entry
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process

# Larger than any file containerd or a shim writes there; config.json carries the whole OCI spec.
SMALL, _SPEC = 64 * 1024, 4 * 1024 * 1024

# So much of what is larger.
_HEAD = 1024
# Errors that containerd gets as well; any other error is ours alone.
_KINDS = {errno.ENOENT: "absent"}
_KINDS.update(dict.fromkeys((errno.EIO, errno.ESTALE, errno.EACCES, errno.EPERM, errno.ELOOP), "unreadable"))
_TESTS = (
    ("file", stat.S_ISREG),
    ("directory", stat.S_ISDIR),
    ("fifo", stat.S_ISFIFO),
    ("socket", stat.S_ISSOCK),
    ("device", stat.S_ISCHR),
    ("device", stat.S_ISBLK),
)

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
    """One file of a bundle. ``kind``: absent, file, directory, fifo, socket, device, too_large, unreadable, not_read.

    A link is not read, but what is at its end is named: ``dangling`` for nothing, ``link`` for a file. Of what is too
    large the beginning is kept.
    """

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

    def names(self) -> Dict[str, str]:
        """The names of the pod and of the container in it, without what is not set."""
        names = {"namespace": self.namespace, "name": self.name, "uid": self.uid, "container": self.container}
        return {key: value for key, value in names.items() if value}


class Bundle(NamedTuple):
    """What one bundle directory says. ``problem`` is why it could not be read, or None.

    ``stuck`` is (row, reason) when containerd could not remove the bundle, or None. ``inode`` is the directory's device
    and inode: a path can come to name another bundle.
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
    options_json: File = ABSENT
    runtime: File = ABSENT
    stuck: Optional[Tuple[str, str]] = None
    inode: Optional[Tuple[int, int]] = None

    @property
    def role(self) -> str:
        """``sandbox``, ``workload`` or ``plain``."""
        if self.pod and self.pod.kind == "sandbox":
            return "sandbox"
        return "workload" if self.sandbox or (self.pod and self.pod.kind == "container") else "plain"

    def pod_names(self) -> Optional[Dict[str, str]]:
        """The Kubernetes names of the task; None for a plain container."""
        return self.pod.names() if self.pod else None


def read(entry: Entry, mounted: Container[str] = ()) -> Bundle:
    """Read one bundle. Never raises: what cannot be read is said in ``problem`` or in the file's kind.

    :param mounted: the mount points of the host.
    """
    try:
        directory = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        return _unreadable(entry, error.strerror or "")
    try:
        # What the directory says of its entries is enough for most of them; each look-up of one is a system call.
        with os.scandir(directory) as listed:
            plain = {one.name: one.is_file(follow_symlinks=False) for one in listed}

        def file(name: str, limit: int = SMALL) -> File:
            if name not in plain:
                return ABSENT
            return _plain_file(directory, name, limit) if plain[name] else read_file(directory, name, limit)

        annotations = _annotations(file("config.json", _SPEC))
        sandbox = file("sandbox")
        pod = Pod(**{field: annotations.get(key) for field, key in _POD_ANNOTATIONS.items()})
        return Bundle(
            namespace=entry.namespace,
            id=entry.id,
            path=entry.path,
            changed=entry.changed,
            empty=not plain,
            problem=None,
            bootstrap_json=file("bootstrap.json"),
            address=file("address"),
            shim_binary_path=file("shim-binary-path"),
            sandbox=sandbox.text().strip() or None,
            log_kind=kind_of(directory, "log"),
            pod=pod if pod.kind else None,
            group=next((annotations[key] for key in _GROUP_ANNOTATIONS if annotations.get(key)), entry.id),
            init=_init(file("init.pid")),
            inode=inode(directory),
            options_json=file("options.json"),
            runtime=file("runtime"),
            stuck=_stuck(directory, entry, mounted),
        )
    except OSError as error:
        return _unreadable(entry, error.strerror or "")
    finally:
        os.close(directory)


def inode(directory: int) -> Tuple[int, int]:
    """The device and inode of an open directory."""
    status = os.fstat(directory)
    return status.st_dev, status.st_ino


def read_file(directory: int, name: str, limit: int) -> File:
    """One file of an open directory; what is not a plain file within the limit is named, not read."""
    kind = kind_of(directory, name)
    if kind != "file":
        return ABSENT if kind == "absent" else File(kind, b"")
    return _plain_file(directory, name, limit)


def _plain_file(directory: int, name: str, limit: int) -> File:
    try:
        # What was a file a moment ago may be a link or a FIFO by now.
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except OSError as error:
        return File(_KINDS.get(error.errno or 0, "not_read"), b"")
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return File("not_read", b"")
        data = _content(handle, min(status.st_size, limit) + 1, limit + 1)
        return File("too_large", data[:_HEAD]) if len(data) > limit else File("file", data)
    except OSError as error:
        return File(_KINDS.get(error.errno or 0, "not_read"), b"")
    finally:
        os.close(handle)


def _content(handle: int, expected: int, most: int) -> bytes:
    """What stands in an open file, at most so many bytes: one read of what is expected, more only if it has grown."""
    data = os.read(handle, expected)
    if len(data) < expected:
        return data
    while len(data) < most:
        more = os.read(handle, min(most - len(data), 1 << 16))
        if not more:
            break
        data += more
    return data


def kind_of(directory: int, name: str) -> str:
    """The kind of one entry of an open directory, without opening it; a link is what it leads to."""
    try:
        mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
    except OSError as error:
        return _KINDS.get(error.errno or 0, "not_read")
    if not stat.S_ISLNK(mode):
        return _kind(mode)
    try:
        found = _kind(os.stat(name, dir_fd=directory).st_mode)
    except OSError as error:
        return "dangling" if error.errno == errno.ENOENT else _KINDS.get(error.errno or 0, "not_read")
    return "link" if found == "file" else found


def _kind(mode: int) -> str:
    for kind, test in _TESTS:
        if test(mode):
            return kind
    return "not_read"


def _stuck(directory: int, entry: Entry, mounted: Container[str]) -> Optional[Tuple[str, str]]:
    """Why Bundle.Delete would stop half-way: rootfs is removed only when empty, and renames need room (rows G)."""
    if os.path.lexists(os.path.join(os.path.dirname(entry.path), "." + entry.id)):
        return "G5", ".{0} next to it keeps its bundle from being removed".format(entry.id[:32])
    # Nothing is asked of a mount: that of a dead server would never answer.
    if (
        os.path.join(_real(os.path.dirname(entry.path)), entry.id, "rootfs") in mounted
        or kind_of(directory, "rootfs") != "directory"
    ):
        return None
    try:
        rootfs = os.open("rootfs", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return None
    try:
        if os.listdir(rootfs):
            return "G3", "its rootfs is not mounted and not empty, so its bundle cannot be removed"
    finally:
        os.close(rootfs)
    return None


@functools.lru_cache(maxsize=64)
def _real(directory: str) -> str:
    """The kernel's name of a namespace's directory, the same for all of its bundles."""
    return os.path.realpath(directory)


def _annotations(spec: File) -> Dict[str, str]:
    """The annotations of the OCI spec that may leave the host; empty when it cannot be read."""
    if b'"annotations"' not in spec.data:
        return {}
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
