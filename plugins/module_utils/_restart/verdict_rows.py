# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verdict rows: one for each task, as the ledger, the modules and the reports have it. Pure. Internal."""

from __future__ import annotations

from typing import Any, Container, Dict, List, Optional, Sequence, Tuple, TypedDict

from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict import LOST, VERDICTS, Witnesses


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
    is read, see _logs/status.py, ``log_reason`` why not, and ``log_before`` that it was not read before the restart
    either.
    """

    log: str
    log_reason: str
    log_before: bool


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
    return dict(counts, tasks=len(found), lost=len(lost(found)))


def lost(found: Sequence[Any]) -> List[Any]:
    """The rows of lost tasks."""
    return [one for one in found if one["verdict"] in LOST]


def unproven(found: Sequence[VerdictRow]) -> List[VerdictRow]:
    """The rows of tasks that nothing is proven of yet."""
    return [one for one in found if one["verdict"] == "unproven"]


def sentence(one: VerdictRow) -> str:
    """One task in a few words."""
    return "{0}/{1} is {2}: {3}".format(one["namespace"], one["id"][:16], one["verdict"], one["reason"])


def not_proven(one: VerdictRow, problem: str) -> VerdictRow:
    """A verdict of a host whose containerd does not stay up, or is still to restart, proves nothing good."""
    return _with(one, "unproven", problem) if one["verdict"] == "reattached" else one


def with_earlier_proof(
    one: VerdictRow, earlier_rows: Sequence[VerdictRow], foretold: Container[Tuple[str, str]] = ()
) -> VerdictRow:
    """What was proven stays proven: a task that ended after it was verified was not lost by the restart.

    :param earlier_rows: earlier verdicts, after which containerd was not restarted again.
    :param foretold: the tasks, by namespace and id, of which the forecast said that this restart would end them: a
        client that deletes one because of the restart may do so a moment after it was seen to run on.
    """
    key = (one["namespace"], one["id"])
    for earlier in earlier_rows:
        if (earlier["namespace"], earlier["id"]) != key:
            continue
        if one["verdict"] == "killed" and earlier["verdict"] in ("exited", "ended"):
            return _with(one, earlier["verdict"], earlier["reason"])
        if one["verdict"] == "killed" and earlier["verdict"] == "reattached" and key not in foretold:
            return _with(one, "ended", "it was proven reattached, and ended since")
        if one["verdict"] == "ended" and earlier["verdict"] in ("orphaned", "duplicated"):
            # It ran on without containerd, and has ended since.
            return _with(one, earlier["verdict"], earlier["reason"])
    return one


def _with(one: VerdictRow, verdict: str, reason: str) -> VerdictRow:
    other = one.copy()
    other["verdict"], other["reason"] = verdict, reason
    return other
