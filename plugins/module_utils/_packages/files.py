# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a staged package: written, copied and renamed below directories that are root's alone. Internal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import subprocess
from typing import IO, Dict, Iterator, List, Optional, Protocol, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils import _atomic
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError

#: No file of this kind is larger; a package of containerd is about 40 MB.
LARGEST = 1024 * 1024 * 1024


def require_ours(path: str, option: str) -> None:
    """Refuse a file or directory that users other than root can change: what is in it will run as root."""
    for place in (os.path.realpath(path), os.path.dirname(os.path.realpath(path))):
        try:
            status = os.stat(place)
        except OSError as error:
            raise ShimError(
                "package",
                "{0} {1}".format(option, path),
                "cannot be read ({0})".format(error.strerror),
                "name what is on the host",
            ) from error
        # The sticky bit of /tmp keeps others from replacing what is root's in it.
        loose = status.st_mode & 0o022 and not (stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX)
        if status.st_uid != 0 or loose:
            raise ShimError(
                "package",
                "{0} {1}".format(option, path),
                "can be changed by users other than root",
                "put it where only root can write",
            )


def make_room(directory: str) -> None:
    """An empty directory that is root's alone; what an earlier run left in it is removed."""
    try:
        os.makedirs(os.path.dirname(directory), mode=0o700, exist_ok=True)
        require_ours(os.path.dirname(directory), "staging")
        if os.path.lexists(directory):
            shutil.rmtree(directory)
        os.mkdir(directory, 0o700)
    except OSError as error:
        raise _unwritable(directory, error) from error


def rename(source: str, target: str) -> None:
    """Rename within a directory, over what is there; raises ShimError."""
    try:
        os.rename(source, target)
    except OSError as error:
        raise _unwritable(target, error) from error


def make_private(directory: str) -> None:
    """A directory of root's alone, kept as it is when it is there. Raises ShimError."""
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
    except OSError as error:
        raise _unwritable(directory, error) from error
    require_ours(directory, "staging")


def remove(directory: str) -> None:
    """Take away a directory with all that is in it; raises ShimError."""
    try:
        shutil.rmtree(directory)
    except OSError as error:
        raise _unwritable(directory, error) from error


def write(path: str, data: bytes, mode: int) -> None:
    """A small file, atomically; raises ShimError."""
    directory, name = os.path.split(path)
    try:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _atomic.write_atomically(handle, name, data, mode)
        finally:
            os.close(handle)
    except OSError as error:
        raise _unwritable(path, error) from error


class Readable(Protocol):
    """What can be copied into a file."""

    def read(self, size: int = -1, /) -> bytes:
        """At most that many bytes; none at the end."""


def write_stream(path: str, source: Optional[Readable], mode: int) -> None:
    """A new file from an open one, synced; one that is there is replaced. Raises ShimError.

    :param source: None where an archive has no content under that name.
    """
    if source is None:
        raise ShimError("package", path, "has no content in its archive", "bring another archive")
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, mode), "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            shutil.copyfileobj(source, stream, 1024 * 1024)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise _unwritable(path, error) from error


def copy(source: str, target: str, mode: int) -> None:
    """A regular file to another place; no link is followed at either end. Raises ShimError."""
    with opened(source) as stream:
        write_stream(target, stream, mode)


@contextlib.contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """A regular file of sane size to read; raises ShimError for anything else."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ShimError("package", path, "cannot be read ({0})".format(error.strerror), "check it") from error
    with os.fdopen(handle, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            raise ShimError("package", path, "is no plain file below 1 GiB", "bring it again")
        yield stream


@contextlib.contextmanager
def piped(argv: List[str]) -> Iterator[IO[bytes]]:
    """What a program writes, as it writes it. The program ends with the block."""
    # AnsibleModule.run_command would hold a hundred megabytes in memory.
    process = subprocess.Popen(  # pylint: disable=ansible-bad-function
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    if process.stdout is None:
        raise ShimError("package", argv[0], "gives nothing to read", "report this, it is a defect")
    try:
        yield process.stdout
    finally:
        process.stdout.close()
        process.wait()


@contextlib.contextmanager
def locked(path: str, mode: int, remedy: str, deadline: Deadline) -> Iterator[None]:
    """Hold the lock of a package manager, a POSIX lock on a file that is made with that mode if it is not there.

    Raises ShimError when the file cannot be opened, with that remedy, or another one holds it until the deadline.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    except OSError as error:
        raise ShimError("package", path, "cannot be opened ({0})".format(error.strerror), remedy) from error
    try:
        while True:
            try:
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if not deadline.sleep(0.2):
                    raise ShimError(
                        "package", path, "is held by another package manager", "wait until it is done"
                    ) from error
        yield
    finally:
        os.close(handle)


def replace_together(directory: str, sources: List[str]) -> None:
    """Put files into a directory under their names: all prepared first, then one rename each, at once.

    Raises ShimError; until the first rename nothing was changed.
    """
    prepared = []
    try:
        for source in sources:
            name = os.path.basename(source)
            fresh = os.path.join(directory, "." + name + ".shimops-new")
            prepared.append((fresh, os.path.join(directory, name)))
            copy(source, fresh, 0o755)
        for fresh, place in prepared:
            os.rename(fresh, place)
    except OSError as error:
        raise _unwritable(directory, error) from error
    finally:
        for fresh, _place in prepared:
            with contextlib.suppress(OSError):
                os.unlink(fresh)


def require_space(needs: List[Tuple[str, int]]) -> None:
    """Refuse before anything is written when a file system has not enough room.

    :param needs: pairs of a path and the bytes that will be written below it.
    """
    wanted: Dict[int, Tuple[str, int]] = {}
    for path, size in needs:
        while not os.path.exists(path):
            path = os.path.dirname(path)
        device = os.stat(path).st_dev
        wanted[device] = (path, wanted.get(device, (path, 0))[1] + size)
    for path, size in wanted.values():
        there = os.statvfs(path)
        free = there.f_bavail * there.f_frsize
        # Some room is left for whoever else writes, containerd's own state first of all.
        if free < size + _SPARE:
            sentence = "has {0} MB free, and {1} MB are needed".format(free // _MB, (size + _SPARE) // _MB + 1)
            raise ShimError("package", "the file system of " + path, sentence, "make room, then run this again")


_MB = 1000 * 1000
_SPARE = 20 * _MB


def _unwritable(path: str, error: OSError) -> ShimError:
    return ShimError("package", path, "cannot be written ({0})".format(error.strerror), "check its file system")
