# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verdict: the state of one task after the restart, from independent witnesses. Pure. Internal to the collection."""

from __future__ import annotations

from typing import Container, NamedTuple, Optional, Sequence, Tuple, TypedDict

from ansible_collections.shimops.containerd.plugins.module_utils._host.ctr import Task
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process

#: In the order people want to read them: what is well, then what is not.
VERDICTS = ("reattached", "exited", "ended", "new", "unproven", "orphaned", "duplicated", "restarted", "killed")
GOOD = ("reattached", "exited", "ended", "new")
#: What counts as a lost task. An unproven one is verified again, and its host has failed until then.
LOST = ("orphaned", "duplicated", "restarted", "killed")

# A process that signal N ends has the exit status 128 + N (runc; signal(7) has 64 signals).
_SIGNALS = range(129, 193)
# Seconds in which a shim notices the end of a process; one that was stopped notices late, and says a late time.
_REAPED = 0.5


class Exit(NamedTuple):
    """How a task ended: ``status`` as the shim reports it, ``at`` in seconds since the epoch."""

    status: int
    at: float


class Moments(NamedTuple):
    """One restart of containerd, in seconds since the epoch.

    ``began`` is when the restart began, or when the containerd before it was last seen; ``serves`` when the new one
    began to serve its socket, None for one that never did; ``seen`` when it was last seen.

    containerd loads every shim before it serves (``server.New`` before ``sys.GetLocalListener`` in
    cmd/containerd/command/main.go:App, all releases from 1.6.0 on), so what ends after ``serves`` was not ended by the
    load.
    """

    began: float
    serves: Optional[float]
    seen: float


class Evidence(NamedTuple):
    """What is known of one task after a restart.

    ``shim`` and ``kernel`` are yes (True), no (False) or absent (None). ``answered`` is false when containerd gave no
    task list; ``listed`` is its row for the task, if any. ``twin`` is the id of a new task of the same container.
    ``pid_taken`` is whether another process has its pid now, ``alive_at`` when its process was last seen, ``dead_by``
    when it was first seen to be gone, both in seconds since the epoch. ``ended_before`` says that it was gone right
    before the restart, ``deleted`` that a client deleted it through the old containerd, ``removed`` that containerd has
    no container of that id any more, and ``shim_deleted`` that its shim has no such task any more, or is gone. ``kept``
    is false where the forecast said that the restart, or its client because of the restart, would end it.
    """

    before: Optional[Process]
    status: Optional[str]
    alive: bool
    answered: bool
    listed: Optional[Task]
    shim: Optional[bool]
    kernel: Optional[bool]
    exit: Optional[Exit]
    moments: Sequence[Moments]
    same_boot: bool
    twin: Optional[str]
    pid_taken: bool = False
    alive_at: Optional[float] = None
    dead_by: Optional[float] = None
    ended_before: bool = False
    deleted: bool = False
    removed: bool = False
    shim_deleted: bool = False
    kept: bool = True


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
    """The init process of the ledger is gone: by itself, by its client, or it was killed."""
    if evidence.status == "stopped":
        return "exited", "it had exited before"
    if evidence.ended_before:
        return "ended", "it had ended when the restart began"
    if not evidence.same_boot:
        return "killed", "the host was booted in between"
    listed, before = evidence.listed, evidence.before
    if listed and listed.status == "running" and before and listed.pid != before.pid:
        return "restarted", "containerd runs it with another init process ({0})".format(listed.pid)
    if listed and listed.status == "running" and evidence.pid_taken:
        return "restarted", "its pid {0} now belongs to another process".format(listed.pid)
    if evidence.exit and (evidence.dead_by is None or evidence.exit.at <= evidence.dead_by + _REAPED):
        return _ended_at(evidence, evidence.exit)
    if evidence.twin:
        return "restarted", "{0} runs in its place".format(evidence.twin)
    if not evidence.kept:
        return "killed", "its init process is gone, as the forecast said"
    if evidence.deleted:
        return "ended", "its client deleted it before containerd was gone"
    if listed and listed.status in ("running", "stopped") and before and listed.pid == before.pid:
        # A load that failed leaves no task behind: this one was kept, and ended afterwards.
        return "ended", "containerd kept it, and it ended afterwards"
    if evidence.alive_at is not None and _serves_by(evidence.moments, evidence.alive_at):
        return "ended", "its process ran on when containerd served again, and ended afterwards"
    if evidence.exit:
        return "killed", "its shim says that it ended later than its process was gone"
    return "killed", "its init process is gone and nothing proves that it ended by itself"


def _serves_by(moments: Sequence[Moments], at: float) -> bool:
    """Whether the last containerd served by then."""
    return all(one.serves is not None and one.serves <= at for one in moments)


def _ended_at(evidence: Evidence, ended: Exit) -> Tuple[str, str]:
    """When the task ended is known: before, during or after the restart."""
    if not evidence.moments:
        return "ended", "it ended with status {0}, and containerd was not restarted".format(ended.status)
    if ended.at < evidence.moments[0].began:
        return "ended", "it ended with status {0} before the restart began".format(ended.status)
    down = any(one.began <= ended.at < (one.serves or float("inf")) for one in evidence.moments)
    if not evidence.kept:
        return "killed", "it ended with status {0}, as the forecast said".format(ended.status)
    if down and ended.status not in _SIGNALS:
        return "exited", "it ended by itself with status {0}".format(ended.status)
    if down and evidence.deleted:
        return "ended", "its client deleted it before containerd was gone"
    if down and evidence.removed and evidence.shim_deleted and not evidence.twin:
        # A load that fails calls no Delete of the shim, and leaves it behind (recovery-spec 1.5).
        return "ended", "its shim was asked to delete it, and its client removed it since"
    if down:
        return "killed", "it ended by signal {0} before containerd served again".format(ended.status - 128)
    if evidence.twin:
        return "restarted", "it ended after containerd served again, and {0} runs in its place".format(evidence.twin)
    # See Moments: the load had ended.
    return "ended", "it ended with status {0} after containerd served again".format(ended.status)


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
