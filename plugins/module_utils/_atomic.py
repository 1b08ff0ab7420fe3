# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and directories that root writes: whole or not at all, and never through a link. Internal to the collection."""

from __future__ import annotations

import contextlib
import os
from typing import Iterator

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError


@contextlib.contextmanager
def open_directory(path: str) -> Iterator[int]:
    """A directory as a descriptor; a link in its place is not followed."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield directory
    finally:
        os.close(directory)


def write_atomically(directory: int, name: str, data: bytes, mode: int) -> None:
    """Write a file of an open directory: a new file, synced, renamed into place. Never through a link.

    Raises OSError; then the old file is as it was.
    """
    temporary = ".{0}.{1}".format(name, os.getpid())
    handle = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=directory
    )
    try:
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)
    except OSError:
        remove(directory, temporary)
        raise


@contextlib.contextmanager
def private_directory(place: str) -> Iterator[int]:
    """A directory of root alone, made if need be, as a descriptor; raises ShimError for one that others can write."""
    try:
        os.makedirs(place, mode=0o700, exist_ok=True)
        with open_directory(place) as directory:
            status = os.fstat(directory)
            if status.st_uid != 0 or status.st_mode & 0o022:
                raise ShimError("act", place, "can be written by users other than root", "let only root write there")
            yield directory
    except OSError as error:
        raise ShimError("act", place, "cannot be used ({0})".format(error.strerror), "check the file system") from error


def remove(directory: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)
