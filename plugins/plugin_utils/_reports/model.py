# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Model: what every report is made of, whatever its form. Internal to the collection."""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional, Sequence, Tuple

#: From the worst to the mildest.
SEVERITIES = ("blocker", "major", "minor", "info")

#: What a state looks like: a word, a sign that is read without colour, a tone.
STATES = {
    "lost": ("a task was lost", "✗", "bad"),
    "failed": ("failed", "!", "bad"),
    "begun": ("in the middle", "~", "bad"),
    "blocker": ("a blocker found", "✗", "bad"),
    "major": ("major findings", "!", "warn"),
    "refused": ("refused, untouched", "–", "warn"),
    "unreadable": ("document not readable", "?", "warn"),
    "missing": ("no document", "?", "warn"),
    "minor": ("minor findings", "•", "note"),
    "info": ("for information", "i", "note"),
    "unknown": ("nothing found, not all judged", "○", "note"),
    "forecast": ("looked at", "…", "note"),
    "untouched": ("not begun", "·", "none"),
    "current": ("was current", "=", "good"),
    "verified": ("verified", "✓", "good"),
    "clean": ("nothing found", "✓", "good"),
}
#: States in which nothing is known of the host.
UNKNOWN = ("unreadable", "missing")


class Rule(NamedTuple):
    """What is asked of every host; ``pack`` names where it comes from."""

    id: str
    title: str
    severity: str
    why: str = ""
    remedy: str = ""
    pack: str = ""


class Finding(NamedTuple):
    """One rule that one thing of a host does not meet.

    ``subject`` is ``namespace/id``, a path, or empty for the host; ``command`` would correct it; it is never run.
    ``waived`` is the reason for which it is accepted, ``expired`` the one that no longer counts. ``unknown``: nobody
    looked, so nothing was found and nothing is well. ``new`` is None when there is no earlier run to compare with.
    """

    rule: str
    severity: str
    subject: str = ""
    pod: str = ""
    reason: str = ""
    command: str = ""
    waived: str = ""
    expired: str = ""
    unknown: bool = False
    new: Optional[bool] = None

    @property
    def key(self) -> Tuple[str, str]:
        """What makes it the same finding in another run."""
        return self.rule, self.subject


class Task(NamedTuple):
    """What became of one task in a roll."""

    namespace: str
    id: str
    pod: str
    verdict: str
    reason: str = ""
    witnesses: Optional[Dict[str, str]] = None

    @property
    def subject(self) -> str:
        """The task as people write it."""
        return "{0}/{1}".format(self.namespace, self.id)


class Roll(NamedTuple):
    """What a roll did on one host; times in unix seconds, the gap in seconds."""

    batch: Optional[int] = None
    began: Optional[float] = None
    ended: Optional[float] = None
    gap: Optional[float] = None
    tasks: Tuple[Task, ...] = ()


class HostReport(NamedTuple):
    """Everything that a report says of one host.

    ``facts`` are pairs of words for people. ``counts`` are outcomes of the forecast or verdicts of the roll.
    ``daemon`` is the release in memory and the one on disk, ``shims`` the same of shims with their number.
    ``checked`` are the ids of the rules that were asked, in their order.
    """

    host: str
    state: str
    message: str = ""
    at: Optional[float] = None
    facts: Tuple[Tuple[str, str], ...] = ()
    counts: Optional[Dict[str, int]] = None
    daemon: Tuple[str, str] = ("", "")
    shims: Tuple[Tuple[str, str, int], ...] = ()
    checked: Tuple[str, ...] = ()
    findings: Tuple[Finding, ...] = ()
    gone: Tuple[Finding, ...] = ()
    roll: Optional[Roll] = None


class Head(NamedTuple):
    """What is true of the whole report. ``kind`` is ``audit`` or ``roll``; ``previous`` the run it is compared with."""

    kind: str
    title: str
    run_id: str
    operation: str
    began: Optional[float]
    rules: Dict[str, Rule]
    previous: str = ""
    notes: Tuple[str, ...] = ()


def worst(findings: Sequence[Finding]) -> str:
    """The state of a host by what was found on it: the worst severity that is not waived, ``unknown`` or ``clean``."""
    open_ones = {one.severity for one in findings if not one.waived and not one.unknown}
    found = next((severity for severity in SEVERITIES if severity in open_ones), "clean")
    # What was not checked is not well.
    return "unknown" if found == "clean" and any(one.unknown for one in findings) else found


def at_least(severity: str, limit: str) -> bool:
    """Whether ``severity`` is ``limit`` or worse."""
    return SEVERITIES.index(severity) <= SEVERITIES.index(limit)
