# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verdict rows: one for each task, as the ledger, the modules and the reports have it. Pure. Internal."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence, TypedDict

from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict import GOOD, VERDICTS, Witnesses


class ProcessRow(TypedDict, total=False):
    """Init pid, its start time (clock ticks since boot) and shim pid of a task; None for what is not known."""

    pid: Optional[int]
    start_time: Optional[int]
    shim_pid: Optional[int]


class _Always(TypedDict):
    namespace: str
    id: str
    pod: Optional[Dict[str, str]]
    verdict: str
    witnesses: Witnesses
    reason: str
    before: Optional[ProcessRow]
    after: ProcessRow


class VerdictRow(_Always, total=False):
    """The verdict on one task.

    ``verdict`` is one of VERDICTS. ``reason`` is empty where the task is ``reattached``. ``log`` says whether its log
    is read, see _logs/status.py, and ``log_reason`` why not.
    """

    log: str
    log_reason: str


def in_words(found: Sequence[VerdictRow]) -> str:
    """The counts, such as ``5 reattached, 1 killed``."""
    count: Dict[str, int] = {}
    for one in found:
        count[one["verdict"]] = count.get(one["verdict"], 0) + 1
    return ", ".join("{0} {1}".format(number, word) for word, number in count.items()) or "no tasks"


def summary(found: Sequence[Any]) -> Dict[str, Any]:
    """Exact counts of verdicts; every word is there, also with 0."""
    counts = dict.fromkeys(VERDICTS, 0)
    for one in found:
        counts[one["verdict"]] += 1
    return dict(counts, tasks=len(found), lost=sum(1 for one in found if one["verdict"] not in GOOD))


def sentence(one: VerdictRow) -> str:
    """One lost task in a few words."""
    return "{0}/{1} is {2}: {3}".format(one["namespace"], one["id"][:16], one["verdict"], one["reason"])


def unproven(one: VerdictRow, problem: str) -> VerdictRow:
    """A verdict of a host whose containerd changed meanwhile, or is still to restart, proves nothing good."""
    if one["verdict"] != "reattached":
        return one
    return _with(one, "unproven", problem)


def with_earlier_proof(one: VerdictRow, earlier_rows: Sequence[VerdictRow], phase: str) -> VerdictRow:
    """What the ledger proved stays proven: a task that ended after it was verified was not lost by the restart.

    :param earlier_rows: the verdicts in the ledger.
    :param phase: the ledger's.
    """
    for earlier in earlier_rows:
        same = (earlier["namespace"], earlier["id"]) == (one["namespace"], one["id"])
        if not same or one["verdict"] != "killed":
            continue
        if earlier["verdict"] == "exited":
            return _with(one, "exited", earlier["reason"])
        if earlier["verdict"] == "reattached" and phase == "verified":
            return _with(one, "exited", "it was proven reattached, and ended since")
    return one


def _with(one: VerdictRow, verdict: str, reason: str) -> VerdictRow:
    other = one.copy()
    other["verdict"], other["reason"] = verdict, reason
    return other
