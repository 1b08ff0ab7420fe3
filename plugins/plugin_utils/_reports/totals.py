# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Totals: what is true of the whole fleet, counted host by host and bounded. Internal to the collection."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import Dict, List, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import (
    SEVERITIES,
    STATES,
    UNKNOWN,
    Head,
    HostReport,
    Rule,
    at_least,
)

#: Rows of a table of versions; a fleet has a handful, and a hostile host shall not fill the page.
MOST = 50
LONGEST_GAPS = 10
OTHER = "other"


class RuleTotal:
    """Counts of one rule."""

    def __init__(self):
        self.hosts = self.findings = self.waived = self.unknown = self.new = self.gone = 0


class Wave:
    """One batch of a roll: when it began and ended, which states its hosts have, the longest gap."""

    def __init__(self):
        self.began = self.ended = self.gap = None
        self.states: Counter = Counter()

    def add(self, report: HostReport) -> None:
        """Count one host."""
        self.states[report.state] += 1
        if report.roll is None:
            return
        self.began = _least(self.began, report.roll.began)
        self.ended = _most(self.ended, report.roll.ended)
        self.gap = _most(self.gap, report.roll.gap)

    @property
    def took(self) -> Optional[float]:
        """Seconds from its first host's beginning to its last one's end; None when nothing is known of it."""
        return None if self.began is None or self.ended is None else self.ended - self.began


class Totals:
    """Counts over all hosts."""

    def __init__(self, head: Head):
        self.head = head
        self.states: Counter = Counter()
        self.counts: Counter = Counter()
        self.severities: Counter = Counter()
        self.daemons: Counter = Counter()
        self.shims: Counter = Counter()
        self.rules: Dict[str, RuleTotal] = {}
        self.waves: Dict[int, Wave] = {}
        self.unknown: Counter = Counter()
        self.new = self.gone = self.waived = self.expired = self.gaps = 0
        self.gap_sum = 0.0
        self.longest: List[Tuple[float, str]] = []

    def add(self, report: HostReport) -> None:
        """Count one host."""
        self.states[report.state] += 1
        for word, number in (report.counts or {}).items():
            _bounded(self.counts, word, number)
        if any(report.daemon):
            _bounded(self.daemons, report.daemon, 1)
        for shim, disk, number in report.shims:
            _bounded(self.shims, (shim, disk), number)
        self._findings(report)
        if report.roll:
            self._roll(report)

    def _findings(self, report: HostReport) -> None:
        for one in report.findings:
            total = self.rule(one.rule)
            if one.waived:
                total.waived += 1
                self.waived += 1
                continue
            self.expired += bool(one.expired)
            if one.unknown:
                total.unknown += 1
                self.unknown[one.severity] += 1
                continue
            total.findings += 1
            self.severities[one.severity] += 1
            total.new += one.new is True
            self.new += one.new is True
        for rule in {one.rule for one in report.findings if not one.waived and not one.unknown}:
            self.rule(rule).hosts += 1
        for one in report.gone:
            self.rule(one.rule).gone += 1
            self.gone += 1

    def _roll(self, report: HostReport) -> None:
        roll = report.roll
        if roll is None:
            return
        if roll.batch is not None and (roll.batch in self.waves or len(self.waves) < 10000):
            self.waves.setdefault(roll.batch, Wave()).add(report)
        if roll.gap:
            self.gaps += 1
            self.gap_sum += roll.gap
            heapq.heappush(self.longest, (roll.gap, report.host))
            if len(self.longest) > LONGEST_GAPS:
                heapq.heappop(self.longest)

    def rule(self, name: str) -> RuleTotal:
        """The counts of one rule."""
        return self.rules.setdefault(name, RuleTotal())

    @property
    def hosts(self) -> int:
        """How many hosts there are."""
        return sum(self.states.values())

    @property
    def findings(self) -> int:
        """How many findings are not waived."""
        return sum(self.severities.values())

    def found(self) -> List[Tuple[Rule, RuleTotal]]:
        """The rules that anything was found, waived or gone for: the worst first, then the most hosts."""
        known = self.head.rules
        pairs = [(known.get(name) or Rule(name, name, "info"), total) for name, total in self.rules.items()]
        return sorted(pairs, key=lambda pair: (SEVERITIES.index(pair[0].severity), -pair[1].hosts, pair[0].id))

    def ordered_states(self) -> List[Tuple[str, int]]:
        """States with their counts, the worst first."""
        return [(state, self.states[state]) for state in STATES if self.states[state]]

    def failing(self, limit: str) -> List[str]:
        """Why a gate at severity ``limit`` does not let this pass, in words; empty when it does."""
        bad = [
            "{0} {1}".format(self.severities[severity], severity)
            for severity in SEVERITIES
            if self.severities[severity] and at_least(severity, limit)
        ]
        unknown = sum(self.unknown[severity] for severity in SEVERITIES if at_least(severity, limit))
        blind = sum(self.states[state] for state in UNKNOWN)
        reasons = ["findings: " + ", ".join(bad)] if bad else []
        reasons += ["rules that could not be judged: {0}".format(unknown)] if unknown else []
        return reasons + (["hosts of which nothing is known: {0}".format(blind)] if blind else [])

    def document(self) -> dict:
        """The counts as data."""
        return {
            "hosts": self.hosts,
            "states": dict(self.ordered_states()),
            "findings": {severity: self.severities[severity] for severity in SEVERITIES},
            "counts": dict(sorted(self.counts.items())),
            "unknown": {severity: self.unknown[severity] for severity in SEVERITIES},
            "waived": self.waived,
            "expired_waivers": self.expired,
            "new": self.new,
            "gone": self.gone,
        }


def _bounded(counter: Counter, key, number: int) -> None:
    if key not in counter and len(counter) >= MOST:
        key = (OTHER, OTHER) if isinstance(key, tuple) else OTHER
    counter[key] += number


def _least(one, other):
    return min((value for value in (one, other) if value is not None), default=None)


def _most(one, other):
    return max((value for value in (one, other) if value is not None), default=None)
