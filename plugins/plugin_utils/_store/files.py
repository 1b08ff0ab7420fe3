# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a run on the controller: written whole or not at all, and one writer at a time. Internal."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import StoreError


def save(path: Path, value: object) -> None:
    """Write a value as JSON: a new file, synced, renamed into place; its folder is made, for its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(value, stream, indent=1, sort_keys=True)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            # A write does not say to which file.
            error.filename = str(path)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a few characters to a file that a lost machine may lose; its folder is made."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(handle, text.encode("ascii"))
    finally:
        os.close(handle)


def load_number(path: Path) -> int | None:
    """Read the number in such a file; None where there is none yet."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None


def load(path: Path) -> dict | None:
    """Read such a file; None when there is none. Raises StoreError for one that is damaged."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise StoreError(f"{path} is damaged ({error}); remove it, and go on with the same run_id") from None
    if not isinstance(value, dict):
        raise StoreError(f"{path} is not what a run writes; remove it, and go on with the same run_id")
    return value


def quoted(host: str) -> str:
    """Write a host's name as a file name: every byte but letters, digits, dot, dash and underscore as %XX."""
    text = re.sub(r"[^A-Za-z0-9._-]", lambda one: "".join(f"%{byte:02X}" for byte in one[0].encode()), host)
    return text if text.strip(".") else text.replace(".", "%2E")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Be the only one of all processes inside; the others wait, for as long as a few small files take."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
