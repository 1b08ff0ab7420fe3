# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs of the host, run under a hard deadline. Internal to the collection."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import List, NamedTuple, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline


class Output(NamedTuple):
    """What a program said. ``code`` is None when it did not end in time; then nothing else counts."""

    code: Optional[int]
    stdout: str
    stderr: str


def run(argv: List[str], deadline: Deadline) -> Output:
    """Run a program without a shell, in a process group of its own that ends with the deadline.

    A program that cannot be started gives code 127, as a shell would.
    """
    environment = dict(os.environ, LC_ALL="C")
    try:
        # AnsibleModule.run_command knows neither a deadline nor a process group of its own.
        process = subprocess.Popen(  # pylint: disable=ansible-bad-function
            argv,
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
