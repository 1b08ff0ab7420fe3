# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verdict: the state of one task after the restart, from independent witnesses. Pure. Internal to the collection."""

from __future__ import annotations

from typing import Container, NamedTuple, Optional, Tuple, TypedDict

from ansible_collections.shimops.containerd.plugins.module_utils._host.ctr import Task
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process

#: In the order people want to read them: what is well, then what is not.
VERDICTS = ("reattached", "exited", "new", "unproven", "orphaned", "duplicated", "restarted", "killed")
GOOD = ("reattached", "exited", "new")


class Exit(NamedTuple):
    """How a task ended: ``status`` as the shim reports it, ``at`` in seconds since the epoch."""

    status: int
    at: float


class Evidence(NamedTuple):
    """What is known of one task after a restart.

    ``shim`` and ``kernel`` are yes (True), no (False) or absent (None). ``answered`` is false when containerd gave no
    task list; ``listed`` is its row for the task, if any. ``twin`` is the id of a new task of the same container.
    """

    before: Optional[Process]
    status: Optional[str]
    alive: bool
    answered: bool
    listed: Optional[Task]
    shim: Optional[bool]
    kernel: Optional[bool]
    exit: Optional[Exit]
    restarted_at: Optional[float]
    same_boot: bool
    twin: Optional[str]


class Witnesses(TypedDict):
    """Each witness's word on one task: ``yes``, ``no`` or ``absent``."""

    shim: str
    containerd: str
    kernel: str


class Verdict(NamedTuple):
    """The verdict with each witness's word (``yes``, ``no``, ``absent``) and the reason when it is not well."""

    verdict: str
    witnesses: Witnesses
    reason: str


def judge(evidence: Evidence, required: Container[str]) -> Verdict:
    """The verdict for one task.

    :param required: the witnesses that must all say yes for ``reattached``: of ``shim``, ``containerd``, ``kernel``.
    """
    verdict, reason = _ended(evidence) if not evidence.alive else _living(evidence, required)
    return Verdict(verdict, witnesses(evidence), reason)


def witnesses(evidence: Evidence) -> Witnesses:
    """Each witness's word."""
    listed, before = evidence.listed, evidence.before
    managed = (
        listed is not None
        and before is not None
        and listed.pid == before.pid
        and listed.status in ("running", "created", "paused", "pausing")
    )
    words = {True: "yes", False: "no", None: "absent"}
    return {
        "shim": words[evidence.shim],
        "containerd": words[managed if evidence.answered else None],
        "kernel": words[evidence.kernel],
    }


def _ended(evidence: Evidence) -> Tuple[str, str]:
    """The init process of the ledger is gone: by itself, with proof, or it was killed."""
    if evidence.status == "stopped":
        return "exited", "it had exited before"
    if not evidence.same_boot:
        return "killed", "the host was booted in between"
    listed, ended = evidence.listed, evidence.exit
    if listed and listed.status == "running" and evidence.before and listed.pid != evidence.before.pid:
        return "restarted", "containerd runs it with another init process ({0})".format(listed.pid)
    if listed and listed.status == "running":
        return "restarted", "its pid {0} now belongs to another process".format(listed.pid)
    if ended and (evidence.restarted_at is None or ended.at < evidence.restarted_at):
        return "exited", "it ended by itself with status {0}".format(ended.status)
    if listed and listed.status == "stopped" and evidence.before and listed.pid == evidence.before.pid:
        # A load that failed leaves no task behind: this one was kept, and ended afterwards.
        return "exited", "containerd kept it, and it ended afterwards"
    if ended:
        return "killed", "it ended with status {0} after containerd was back".format(ended.status)
    return "killed", "its init process is gone and nothing proves that it ended by itself"


def _living(evidence: Evidence, required: Container[str]) -> Tuple[str, str]:
    """The init process of the ledger runs on: is it still managed, and only once?"""
    if not evidence.answered:
        return "unproven", "containerd gave no task list"
    if evidence.twin:
        return "duplicated", "{0} is a second container of the same kind".format(evidence.twin)
    if evidence.listed is None:
        return "orphaned", "it runs on, and containerd does not know it"
    # Without an answer of the shim containerd lists pid 0: that is no other process.
    if evidence.before is None or evidence.listed.pid not in (0, evidence.before.pid):
        return "duplicated", "containerd runs it as pid {0} in addition to the old one".format(evidence.listed.pid)
    missing = [
        "witness {0}: {1}".format(name, word)
        for name, word in witnesses(evidence).items()
        if name in required and word != "yes"
    ]
    if missing:
        return "unproven", ", ".join(missing)
    return "reattached", ""
