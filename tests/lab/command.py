# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running commands so that none outlives the lab's own process."""

import contextlib
import os
import signal
import subprocess

from lab.errors import LabError

# The kernel ends the whole process tree of a build with this process, even if this one is killed.
CONTAINED = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")

_live = set()


def stop_all():
    """Kill every command that other threads are waiting for; each of them then raises LabError."""
    for process in list(_live):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def run(argv, what, stdin=None, timeout=None, cwd=None, env=None):
    """Run argv and return its standard output; raise LabError naming ``what`` if it fails."""
    argv = [str(word) for word in argv]
    full_env = {**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}
    # A session of its own: control-C reaches the lab first, which then ends the command.
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=full_env,
        start_new_session=True,
    ) as process:
        _live.add(process)
        try:
            out, err = process.communicate(stdin, timeout=timeout)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise LabError(f"{what}: no answer within {timeout} s ({argv[0]}).") from None
            raise
        finally:
            _live.discard(process)
    if process.returncode != 0:
        tail = "\n".join((err.strip() or out.strip()).splitlines()[-8:])
        raise LabError(f"{what} failed ({argv[0]}, status {process.returncode}): {tail}")
    return out


def contained(argv, what, **options):
    """Like run(), in mount and process namespaces that vanish with the command."""
    return run([*CONTAINED, *argv], what, **options)
