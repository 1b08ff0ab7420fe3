# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Act: the only stage that writes, renames or restarts. Internal to the collection."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from typing import IO, Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils import _changes
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import bundle as bundles
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.plan import MODES, Refused, Step

#: How the name of a damaged file begins that is kept inside its bundle.
KEPT = "shimops-kept-"
_SAFE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
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
        _remove(directory, temporary)
        raise


def take_all(steps: List[Step], check_mode: bool) -> Tuple[List[Dict[str, str]], List[Refused], bool]:
    """Take the steps of each bundle, all or up to the one that fails, which does not hinder other bundles.

    :returns: a row for each bundle that has all its files, the bundles that have not, and whether anything was written.
        In check mode nothing is, and every bundle has its row.
    """
    rows: List[Dict[str, str]] = []
    refused: List[Refused] = []
    wrote = False
    for (namespace, identifier), group in itertools.groupby(steps, lambda step: (step.namespace, step.id)):
        words = []
        try:
            for step in group:
                kept = None if check_mode else take(step)
                wrote = True
                words.append(step.why + (", what was there is kept as " + kept if kept else ""))
        except ShimError as error:
            refused.append(Refused(namespace, identifier, str(error)))
            continue
        rows.append({"namespace": namespace, "id": identifier, "reason": "; ".join(words)})
    return rows, refused, wrote


def take(step: Step) -> Optional[str]:
    """Write one file of one bundle; the name that a file in its place was kept under, None when there was none.

    Raises ShimError when the bundle, the file or the task changed since the step was planned, or it cannot be written;
    then the file is as it was.
    """
    try:
        with _opened(step.path) as directory:
            if bundles.inode(directory) != step.inode:
                raise ShimError("act", step.path, "was replaced since it was read", "look again")
            if not all(process.alive() for process in step.alive):
                raise ShimError("act", step.path, "has lost its task or its shim meanwhile", "look again")
            if bundles.read_file(directory, step.name, bundles.SMALL) != step.before:
                raise ShimError("act", os.path.join(step.path, step.name), "changed since it was read", "look again")
            _changes.note()
            kept = _set_aside(directory, step)
            try:
                write_atomically(directory, step.name, step.data, MODES[step.name])
            except OSError:
                if kept:
                    # For a link to the same file a rename does nothing, so its second name has to be removed.
                    os.rename(kept, step.name, src_dir_fd=directory, dst_dir_fd=directory)
                    _remove(directory, kept)
                raise
            here, there = os.fstat(directory), os.stat(step.path, follow_symlinks=False)
            if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
                raise ShimError("act", step.path, "was replaced while it was written", "look again")
            return kept
    except OSError as error:
        raise ShimError(
            "act", step.path, "cannot be written ({0})".format(error.strerror), "look at the file system"
        ) from error


def _set_aside(directory: int, step: Step) -> Optional[str]:
    """Give what stands in a file's place a second name, which containerd does not read; None when nothing is kept.

    It stays inside the bundle: beside it, it would keep containerd from deleting the bundle (row G5).
    """
    if step.before.kind == "absent" or not (step.keep or step.before.kind == "directory"):
        return None
    taken, number, kept = os.listdir(directory), 0, KEPT + step.name
    while kept in taken:
        number += 1
        kept = "{0}{1}.{2}".format(KEPT, step.name, number)
    if step.before.kind == "directory":
        # It cannot have two names; containerd could not have read it either.
        os.rename(step.name, kept, src_dir_fd=directory, dst_dir_fd=directory)
    else:
        os.link(step.name, kept, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
    return kept


def _remove(directory: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)


@contextlib.contextmanager
def private_directory(place: str) -> Iterator[int]:
    """A directory of root alone, made if need be, as a descriptor; raises ShimError for one that others can write."""
    try:
        os.makedirs(place, mode=0o700, exist_ok=True)
        with _opened(place) as directory:
            status = os.fstat(directory)
            if status.st_uid != 0 or status.st_mode & 0o022:
                raise ShimError("act", place, "can be written by others than root", "give it to root alone")
            yield directory
    except OSError as error:
        raise ShimError(
            "act", place, "cannot be used ({0})".format(error.strerror), "look at the file system"
        ) from error


def save_ledger(path: str, book: Dict[str, Any]) -> None:
    """The ledger to disk, readable by root alone, synced before this returns."""
    place, name = os.path.split(path)
    try:
        os.makedirs(place, mode=0o700, exist_ok=True)
        with _opened(place) as directory:
            status = os.fstat(directory)
            if status.st_uid != 0 or status.st_mode & 0o022:
                raise ShimError("ledger", place, "can be written by others than root", "name another place with ledger")
            write_atomically(directory, name, json.dumps(book, indent=1, sort_keys=True).encode("utf-8"), 0o600)
    except OSError as error:
        raise ShimError(
            "ledger", path, "cannot be written ({0})".format(error.strerror), "name another place with ledger"
        ) from error


def keep_ledger(path: str, run_id: str) -> None:
    """Move a verified ledger aside, to a name that is free, before a new run writes its own."""
    kept, number = "{0}.{1}".format(path, run_id), 1
    while os.path.lexists(kept):
        kept, number = "{0}.{1}.{2}".format(path, run_id, number), number + 1
    try:
        os.rename(path, kept)
    except OSError as error:
        raise ShimError(
            "ledger", path, "cannot be kept ({0})".format(error.strerror), "look at its directory"
        ) from error


def remove_ledger(path: str) -> None:
    """Take a ledger back of a run that refused before it did anything."""
    os.unlink(path)


def detach() -> None:
    """Make this process outlive its ssh connection: signals of a cut line are ignored, the session is its own.

    When the process leads its group, the work goes on in a child and the parent only hands its exit status on.
    """
    for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM):
        # Not SIG_IGN, which the restart command and all that it starts would inherit.
        signal.signal(number, lambda *_: None)
    try:
        os.setsid()
        return
    except PermissionError:
        sys.stdout.flush()
    child = os.fork()
    if child:
        status = os.waitpid(child, 0)[1]
        os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1)
    os.setsid()


def restart_argv(unit: str, command: Optional[List[str]]) -> List[str]:
    """The command that restarts containerd; raises ShimError for one that root should not run."""
    if not command:
        systemctl = shutil.which("systemctl", path=_SAFE_PATH)
        if systemctl is None:
            raise ShimError("act", "systemctl", "was not found", "name another way with restart_command")
        return [systemctl, "restart", "--", unit]
    program = command[0]
    if not os.path.isabs(program):
        raise ShimError(
            "act", "restart_command {0!r}".format(program), "is not an absolute path", "name it with its whole path"
        )
    real = os.path.realpath(program)
    # The directory of a link counts as well: whoever writes there points it elsewhere.
    for path in (real, os.path.dirname(real), os.path.dirname(program)):
        try:
            status = os.stat(path)
        except OSError as error:
            raise ShimError(
                "act", "restart_command " + program, "cannot be found", "name a program that is there"
            ) from error
        if status.st_uid != 0 or stat.S_IMODE(status.st_mode) & 0o022:
            raise ShimError(
                "act",
                "restart_command " + program,
                "can be changed by others than root",
                "name a program that is root's alone",
            )
    if not os.access(program, os.X_OK):
        raise ShimError("act", "restart_command " + program, "cannot be executed", "name a program that can")
    return list(command)


class Restart(NamedTuple):
    """A restart command under way. It is never killed: a restart cut in two is worse than a slow one."""

    process: subprocess.Popen[bytes]
    errors: IO[bytes]

    def code(self) -> Optional[int]:
        """Its exit status, or None while it runs."""
        return self.process.poll()

    def words(self) -> str:
        """The end of what it said on standard error, in one line."""
        self.errors.seek(0)
        return " ".join(self.errors.read()[-300:].decode("utf-8", "replace").split()).rstrip(".")


def restart(argv: List[str]) -> Restart:
    """Start the restart command: no shell, nothing on its input, a session of its own."""
    # A file, not a pipe: the command must not break when we stop listening to it.
    errors = tempfile.TemporaryFile()
    try:
        # AnsibleModule.run_command would wait for it, and end it with the module.
        process = subprocess.Popen(  # pylint: disable=ansible-bad-function
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
            env={"PATH": _SAFE_PATH, "LC_ALL": "C"},
        )
    except OSError as error:
        raise ShimError("act", argv[0], "cannot be started ({0})".format(error.strerror), "look at it") from error
    return Restart(process, errors)
