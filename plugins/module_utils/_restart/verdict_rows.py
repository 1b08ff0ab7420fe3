# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of verdicts: counted, named, and corrected by what else is known of the restart. Pure. Internal."""

from __future__ import annotations

from typing import Any, Dict, List

from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict import GOOD, VERDICTS


def counted(found: List[Dict[str, Any]]) -> str:
    """``5 reattached, 1 killed``."""
    count: Dict[str, int] = {}
    for one in found:
        count[one["verdict"]] = count.get(one["verdict"], 0) + 1
    return ", ".join("{0} {1}".format(number, word) for word, number in count.items()) or "no tasks"


def summary(found: List[Dict[str, Any]]) -> Dict[str, Any]:
    """Exact counts of verdicts; every word is there, also with 0."""
    counts = dict.fromkeys(VERDICTS, 0)
    for one in found:
        counts[one["verdict"]] += 1
    return dict(counts, tasks=len(found), lost=sum(1 for one in found if one["verdict"] not in GOOD))


def named(one: Dict[str, Any]) -> str:
    """One lost task in a few words."""
    return "{0}/{1} is {2}: {3}".format(one["namespace"], one["id"][:16], one["verdict"], one["reason"])


def doubted(one: Dict[str, Any], problem: str) -> Dict[str, Any]:
    """A verdict of a host whose containerd changed while we looked, or will, proves nothing good."""
    if one["verdict"] != "reattached":
        return one
    return dict(one, verdict="unproven", reason=problem)


def remembered(one: Dict[str, Any], book: Dict[str, Any]) -> Dict[str, Any]:
    """What this ledger proved stays proven: a task that ended after it was verified was not lost by the restart."""
    for earlier in book["verdicts"]:
        same = (earlier["namespace"], earlier["id"]) == (one["namespace"], one["id"])
        if not same or one["verdict"] != "killed":
            continue
        if earlier["verdict"] == "exited":
            return dict(one, verdict="exited", reason=earlier["reason"])
        if earlier["verdict"] == "reattached" and book["phase"] == "verified":
            return dict(one, verdict="exited", reason="it was proven reattached, and ended since")
    return one
