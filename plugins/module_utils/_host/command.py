# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs of the host: run under a hard deadline, read while they run, or started and never killed. Internal."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Callable, List, NamedTuple, Optional, Sequence

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError

#: What root searches for programs.
SAFE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Between two questions whether a command has ended, in seconds.
_TICK = 0.02


class Output(NamedTuple):
    """What a program said. ``code`` is None when it did not end in time; then nothing else counts."""

    code: Optional[int]
    stdout: str
    stderr: str


def run(argv: Sequence[str], deadline: Deadline, executable: Optional[str] = None) -> Output:
    """Run a program without a shell, in a process group of its own that ends with the deadline.

    A program that cannot be started gives code 127, as a shell would.

    :param executable: the file to run where that is not what the program calls itself, see containerd() below.
    """
    environment = dict(os.environ, LC_ALL="C")
    try:
        # AnsibleModule.run_command knows neither a deadline nor a process group of its own.
        process = subprocess.Popen(  # pylint: disable=ansible-bad-function
            argv,
            executable=executable,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        return Output(127, "", str(error))
    try:
        stdout, stderr = process.communicate(timeout=max(0.01, deadline.remaining()))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return Output(None, "", "no answer in time")
    return Output(process.returncode, stdout.decode("utf-8", "replace"), stderr.decode("utf-8", "replace"))


def aside() -> ThreadPoolExecutor:
    """Runs what waits for programs while its user does something else: one call after another."""
    return ThreadPoolExecutor(1)


def containerd(path: str, words: Sequence[str], deadline: Deadline) -> Output:
    """Run the containerd at that path.

    That of k3s is one program of many names, which acts by the name it is called (k3s cmd/server/main.go:init).
    """
    return run(["containerd", *words], deadline, path)


class Follower:
    """A program that is read while it runs, by a thread, until it ends or is closed.

    :param argv: its command line; one that cannot be started says nothing.
    :param each: called in that thread with every line, without its newline.
    :param longest: bytes of a line; a longer one is passed over.
    """

    def __init__(self, argv: List[str], each: Callable[[bytes], None], longest: int):
        self._each = each
        self._longest = longest
        self._process: Optional[subprocess.Popen[bytes]] = None
        try:
            # AnsibleModule.run_command would wait for its end.
            self._process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"PATH": SAFE_PATH, "LC_ALL": "C"},
                start_new_session=True,
            )
        except OSError:
            return
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    def close(self) -> None:
        """End the program."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _read(self, stream: IO[bytes]) -> None:
        rest, skipping = b"", False
        with stream:
            for block in iter(lambda: os.read(stream.fileno(), 65536), b""):
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    if not skipping and len(line) <= self._longest:
                        self._each(line)
                    skipping = False
                if len(rest) > self._longest:
                    rest, skipping = b"", True


class Running(NamedTuple):
    """A command under way that is never killed: a restart cut in two is worse than a slow one."""

    process: subprocess.Popen[bytes]
    errors: IO[bytes]

    def code(self) -> Optional[int]:
        """Its exit status, or None while it runs."""
        return self.process.poll()

    def words(self) -> str:
        """The end of what it said on standard error, in one line."""
        self.errors.seek(0)
        return " ".join(self.errors.read()[-300:].decode("utf-8", "replace").split()).rstrip(".")


def start(argv: List[str]) -> Running:
    """Start a command that outlives the module: no shell, nothing on its input, a session of its own."""
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
            env={"PATH": SAFE_PATH, "LC_ALL": "C"},
        )
    except OSError as error:
        raise ShimError("act", argv[0], "cannot be started ({0})".format(error.strerror), "check it") from error
    return Running(process, errors)


def complete(argv: List[str], stage: str, name: str, patience: float) -> None:
    """Run a command that outlives the module, and wait for its end.

    :param name: what it is called in a sentence, its program first.
    :param patience: seconds after which it is left alone.
    Raises ShimError when it fails, with what it said, or does not end.
    """
    running, clock = start(argv), Deadline(patience)
    while running.code() is None and not clock.expired():
        clock.sleep(_TICK)
    if running.code() is None:
        problem = "did not end in {0} s and is left alone".format(patience)
        raise ShimError(stage, name.split()[0], problem, "check it")
    if running.code() != 0:
        raise ShimError(stage, name, "failed: {0}".format(running.words()), "correct it, then run this again")
