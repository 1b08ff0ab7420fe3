# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""State: how far a play is, from the results of its hosts. Knows no clock and no terminal. Internal."""

from __future__ import annotations

import math
from collections import Counter
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict import GOOD, VERDICTS

#: The result that says a host is done, in plays with batches and in plays without.
DONE_IN_ROLL = ("shim_reconnect",)
DONE_IN_LOOK = ("shim_probe", "shim_bundle_facts")


class Doing(NamedTuple):
    """What a host is doing, and since when."""

    task: str
    since: float


class Progress:
    """How far one play is.

    :param forks: how many hosts act at once.
    :param now: seconds on any clock that only moves forward; every method takes the time from its caller.
    """

    def __init__(self, name: str, hosts: int, batches: List[int], forks: int, now: float):
        self.name = name
        self.hosts = hosts
        self.batches = batches
        self.forks = max(forks, 1)
        self.began = now
        self.batch = 0
        self.doing: Dict[str, Doing] = {}
        self.verdicts: Counter = Counter()
        self.states: Counter = Counter()
        self.current: Set[str] = set()
        self.done_here: Set[str] = set()
        self._decisive = DONE_IN_ROLL if self.rolling else DONE_IN_LOOK
        self._sentence = False
        self._mark: Tuple[float, float] = (0.0, now)

    @property
    def rolling(self) -> bool:
        """Whether the play has batches."""
        return len(self.batches) > 1

    def begin_batch(self, hosts: List[str], now: float) -> None:
        """The next batch begins, so the one before is over."""
        self.batch += 1
        self.current = set(hosts)
        self.done_here = set()
        self.doing = {}
        self._set_mark(now)

    def finish(self) -> None:
        """The play is over. Where no module says when a host is done, the end of its batch does."""
        self.doing = {}
        if not self._sentence:
            self.done_here = set(self.current)

    def begin(self, host: str, task: str, now: float) -> None:
        """A host begins a task."""
        self.doing[host] = Doing(task, now)

    def end(self, host: str, action: str, result: dict, status: str, now: float) -> bool:
        """A host ends a task with ``status`` ok, failed, skipped or unreachable; whether that is worth a line."""
        self.doing.pop(host, None)
        module = action.rpartition(".")[2]
        lost = self._count(module, result)
        if status in ("failed", "unreachable"):
            self.states[status] += 1
        self._sentence = self._sentence or module in self._decisive
        done = status in ("failed", "unreachable") or (status != "skipped" and module in self._decisive)
        # Hosts outside of the batch do what was delegated to them; that is no progress of theirs.
        if done and host in self.current:
            self.done_here.add(host)
            self._set_mark(now)
        return lost or status in ("failed", "unreachable")

    def _count(self, module: str, result: dict) -> bool:
        """Add a result's counts; whether a task was lost."""
        summary = result.get("summary")
        if not isinstance(summary, dict):
            return False
        if module in DONE_IN_ROLL:
            found = {word: summary.get(word) for word in VERDICTS}
            self.states["refused"] += bool(result.get("refused"))
        elif module == "shim_probe" and not self.rolling:
            found = {"tasks": summary.get("tasks"), "at risk": summary.get("at_risk")}
        else:
            return False
        numbers = {word: number for word, number in found.items() if isinstance(number, int) and number}
        self.verdicts.update(numbers)
        return module in DONE_IN_ROLL and any(word not in GOOD for word in numbers)

    @property
    def done(self) -> int:
        """How many hosts are done: those of earlier batches, and of this one those that said so."""
        return min(sum(self.batches[: max(self.batch - 1, 0)]) + len(self.done_here), self.hosts)

    def left(self, now: float) -> Optional[float]:
        """Seconds the play will still take; None when no host is done yet, or when it is overdue.

        What was done up to the last host that ended says how fast it goes; from there the time counts down.
        """
        past, at = self._mark
        if not past:
            return None
        left = (at - self.began) / past * (sum(self._rounds()) - past) - (now - at)
        return left if left > 0 else None

    def _rounds(self) -> List[int]:
        """What each batch costs: as many rounds as it has hosts over forks, whatever its size."""
        return [math.ceil(size / self.forks) for size in self.batches]

    def _set_mark(self, now: float) -> None:
        """Something is done: remember how many rounds that makes, and when it was."""
        rounds = self._rounds()
        past = float(sum(rounds[: max(self.batch - 1, 0)]))
        if 0 < self.batch <= len(rounds) and self.current:
            past += rounds[self.batch - 1] * len(self.done_here) / len(self.current)
        self._mark = (past, now)

    def busiest(self, most: int) -> List[Tuple[str, Doing]]:
        """What hosts are doing, the longest first."""
        return sorted(self.doing.items(), key=lambda pair: (pair[1].since, pair[0]))[:most]

    def counts(self) -> List[Tuple[str, int]]:
        """Verdicts and states of hosts, in the order people want to read them."""
        words = [word for word in VERDICTS if self.verdicts[word]]
        words += [word for word in ("tasks", "at risk") if self.verdicts[word]]
        sentence = [(word, self.verdicts[word]) for word in words]
        states = [(word, self.states[word]) for word in ("refused", "failed", "unreachable") if self.states[word]]
        return sentence + [
            ("{0} {1}".format("host" if number == 1 else "hosts", word), number) for word, number in states
        ]
