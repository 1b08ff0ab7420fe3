# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reconnect: record, restart and verify one host. The order of steps is the promise of the design.

Internal to the collection. Nothing here writes by itself: act does.
"""

from __future__ import annotations

import contextlib
from typing import Any, ContextManager, Dict, List, NamedTuple, Optional, Protocol, Sequence, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils import _changes, _stop_file
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline, wall_clock
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._forecast import results
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.host_forecast import HostForecast
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host import command, unit
from ansible_collections.shimops.containerd.plugins.module_utils._host import daemon as daemons
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import CLASSES
from ansible_collections.shimops.containerd.plugins.module_utils._host.unix_sockets import peer_pid
from ansible_collections.shimops.containerd.plugins.module_utils._rescue.survey import forecast_host, observe
from ansible_collections.shimops.containerd.plugins.module_utils._restart import (
    host_claim,
    ledger,
    preflight,
    restart_command,
    verdict_rows,
    verify,
)
from ansible_collections.shimops.containerd.plugins.module_utils._restart.waits import Waits
from ansible_collections.shimops.containerd.plugins.module_utils._unexpected import explained

# A bundle younger than this may still be on its way up.
_YOUNG = 5.0
_TICK = 0.02


class Outcome(NamedTuple):
    """What one state of the module came to; ``failure`` is the sentence to fail with, or None. ``gap`` in seconds."""

    changed: bool
    message: str = ""
    failure: Optional[str] = None
    refused: bool = False
    forecast: Optional[HostForecast] = None
    verdicts: Sequence[Dict[str, Any]] = ()
    gap: Optional[float] = None
    journal_tail: Sequence[str] = ()
    package: Optional[Dict[str, Any]] = None
    rollback: Optional[Dict[str, Any]] = None
    commands: str = ""


class Logs(Protocol):
    """What a restart needs from the room that watches logs: see LogWatch in _logs/watch.py."""

    def foretell(self, daemon: Daemon, observations: List[Observation], start_estimate: float, clock: Deadline) -> None:
        """Keep whose log is likely to stall."""

    def enter(self, book: Dict[str, Any], observations: List[Observation], daemon: Daemon) -> None:
        """Enter into the ledger where the logs of these tasks go."""

    def sample(self) -> None:
        """Look at the pipes while containerd is down."""

    def saw(self, daemon: Daemon, observations: List[Observation]) -> None:
        """Keep the last observations."""

    def conclude(
        self, found: List[Dict[str, Any]], book: Dict[str, Any], well: bool
    ) -> Tuple[List[Dict[str, Any]], List[str]]:
        """Add to the verdicts what is known of the logs, and say what is wrong with them."""


class Host:
    """One host and the options of the task, for one state of the module.

    :param options: the module's options.
    :param check: whether nothing may be changed.
    :param logs: what watches the logs over the restart.
    """

    def __init__(self, options: Dict[str, Any], check: bool, logs: Logs):
        self._options = options
        self._check = check
        self._path = options["ledger"]
        self._run = options["run_id"]
        self._logs = logs

    def recorded(self) -> Outcome:
        """Write down what runs now."""
        _stop_file.require_absent()
        with self._held(last=False):
            return self._record()

    def verified(self) -> Outcome:
        """Compare what runs now with the ledger."""
        book = self._previous()
        # Without a run of its own it looks at another's: that one's claim is no obstacle then.
        self._run = self._run or (book and book["run_id"])
        with self._held(last=True):
            book = self._previous()
            if book is None:
                if self._check:
                    return Outcome(False, "there is no ledger at {0}, so nothing can be verified".format(self._path))
                raise ShimError("ledger", self._path, "is not there", "record one first with state: recorded")
            return self._verify_book(book)

    def restarted(self) -> Outcome:
        """Forecast, record, restart, verify."""
        preflight.require_whole_host(self._options)
        _stop_file.require_absent()
        with self._held(last=True):
            return self._restart_once()

    def _held(self, last: bool) -> ContextManager[None]:
        """The host for this run alone; a module of the same run that is still at work is waited for."""
        if self._check:
            return contextlib.nullcontext()
        options = self._options
        patience = options["restart_timeout"] + options["settle"] + 2 * options["timeout"]
        return host_claim.held(self._run, patience, last, self._in_the_middle)

    def _in_the_middle(self) -> Optional[str]:
        """The run that has begun a restart here and not verified it."""
        book = self._previous()
        return book["run_id"] if book and book["phase"] in ("restarting", "restarted") else None

    # -- the states

    def _record(self) -> Outcome:
        book = self._previous()
        if book and not _is_over(book, self._run):
            return self._settle_earlier(book)
        daemon = self._daemon()
        preflight.require_running(daemon)
        observations = self._look(daemon)
        fresh = ledger.new(self._run, daemon, observations, wall_clock())
        self._logs.enter(fresh, observations, daemon)
        if not self._check:
            self._begin(book)
            ledger.save(self._path, fresh)
        told = "{0} tasks recorded".format(len(fresh["tasks"]))
        return Outcome(not self._check, told, forecast=forecast_host(daemon, observations, self._target()))

    def _restart_once(self) -> Outcome:
        book = self._previous()
        if book and book["run_id"] == self._run and book["phase"] in ("restarting", "restarted", "verified"):
            if book["phase"] != "restarting" or not ledger.same_process(
                book["daemon"], ledger.identity(self._daemon())
            ):
                return self._verify_book(book)
        elif book and not self._check and not _is_over(book, self._run):
            return self._settle_earlier(book)
        daemon = self._daemon()
        argv = self._require(daemon)
        observations, view = self._forecast(daemon)
        self._logs.foretell(daemon, observations, view.start_estimate, self._clock())
        if view.at_risk and self._options["on_risk"] == "refuse":
            return self._refusal(view)
        if self._check:
            return Outcome(True, "containerd would be restarted", forecast=view)
        return self._restart(daemon, argv, observations, book)

    # -- what every state needs

    def _previous(self) -> Optional[Dict[str, Any]]:
        return ledger.load(self._path)

    def _daemon(self) -> Daemon:
        return daemons.only(daemons.find(self._options, self._clock()))

    def _clock(self) -> Deadline:
        return Deadline(self._options["timeout"])

    def _look(self, daemon: Daemon) -> List[Observation]:
        return observe(daemon, self._options, self._clock(), CLASSES)

    def _begin(self, book: Optional[Dict[str, Any]]) -> None:
        """Make room for a new ledger: one of another run is kept beside it, never overwritten."""
        if book and book["run_id"] != self._run:
            ledger.keep(self._path, book["run_id"])

    def _require(self, daemon: Daemon) -> List[str]:
        preflight.require_running(daemon)
        preflight.require_same_namespaces(daemon)
        preflight.require_witnesses(self._options["witnesses"])
        if not self._options["restart_command"]:
            preflight.require_unit(daemon)
        return restart_command.argv_for(daemon.unit_name, self._options["restart_command"])

    # -- what an upgrade does beside

    def _target(self) -> str:
        """The release that the restart is forecast for."""
        return "installed"

    def _before_restart(self, book: Dict[str, Any]) -> None:
        """The last moment: the ledger is on disk in phase restarting, and nothing was done yet."""

    def _served(self, book: Dict[str, Any]) -> None:
        """The first moment: the new containerd has just answered."""

    def _wrong_release(self, daemon: Daemon) -> str:
        """What is wrong with the release that runs now; empty when nothing is."""
        return ""

    # -- the forecast

    def _forecast(self, daemon: Daemon) -> Tuple[List[Observation], HostForecast]:
        """Look until nothing is in flight, at most as long as ``timeout``."""
        clock = self._clock()
        while True:
            observations = self._look(daemon)
            view = forecast_host(daemon, observations, self._target())
            if not _in_flight(view) or not clock.sleep(1.0):
                return observations, view

    def _refusal(self, view: HostForecast) -> Outcome:
        return Outcome(False, failure=results.refusal(view), refused=True, forecast=view)

    # -- the restart

    def _restart(
        self, daemon: Daemon, argv: List[str], observations: List[Observation], earlier: Optional[Dict[str, Any]]
    ) -> Outcome:
        restart_command.detach()
        self._begin(earlier)
        book = ledger.new(self._run, daemon, observations, wall_clock())
        self._logs.enter(book, observations, daemon)
        ledger.save(self._path, book)
        waits = Waits()
        try:
            waits.add(book, self._clock())
            late, view = self._forecast(daemon)
            ledger.add(book, late)
            self._logs.enter(book, late, daemon)
            waits.add(book, self._clock())
            if view.at_risk and self._options["on_risk"] == "refuse":
                ledger.remove(self._path)
                return self._refusal(view)
            self._phase(book, "restarting")
            self._before_restart(book)
            running = self._begin_restart(argv)
            try:
                return self._conclude(book, waits, view, *self._watch(running, daemon, book, waits))
            except Exception as error:
                # A restart that was begun is verified, whatever went wrong while it was watched.
                return self._verify_at_last(explained(error), running, daemon, view)
        finally:
            waits.close()

    def _begin_restart(self, argv: List[str]) -> command.Running:
        try:
            running = command.start(argv)
        except ShimError:
            # Nothing was begun, so there is nothing that a later run would have to settle.
            ledger.remove(self._path)
            raise
        _changes.note()
        return running

    def _verify_at_last(
        self, error: ShimError, running: command.Running, daemon: Daemon, view: HostForecast
    ) -> Outcome:
        """The verdicts of a restart whose watching broke off, from the ledger on disk; the host has failed anyway."""
        words = str(error).rstrip(".")
        try:
            clock = Deadline(self._options["restart_timeout"])
            while not _serves_anew(daemon) and running.code() is None and not clock.expired():
                clock.sleep(_TICK)
            if not _serves_anew(daemon):
                raise ShimError("verify", "containerd", "was not seen to come back")
            Deadline(self._options["settle"]).sleep(self._options["settle"])
            book = self._previous()
            if book is None:
                raise ShimError("ledger", self._path, "is gone")
            found = self._verify_book(book)
        except Exception as second:
            again = str(explained(second)).rstrip(".")
            more = "" if again == words else " (verifying at once failed: {0})".format(again)
            failure = "{0}; the restart was begun, so run state: verified to see the verdicts{1}.".format(words, more)
            return Outcome(True, failure=failure, forecast=view)
        failure = "{0}; verified after that all the same: {1}.".format(words, found.message)
        if found.failure:
            failure = "{0}; verified after that: {1}".format(words, found.failure)
        return found._replace(changed=True, failure=failure, forecast=view)

    def _watch(self, running: command.Running, daemon: Daemon, book: Dict[str, Any], waits: Waits) -> Tuple[str, bool]:
        """See the old containerd go and the new one come.

        Gives what went wrong, or nothing; and whether what is well now may not stay so: the restart is still to come.
        """
        clock = Deadline(self._options["restart_timeout"])
        # There is none left to go where it crashed before.
        gone_at, served_at = None if daemon.process else 0.0, None
        patience = None
        while not clock.expired():
            if gone_at is None and not (daemon.process and daemon.process.alive()):
                gone_at = clock.elapsed()
                self._add_latecomers(daemon, book, waits)
            if gone_at is not None:
                self._logs.sample()
            if gone_at is not None and _serves_anew(daemon):
                served_at = clock.elapsed()
                break
            code = running.code()
            if code is not None and patience is None:
                # A unit that failed to start may be tried again by systemd.
                patience = clock.within(5.0 if code == 0 else self._options["settle"])
            if patience and patience.expired():
                break
            clock.sleep(_TICK)
        if served_at is not None and gone_at is not None:
            book["gap"] = round(served_at - gone_at, 3)
            self._served(book)
            self._phase(book, "restarted")
            return "", False
        words = running.words()
        if gone_at is None and running.code() is not None:
            told = " (" + words + ")" if words else ""
            pid = daemon.process.pid if daemon.process else None
            return "containerd was not restarted: pid {0} still runs{1}".format(pid, told), False
        if running.code() is None:
            told = "the restart did not end in {0:g} s and is left alone".format(self._options["restart_timeout"])
            return told, True
        return "containerd did not come back{0}".format(" (" + words + ")" if words else ""), False

    def _add_latecomers(self, daemon: Daemon, book: Dict[str, Any], waits: Waits) -> None:
        """Enter the tasks that came in the last moment. Only they are asked: the new containerd is awaited."""
        known = ledger.keys(book)
        observations = observe(daemon._replace(process=None), self._options, self._clock(), CLASSES, known=known)
        if ledger.add(book, observations):
            self._logs.enter(book, observations, daemon._replace(process=None))
            ledger.save(self._path, book)
            waits.add(book, self._clock())

    def _conclude(
        self, book: Dict[str, Any], waits: Waits, view: HostForecast, problem: str, doubtful: bool
    ) -> Outcome:
        """Verdicts, settle, verdicts again. What CRI and kubelet do comes after the start."""
        daemon = self._daemon()
        changed = not ledger.same_process(book["daemon"], ledger.identity(daemon))
        found = self._verdicts(book, daemon, waits)
        if not problem:
            Deadline(self._options["settle"]).sleep(self._options["settle"])
            now = self._daemon()
            found = self._verdicts(book, now, waits)
            if not ledger.same_daemon(ledger.identity(daemon), ledger.identity(now)):
                problem, doubtful = "containerd was restarted again while it settled", True
            problem = problem or self._wrong_release(now)
        if doubtful:
            found = [verdict_rows.doubted(one, problem) for one in found]
        return self._close(book, found, view, problem, changed)

    def _verdicts(self, book: Dict[str, Any], daemon: Daemon, waits: Optional[Waits] = None) -> List[Dict[str, Any]]:
        observations = self._look(daemon)
        self._logs.saw(daemon, observations)
        after = verify.collect(book, daemon, observations, self._options["shim_timeout"], self._clock())
        return verify.verdicts(book, after, waits.exits() if waits else {}, self._options["witnesses"])

    # -- verification of a ledger that is there

    def _verify_book(self, book: Dict[str, Any]) -> Outcome:
        daemon = self._daemon()
        found = self._verdicts(book, daemon)
        found = [verdict_rows.remembered(one, book) for one in found]
        problem = "" if daemon.process else "containerd does not answer on {0}".format(daemon.address)
        return self._close(book, found, None, problem, changed=False)

    def _settle_earlier(self, book: Dict[str, Any]) -> Outcome:
        """A ledger of an earlier run that was never verified is verified and reported; then this run refuses."""
        phase = book["phase"]
        outcome = self._verify_book(book)
        told = "ledger: the run {0} stopped in phase {1} and was never verified; it is now: {2}".format(
            book["run_id"], phase, outcome.message
        )
        return outcome._replace(failure=told + "; read it, then start this run again.", refused=True)

    def _close(
        self,
        book: Dict[str, Any],
        found: List[Dict[str, Any]],
        view: Optional[HostForecast],
        problem: str,
        changed: bool,
    ) -> Outcome:
        """The verdicts into the ledger; it is verified only when there was a restart, and a containerd to be heard."""
        found, complaints = self._logs.conclude(found, book, well=not problem)
        book["verdicts"] = found
        if not self._check:
            self._phase(book, book["phase"] if problem else "verified")
        lost = verify.lost(found)
        counts = verdict_rows.counted(found)
        failure = None
        if problem or lost or complaints:
            parts = [problem, counts] + [verdict_rows.named(one) for one in lost[:1]] + complaints
            failure = "verify: {0}.".format("; ".join(part for part in parts if part))
        tail = unit.journal_tail(book["daemon"]["unit"], self._clock()) if failure else []
        return Outcome(changed, counts, failure, forecast=view, verdicts=found, gap=book["gap"], journal_tail=tail)

    def _phase(self, book: Dict[str, Any], phase: str) -> None:
        book["phase"] = phase
        book["times"][phase] = wall_clock()
        ledger.save(self._path, book)


def _is_over(book: Dict[str, Any], run_id: str) -> bool:
    """Whether nothing of that ledger is left to be settled: verified, or only recorded by this very run."""
    return bool(book["phase"] == "verified" or (book["phase"] == "recorded" and book["run_id"] == run_id))


def _in_flight(view: HostForecast) -> bool:
    """Whether a bundle is so young, and its task so unfinished, that a second look may tell more."""
    now = wall_clock()
    return any(now - observed.entry.changed < _YOUNG for observed, _one in view.at_risk)


def _serves_anew(daemon: Daemon) -> bool:
    """Whether another process than the old one serves containerd's socket, be it where the configuration moved it."""
    old = daemon.process.pid if daemon.process else None
    for address in dict.fromkeys((daemon.address, daemon.configured.address or daemon.address)):
        with contextlib.suppress(ShimError):
            if peer_pid(address, Deadline(1.0))[0] != old:
                return True
    return False
