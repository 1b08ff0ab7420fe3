# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exec proof: a harmless command run in a container through containerd, only where it is asked for. Internal.

It proves the whole way from containerd over the shim and runc into the container. The process is ours: when it does not
end in time it is killed by its own exec id, and nothing else is.
"""

from __future__ import annotations

import os
from typing import Any, Dict, List, Sequence, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host.command import Output
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon

#: Seconds one exec may take.
PATIENCE = 10.0
RESULTS = ("works", "no_command", "failed", "timed_out")
# What runc says when the program is not in the container: it got as far as starting it there.
_MISSING = ("executable file not found", "no such file or directory")


def wanted(names: Sequence[str]) -> List[Tuple[str, str]]:
    """Namespace and id of each ``namespace/id``; raises ShimError for one that is something else."""
    found = []
    for name in names:
        namespace, slash, identifier = name.partition("/")
        if not (namespace and slash and identifier) or "/" in identifier or name.startswith("-"):
            raise ShimError("options", "exec_proof={0}".format(name), "is no task", "name it as namespace/id")
        found.append((namespace, identifier))
    return found


def require_command(command: Sequence[str]) -> None:
    """Refuse a command that is none."""
    if not command or not command[0] or command[0].startswith("-"):
        sentence = "exec_command={0}".format(" ".join(command))
        raise ShimError("options", sentence, "names no program", "give a harmless one, such as true")


def prove(tasks: Sequence[Tuple[str, str]], command: Sequence[str], daemon: Daemon) -> List[Dict[str, Any]]:
    """Run the command in each of these tasks; one row each with ``result`` of RESULTS and the reason."""
    rows = []
    for number, (namespace, identifier) in enumerate(tasks):
        exec_id = "shimops-{0}-{1}".format(os.getpid(), number)
        said = daemon.ctr().execute(namespace, identifier, exec_id, command, Deadline(PATIENCE))
        if said.code is None:
            daemon.ctr().end_exec(namespace, identifier, exec_id, Deadline(PATIENCE))
        result, reason = judge(said, command)
        rows.append({"namespace": namespace, "id": identifier, "result": result, "reason": reason})
    return rows


def judge(said: Output, command: Sequence[str]) -> Tuple[str, str]:
    """What an exec resulted in."""
    words = " ".join((said.stderr or said.stdout).split())
    if said.code is None:
        return "timed_out", "it did not end in {0:g} s".format(PATIENCE)
    if said.code == 0:
        return "works", ""
    # The program is named, so that a shim which does not find runc is no container without the program.
    if 'exec: "{0}": '.format(command[0]) in words and any(phrase in words for phrase in _MISSING):
        return "no_command", "the container has no {0}".format(command[0])
    return "failed", words[-160:] or "it ended with status {0}".format(said.code)


def failure(rows: Sequence[Dict[str, Any]]) -> str:
    """The first proof that failed, in a few words; empty when none did. A container without the command is none."""
    bad = [row for row in rows if row["result"] in ("failed", "timed_out")]
    if not bad:
        return ""
    sentence = "exec in {0}/{1} {2}: {3}".format(
        bad[0]["namespace"], bad[0]["id"][:16], bad[0]["result"].replace("_", " "), bad[0]["reason"]
    )
    return sentence if len(bad) == 1 else "{0} (and {1} more)".format(sentence, len(bad) - 1)
