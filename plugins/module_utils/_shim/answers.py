# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers: a question to a shim, and what it said. Pure. Internal to the collection."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint

#: What no shim can have answered.
TOO_LITTLE_TIME, BROKEN, CLOSED = -1, -2, -3
SERVICES = {"v3": "containerd.task.v3.Task", "v2": "containerd.task.v2.Task"}


class Question(NamedTuple):
    """Which task to ask for, and where."""

    namespace: str
    id: str
    endpoint: Endpoint


class Reply(NamedTuple):
    """The status one call ended with: a google.rpc.Code and the server's words."""

    code: int
    text: str


class Answers(NamedTuple):
    """What a shim said. Nothing is filled in that was not said.

    ``connect`` has a Reply per service version; ``service`` is the newest version that knows Connect;
    ``failure`` is (rule, reason) when no usable answer came, ``asked`` false when that says nothing of the shim;
    ``pids`` is None unless the shim listed them, with ``pids_failure`` (code, reason) when it should have and did not:
    the code is None for silence, TOO_LITTLE_TIME when it cannot be called that, CLOSED when the shim hung up, and
    BROKEN for what is no answer.
    ``state_code`` is the status State ended with, None when it was not asked. ``elapsed`` is how long Connect and Pids
    took, ``greeted`` Connect alone, in seconds. ``stdio`` is where the task's stdout and stderr go: the path of a FIFO,
    the URI of a file or a logger, or nothing.
    """

    connect: Dict[str, Reply]
    service: Optional[str]
    shim_pid: Optional[int]
    task_pid: Optional[int]
    status: Optional[str]
    pids: Optional[List[int]]
    pids_failure: Optional[Tuple[Optional[int], str]]
    failure: Optional[Tuple[str, str]]
    elapsed: float
    asked: bool
    state_code: Optional[int] = None
    stdio: Optional[Tuple[str, str]] = None
    greeted: float = 0.0

    def brief(self) -> str:
        """The answers in one line for people: ``v3: Unimplemented, v2: ok``."""
        if not self.connect:
            return self.failure[1] if self.failure else ""
        return ", ".join(
            "{0}: {1}".format(name, self.connect[name].text) for name in sorted(self.connect, reverse=True)
        )
