# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command that restarts containerd, and the process that outlives its connection. Internal to the collection."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
from typing import List, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host.command import SAFE_PATH


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


def argv_for(unit: str, command: Optional[List[str]], verb: str = "restart") -> List[str]:
    """The command that restarts containerd; raises ShimError for one that root should not run.

    :param verb: what systemctl does where there is no command.
    """
    if not command:
        systemctl = shutil.which("systemctl", path=SAFE_PATH)
        if systemctl is None:
            raise ShimError("act", "systemctl", "was not found", "name another way with restart_command")
        return [systemctl, verb, "--", unit]
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
                "can be changed by users other than root",
                "name a program that is root's alone",
            )
    if not os.access(program, os.X_OK):
        raise ShimError("act", "restart_command " + program, "cannot be executed", "name a program that can")
    return list(command)
