# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Host: the options of the task, the ledger, and what every state of shim_reconnect needs. Internal."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Protocol, Sequence, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils import _stop_file
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline, wall_clock
from ansible_collections.shimops.containerd.plugins.module_utils._forecast import results
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.host_forecast import HostForecast
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import (
    HostObservations,
    Observation,
)
from ansible_collections.shimops.containerd.plugins.module_utils._host import daemon as daemons
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import CLASSES
from ansible_collections.shimops.containerd.plugins.module_utils._host.unit import journal_tail
from ansible_collections.shimops.containerd.plugins.module_utils._packages import policy
from ansible_collections.shimops.containerd.plugins.module_utils._rescue.survey import forecast_host, observe
from ansible_collections.shimops.containerd.plugins.module_utils._restart import (
    host_claim,
    ledger,
    ledger_file,
    verdict_rows,
    verify,
)
from ansible_collections.shimops.containerd.plugins.module_utils._restart.ledger import Ledger
from ansible_collections.shimops.containerd.plugins.module_utils._restart.upgrade import Upgrade, commands, upgraded_run
from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict_rows import VerdictRow

# Seconds between two rounds of verdicts.
_PAUSE = 1.0


class Outcome(NamedTuple):
    """What one state of the module came to; ``failure`` is the sentence to fail with, or None. ``gap`` in seconds."""

    changed: bool
    message: str = ""
    failure: Optional[str] = None
    refused: bool = False
    forecast: Optional[HostForecast] = None
    verdicts: Sequence[VerdictRow] = ()
    gap: Optional[float] = None
    journal_tail: Sequence[str] = ()
    package: Optional[Dict[str, Any]] = None
    rollback: Optional[Dict[str, Any]] = None
    commands: str = ""


class Logs(Protocol):
    """What a restart needs of the room that watches logs: see LogWatch in _logs/watch.py."""

    def forecast_stalls(self, daemon: Daemon, observations: List[Observation], start_estimate: float) -> None:
        """Begin to measure whose log is likely to stall."""

    def enter(self, book: Ledger, observations: List[Observation], daemon: Daemon) -> None:
        """Enter into the ledger where the logs of these tasks go."""

    def sample(self) -> None:
        """Check the pipes while containerd is down."""

    def keep_observations(self, daemon: Daemon, observations: List[Observation]) -> None:
        """Keep the last observations."""

    def conclude(self, found: List[VerdictRow], book: Ledger, well: bool) -> Tuple[List[VerdictRow], List[str]]:
        """Add to the verdicts what is known of the logs; gives them and what is wrong with the logs."""


class Host:
    """One host under one state of the module.

    :param options: the module's options.
    :param check: whether nothing may be changed.
    :param logs: what watches the logs over the restart.
    """

    def __init__(self, options: Dict[str, Any], check: bool, logs: Logs):
        self.options = options
        self.check = check
        self.logs = logs
        self.run_id = options["run_id"]
        self.ledger_path = options["ledger"]
        self.upgrade = Upgrade(options)
        self._seen = HostObservations([], None)

    # -- what is on the host

    def clock(self) -> Deadline:
        """A new deadline of ``timeout`` seconds."""
        return Deadline(self.options["timeout"])

    def daemon(self) -> Daemon:
        """The one containerd that the options name."""
        return daemons.only(daemons.find(self.options, self.clock()))

    def observe(self, daemon: Daemon) -> List[Observation]:
        """Every bundle with its shim's answers."""
        self._seen = observe(daemon, self.options, self.clock(), CLASSES)
        return self._seen.all

    @property
    def listed(self) -> bool:
        """Whether containerd gave its task list when the host was last observed."""
        return self._seen.tasks is not None

    def forecast(self, daemon: Daemon, observations: List[Observation]) -> HostForecast:
        """The forecast for the release that the restart leads into."""
        return forecast_host(daemon, observations, self.upgrade.target)

    def refusal(self, view: HostForecast) -> Outcome:
        """The refusal of a host whose forecast has tasks at risk."""
        return Outcome(False, failure=results.refusal(view), refused=True, forecast=view)

    # -- the ledger

    def load_ledger(self) -> Optional[Ledger]:
        """The ledger that is there now."""
        return ledger_file.load(self.ledger_path)

    def make_room(self, earlier: Optional[Ledger]) -> None:
        """Make room for a new ledger: one of another run gets a name of its own, and is never overwritten."""
        if earlier and earlier["run_id"] != self.run_id:
            ledger_file.keep(self.ledger_path, earlier["run_id"])

    def save(self, book: Ledger) -> None:
        """Write the ledger to disk."""
        ledger_file.save(self.ledger_path, book)

    def enter_phase(self, book: Ledger, phase: str) -> None:
        """Enter a phase with its time, and write the ledger."""
        book["phase"] = phase
        book["times"][phase] = wall_clock()
        self.save(book)

    @contextlib.contextmanager
    def lock(self, last: bool) -> Iterator[None]:
        """The host for this run alone; a module of the same run that is still at work is waited for."""
        if self.check:
            yield
            return
        options = self.options
        patience = 3 * options["restart_timeout"] + options["settle"] + 2 * options["timeout"]
        with host_claim.held(self.run_id, patience, last, self._unfinished_run):
            # A module that was killed after its verification left it, and this run may install nothing.
            policy.put_back()
            yield

    def _unfinished_run(self) -> Optional[str]:
        """The run that has begun a restart here and not verified it."""
        book = self.load_ledger()
        return book["run_id"] if book and book["phase"] in ("restarting", "restarted") else None

    # -- verification

    def verdicts(self, book: Ledger, daemon: Daemon, ends: Callable[[], verify.Ends]) -> List[VerdictRow]:
        """The verdicts on every task of the ledger, by what runs now."""
        self.logs.keep_observations(daemon, self.observe(daemon))
        after = verify.collect(book, daemon, self._seen, self.options["shim_timeout"], self.clock())
        return verify.verdicts(book, after, ends, self.options["witnesses"])

    def proven_verdicts(
        self, book: Ledger, ends: Callable[[], verify.Ends], clock: Deadline, known: Optional[Daemon] = None
    ) -> Tuple[Daemon, List[VerdictRow]]:
        """The verdicts, taken again as long as one is unproven and the deadline allows.

        A loss is verified a second time: what ends while it is looked at can be gone before anybody says how. The
        verdicts are entered into the ledger, which is not saved here.

        :param known: containerd as it was found a moment ago.
        """
        earlier, came, losses = list(book["verdicts"]), False, 0
        foretold = ledger.foretold(book)
        while True:
            daemon = known if known and daemons.still_serves(known) else self.daemon()
            known = daemon
            came = came or daemon.process is not None
            if daemon.process and not ledger.proves(book, ledger.identity(daemon)):
                earlier = []
            if daemon.process:
                ledger.enter_daemon(book, daemon, wall_clock())
            found = [
                verdict_rows.with_earlier_proof(one, earlier, foretold) for one in self.verdicts(book, daemon, ends)
            ]
            stayed = daemon.process is None or daemon.process.alive()
            if not stayed:
                found = [verdict_rows.not_proven(one, "containerd ended while it was verified") for one in found]
            earlier = found + earlier if stayed else earlier
            book["verdicts"] = found
            losses += bool(verdict_rows.lost(found))
            again = verdict_rows.unproven(found) or losses == 1 if daemon.process else came
            if not again or not clock.sleep(_PAUSE):
                return daemon, found

    def verify(self, book: Ledger) -> Outcome:
        """Verify a ledger that is there, and close it."""
        daemon, found = self.proven_verdicts(book, verify.Ends, Deadline(self.options["restart_timeout"]))
        problem = "" if daemon.process else "containerd does not answer on {0}".format(daemon.address)
        return self.close(book, found, None, problem, False, daemon)

    def settle_earlier(self, book: Ledger) -> Outcome:
        """Verify and report an earlier run that was never verified; then refuse this one."""
        phase = book["phase"]
        outcome = self.verify(book)
        sentence = "ledger: the run {0} stopped in phase {1} and was never verified; it is now: {2}".format(
            book["run_id"], phase, outcome.message
        )
        return outcome._replace(failure=sentence + "; read it, then start this run again.", refused=True)

    def close(
        self,
        book: Ledger,
        found: List[VerdictRow],
        view: Optional[HostForecast],
        problem: str,
        changed: bool,
        daemon: Daemon,
    ) -> Outcome:
        """Enter the verdicts into the ledger, and give the outcome.

        :param problem: what is wrong with the restart itself; then the ledger is not verified by this.
        :param daemon: the containerd that the verdicts were taken with.
        """
        final = self.options["final"] or self.options["state"] != "restarted"
        found, complaints = self.logs.conclude(found, book, well=final and not problem)
        if not final:
            # CRI opens logs a moment after containerd serves.
            complaints = []
        book["verdicts"] = found
        lost, unproven = verdict_rows.lost(found), verdict_rows.unproven(found)
        if not self.check:
            self.enter_phase(book, book["phase"] if problem or unproven or not final else "verified")
        counts = verdict_rows.in_words(found)
        failure = None
        if problem or lost or unproven or complaints:
            parts = [problem, counts] + [verdict_rows.sentence(one) for one in (lost or unproven)[:1]] + complaints
            failure = "verify: {0}.".format("; ".join(part for part in parts if part))
        tail = journal_tail(book["daemon"]["unit"], self.clock()) if failure else []
        outcome = Outcome(
            changed,
            counts,
            failure,
            forecast=view,
            verdicts=found,
            gap=book["gap"],
            journal_tail=tail,
            package=book.get("package"),
            # To the release that the run began with, by what runs now.
            rollback=self.upgrade.rollback(book, daemon, self._seen.all),
        )
        if not failure or not self.options["stop_file_on_failure"] or self.check:
            return outcome
        _stop_file.write(upgraded_run(book["run_id"]), failure)
        return outcome._replace(commands=commands(book))
