# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Child processes: in a group of their own, so that nothing of them is left behind."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from dev.errors import DevError

ENDING = (signal.SIGTERM, signal.SIGHUP)


def interruptible() -> None:
    """Let TERM and HUP end ./dev as Ctrl-C does, so that every `finally` is reached."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for number in ENDING:
        signal.signal(number, interrupt)


def run(
    argv: Sequence[object],
    *,
    log: Path | None = None,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
) -> int:
    """Run to the end and return the exit status; with `log`, all output is appended there."""
    command = [str(word) for word in argv]
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(log.open("ab")) if log else None
        if out:
            out.write(f"$ {' '.join(command)}\n".encode())
            out.flush()
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT if out else None,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )
        except FileNotFoundError as missing:
            raise DevError(f"The program {missing.filename} is not here.") from missing
        try:
            return child.wait(timeout)
        except subprocess.TimeoutExpired:
            if out:
                out.write(f"\nnot finished after {timeout:.0f} seconds: stopped\n".encode())
            return 124
        finally:
            end_group(child)


def end_group(child: subprocess.Popen) -> None:
    """Let the child's group end itself, as Ctrl-C would; make it end if it does not."""
    if child.poll() is not None:
        return
    # Impatience must not cut short what cleans up.
    with undisturbed():
        for number, patience in ((signal.SIGINT, 60), (signal.SIGTERM, 10), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(child.pid, number)
                child.wait(patience)
                return


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let nothing but KILL interrupt what is done in here."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, *ENDING)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def answer(argv: Sequence[object], **options: object) -> str | None:
    """Return what a quick command prints, or None if it fails or is not there."""
    try:
        done = subprocess.run(
            [str(word) for word in argv], capture_output=True, text=True, timeout=30, check=True, **options
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
