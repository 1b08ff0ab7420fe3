# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Log watch: the logs of a host over one restart: who may stall, who did, who is read again. Internal.

The one thing that reconnect holds of all this; log_pipes, stall, log_words and exec_proof do the work.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._logs import pipes, stall, status
from ansible_collections.shimops.containerd.plugins.module_utils._restart import exec_proof
from ansible_collections.shimops.containerd.plugins.module_utils._restart.ledger import Ledger
from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict_rows import VerdictRow

#: Seconds between two checks of the pipes.
_PAUSE = 0.1

Key = Tuple[str, str]


class StallForecast:
    """Which logs are likely to stall in a restart, measured from now on. Only those that containerd itself reads.

    :param start_estimate: seconds that containerd will need to load its shims, by the forecast.
    """

    def __init__(self, daemon: Daemon, observations: List[Observation], start_estimate: float):
        held = pipes.reading(daemon) or set()
        outlets = {
            key: [one for one in found or () if one.file in held] for key, found in pipes.outlets(observations).items()
        }
        self._rates = stall.Rates(outlets, _inits(observations))
        self._estimate = start_estimate
        self._pods = {(one.entry.namespace, one.entry.id): _pod(one) for one in observations}

    def rows(self, clock: Deadline) -> List[Dict[str, Any]]:
        """The tasks, with what they write and when their pipe is full; waits until that is measured."""
        return _named(stall.forecast(self._rates.measured(clock), self._estimate), self._pods)


class LogWatch:
    """The logs of one host, for one state of the module.

    :param options: ``settle``, ``on_unread``, ``exec_proof``, ``exec_command`` of the module.
    :param check: whether nothing may be run in a container.
    """

    def __init__(self, options: Dict[str, Any], check: bool):
        self._options = options
        self._check = check
        self._gauges: List[stall.Gauge] = []
        self._pause = Deadline(0)
        self._last: Optional[Tuple[Daemon, List[Observation]]] = None
        self._stalls: Optional[StallForecast] = None
        self._likely: List[Dict[str, Any]] = []
        self._proofs: List[Dict[str, Any]] = []
        self._unread: List[Dict[str, Any]] = []
        self._counts: Dict[str, int] = {}
        self._stalled: Sequence[Dict[str, Any]] = ()
        exec_proof.wanted(options["exec_proof"] or ())
        exec_proof.require_command(options["exec_command"])

    def forecast_stalls(self, daemon: Daemon, observations: List[Observation], start_estimate: float) -> None:
        """Begin to measure who is likely to stall; that ends when containerd is gone, or with the result."""
        self._stalls = StallForecast(daemon, observations, start_estimate)

    def enter(self, book: Ledger, observations: List[Observation], daemon: Daemon) -> None:
        """Enter into the ledger where the logs of these tasks go, and be ready to check their pipes."""
        known = set(book.get("logs") or ())
        pipes.record(book, observations, daemon)
        fresh = [
            observed
            for observed in observations
            if "/".join((observed.entry.namespace, observed.entry.id)) not in known
        ]
        read = pipes.reading(daemon) or set()
        self._gauges.append(stall.Gauge(pipes.outlets(fresh), _inits(fresh)).only(read))

    def sample(self) -> None:
        """Check the pipes while containerd does not read them; not so often that the check itself costs."""
        self._end_forecast(Deadline(0))
        if self._pause.expired():
            for gauge in self._gauges:
                gauge.sample()
            self._pause = Deadline(_PAUSE)

    def keep_observations(self, daemon: Daemon, observations: List[Observation]) -> None:
        """Keep the last observations, which the status is about."""
        self._last = daemon, observations

    def conclude(self, found: List[VerdictRow], book: Ledger, well: bool) -> Tuple[List[VerdictRow], List[str]]:
        """The verdicts with their words on logs, and what is wrong, each in a few words.

        :param well: whether there is a containerd to be waited for and to run something through.
        """
        if self._last is None:
            return found, []
        daemon, observations = self._last
        patience = Deadline(self._options["settle"] + pipes.PATIENCE if well else 0)
        rows = pipes.with_log_status(found, book, daemon, observations, patience)
        pods = {(task["namespace"], task["id"]): task["pod"] for task in book["tasks"]}
        stalled = [row for gauge in self._gauges for row in gauge.stalled()]
        book["stalled"] = self._stalled = _named(stalled, pods) or book.get("stalled") or []
        self._unread = pipes.unread(rows)
        self._counts = {word: sum(1 for row in rows if row["log"] == word) for word in status.WORDS}
        if well and not self._check:
            tasks = exec_proof.wanted(self._options["exec_proof"] or ())
            self._proofs = exec_proof.prove(tasks, self._options["exec_command"], daemon)
        return rows, [complaint for complaint in (self._complaint(), exec_proof.failure(self._proofs)) if complaint]

    def _complaint(self) -> str:
        """Only what the restart changed fails a host."""
        changed = [row for row in self._unread if not row["before"]]
        if not changed or self._options["on_unread"] == "report":
            return ""
        first = changed[0]
        sentence = "the log of {0}/{1} is not read: {2}".format(first["namespace"], first["id"][:16], first["reason"])
        return sentence if len(changed) == 1 else "{0} (and {1} more)".format(sentence, len(changed) - 1)

    def _end_forecast(self, clock: Deadline) -> None:
        if self._stalls:
            self._likely, self._stalls = self._stalls.rows(clock), None

    def result(self) -> Dict[str, Any]:
        """What the module returns of all this; every key is always there."""
        self._end_forecast(Deadline(stall.WINDOW))
        return {
            "unread": self._unread,
            "stalled": list(self._stalled),
            "likely_to_stall": self._likely,
            "exec_proof": self._proofs,
            "log": dict(self._counts, stalled=len(self._stalled), likely_to_stall=len(self._likely)),
        }


def _inits(observations: List[Observation]) -> Dict[Key, int]:
    """The init pid of each task, by its shim's word."""
    found = {}
    for observed in observations:
        said = observed.best_answers
        if said and said.task_pid:
            found[(observed.entry.namespace, observed.entry.id)] = said.task_pid
    return found


def _pod(observed: Observation) -> Optional[Dict[str, Any]]:
    return observed.pod_names


def _named(rows: List[Dict[str, Any]], pods: Dict[Key, Optional[Dict[str, Any]]]) -> List[Dict[str, Any]]:
    """The rows with the pods' names, which people know them by."""
    return [dict(row, pod=pods.get((row["namespace"], row["id"]))) for row in rows]
