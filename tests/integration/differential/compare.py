# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened, in the forecast's words; and whether that is what was foretold."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Seen:
    """What became of one entry, and of its task: ``kept``, ``killed``, ``unmanaged`` or ``gone_before``."""

    outcome: str
    task: str
    facts: dict


@dataclass(frozen=True)
class Judgement:
    """One forecast and what happened: ``verdict`` is ``agrees``, ``race``, ``unknown`` or ``DIFFERS``."""

    verdict: str
    foretold: dict
    seen: Seen
    why: str = ""


def seen(facts, listed, hanging=False, log=""):
    """Put the agent's facts of one entry into words.

    ``listed`` is containerd's task list, or None when it has none; ``log`` what it has logged, for shims that are not
    ours: what was asked of others is not known.
    """
    key = facts["namespace"], facts["id"]
    # Whoever lists the tasks makes containerd ask the shim of each for its state, also when the shim has no such task.
    managed = listed is not None and (key in listed or "State" in (facts["calls"] or ()))
    task = "gone_before"
    if facts["was_live"]:
        kept = listed is not None and key in listed
        task = ("kept" if kept else "unmanaged") if facts["lives"] else "killed"
    if facts["calls"] is None:
        lines = [line for line in log.splitlines() if f"id={key[1]} " in f"{line} "]
        facts = {
            **facts,
            "leaked": any("cleaning leaked shim process" in line for line in lines),
            "cleaned": any("cleaning up after shim disconnected" in line for line in lines),
        }
    return Seen(_outcome(facts, listed, managed, hanging), task, {**facts, "listed": managed})


def _outcome(facts, listed, managed, hanging):
    if hanging:
        return "hangs"
    if listed is None:
        return "runtime_absent"
    if managed:
        return "reattached"
    if facts["entry"] == "nothing":
        return _removed(facts)
    asked, deletes = facts["calls"], facts["deletes"]
    if not asked and not deletes and _passed_over(facts):
        return "skipped"
    refused = "Delete" in asked if asked is not None else facts["leaked"]
    return "orphaned" if refused else "retained"


def _removed(facts):
    """The bundle is gone: which of the three ways shows in what containerd asked of the shim and of its binary."""
    if facts["calls"] is None:
        if facts["leaked"]:
            return "reaped"
        # The shim's delete is run, and kills, or there is nothing left of its means to kill.
        return "killed" if facts["cleaned"] and not facts["lives"] else "dropped"
    if "Delete" in facts["calls"]:
        return "reaped"
    return "killed" if facts["deletes"] else "dropped"


def _passed_over(facts):
    names = facts["namespace"], facts["id"]
    return facts["entry"] != "directory" or any(name.startswith(".") for name in names) or ".." in names[0]


def judge(foretold, one, race=frozenset()):
    """Compare a row of shim_probe with what was seen; from the outcomes ``race`` this release chooses by chance."""
    if foretold is None:
        return Judgement("DIFFERS", {}, one, "it is not in the forecast")
    outcome = foretold["outcome"]
    if outcome == "unknown":
        return _unknown(foretold, one)
    if foretold["client"] == "deletes" and one.task == "killed" and foretold["at_risk"]:
        # What containerd kept, the CRI has deleted by the time we look.
        return Judgement("agrees", foretold, one)
    if outcome != one.outcome:
        if {outcome, one.outcome} <= race:
            return Judgement("race", foretold, one, f"{one.outcome}")
        return Judgement("DIFFERS", foretold, one, f"it is {one.outcome}")
    if outcome == "skipped":
        # containerd did not know it before, and nothing was done to it.
        untouched = one.facts["lives"] == one.facts["was_live"] and not foretold["at_risk"]
        return Judgement("agrees" if untouched else "DIFFERS", foretold, one, "" if untouched else "it was touched")
    if foretold["client"] == "keeps" and foretold["task"] != one.task:
        return Judgement("DIFFERS", foretold, one, f"the task is {one.task}")
    lost = one.facts["was_live"] and one.task != "kept"
    if lost and not foretold["at_risk"]:
        return Judgement("DIFFERS", foretold, one, "a task was lost that was not at risk")
    if foretold["at_risk"] and not lost and foretold["client"] != "unknown":
        return Judgement("DIFFERS", foretold, one, "no task was lost")
    return Judgement("race" if race else "agrees", foretold, one)


def _unknown(foretold, one):
    """``unknown`` fits everything that is no silent loss: then the task has to be at risk."""
    if one.facts["was_live"] and not foretold["at_risk"]:
        return Judgement("DIFFERS", foretold, one, "unknown, and yet not at risk")
    return Judgement("unknown", foretold, one, f"{one.outcome}")
