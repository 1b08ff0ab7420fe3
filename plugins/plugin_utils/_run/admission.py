# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Admission: who may begin, and what is counted. Internal.

Every function here is called inside a transaction of the run's store, so that a budget is exact however many hosts act
at once: a host that asks after another's loss was recorded may not begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ansible_collections.shimops.containerd.plugins.plugin_utils._run import budgets, timestamps
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import (
    BATCH,
    HOSTS,
    RUN,
    STOP,
    TALLY,
    Entries,
    Entry,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import StoreError

# No host is called so: the entry has the number of the batch that began last.
_LAST = Entry(BATCH, "+last")


class Count(NamedTuple):
    """What is counted of one host: against which budget, None for nothing, and how much."""

    kind: str | None = None
    number: int = 0


def begun_with(entries: Entries) -> dict:
    """Return what the run was begun with; raises StoreError where none was."""
    found = entries.get(RUN)
    if found is None:
        raise StoreError(f"there is no run in {entries.where}: begin it first (fleet_run, state: begun)")
    return found


def write(entries: Entries, run: dict, hosts: Sequence[str]) -> None:
    """Write down what a run is begun with."""
    entries.put(HOSTS, {"hosts": list(hosts)})
    entries.put(RUN, run)


def write_anew(entries: Entries, run: dict, hosts: Sequence[str]) -> None:
    """Write down a run that begins or is resumed: no stop mark, no batch, nothing counted yet."""
    write(entries, run, hosts)
    entries.drop(STOP)
    entries.drop_all(BATCH)
    entries.put(TALLY, {})


def stop(entries: Entries, host: str | None, reason: str) -> None:
    """Set the stop mark, unless there is one: the first reason is the one that counts."""
    if entries.get(STOP) is None:
        entries.put(STOP, {"host": host, "reason": reason, "at": entries.now})


def denial(entries: Entries, host: str) -> str:
    """Say why this host may not begin now; empty when it may."""
    run, mark = begun_with(entries), entries.get(STOP)
    if mark:
        return f"the run was stopped: {mark['reason']}"
    if host in run["quarantine"]:
        return "it is in quarantine"
    if run["deadline"] and entries.now > run["deadline"]:
        reason = f"the deadline {timestamps.text(run['deadline'])} has passed"
        stop(entries, None, reason)
        return f"the run was stopped: {reason}"
    return ""


def count(entries: Entries, host: str, now: Count, before: Count, reason: str) -> None:
    """Count what became of a host instead of what was counted for it before; may set the stop mark.

    Call it before the host's own document says so: a controller that dies while a folder is written counts the host
    twice, not never.
    """
    if now == before:
        return
    tally = counted(entries)
    for (kind, number), sign in ((before, -1), (now, 1)):
        if kind:
            tally[kind] = tally.get(kind, 0) + sign * number
    entries.put(TALLY, tally)
    spent = budgets.exceeded(begun_with(entries)["budgets"], tally) if now.kind else ""
    if spent:
        stop(entries, host, f"{spent}; {host}: {reason}")


def counted(entries: Entries) -> dict[str, int]:
    """Return what was counted so far, by budget."""
    return dict(entries.get(TALLY) or {})


def batch(entries: Entries, host: str, hosts: Sequence[str]) -> int:
    """Return the number of the batch a host is in; a batch is known by the first of its hosts that asks.

    :param hosts: those that the play has in the batch.
    """
    own = entries.get(Entry(BATCH, host))
    if own is not None:
        return own["number"]
    number = batches_begun(entries) + 1
    for one in [Entry(BATCH, name) for name in dict.fromkeys([*hosts, host])]:
        if entries.get(one) is None:
            entries.put(one, {"number": number})
    entries.put(_LAST, {"number": number})
    return number


def batches_begun(entries: Entries) -> int:
    """Return how many batches have begun."""
    return (entries.get(_LAST) or {"number": 0})["number"]
