# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restart: one restart from the ledger to the verdicts, which are taken whatever goes wrong. Internal."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils import _changes
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline, wall_clock
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.host_forecast import HostForecast
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host import command, processes
from ansible_collections.shimops.containerd.plugins.module_utils._host import unit as systemd
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import CLASSES
from ansible_collections.shimops.containerd.plugins.module_utils._host.unix_sockets import peer
from ansible_collections.shimops.containerd.plugins.module_utils._rescue.survey import at_rest, observe
from ansible_collections.shimops.containerd.plugins.module_utils._restart import (
    ledger,
    ledger_file,
    restart_command,
    verdict_rows,
    verify,
)
from ansible_collections.shimops.containerd.plugins.module_utils._restart.events import Events
from ansible_collections.shimops.containerd.plugins.module_utils._restart.host import Host, Outcome
from ansible_collections.shimops.containerd.plugins.module_utils._restart.ledger import Incarnation, Ledger
from ansible_collections.shimops.containerd.plugins.module_utils._restart.verify import Ends
from ansible_collections.shimops.containerd.plugins.module_utils._restart.waits import Waits
from ansible_collections.shimops.containerd.plugins.module_utils._unexpected import explained

_TICK = 0.02
# Between two checks of a containerd that settles, in seconds.
_BLINK = 0.2


class Watched(NamedTuple):
    """How a restart went.

    ``problem`` is what went wrong, or empty. ``unfinished`` says that the restart is still to come, so that a
    verdict that is good now may not stay so.
    """

    problem: str
    unfinished: bool = False


def forecast_at_rest(host: Host, daemon: Daemon) -> Tuple[List[Observation], HostForecast]:
    """Forecast when no task at risk is on its way any more, at most as long as ``timeout``."""

    def look() -> List[HostForecast]:
        return [host.forecast(daemon, host.observe(daemon))]

    (view,) = at_rest(look, host.clock())
    return [observed for observed, _one in view.forecasts], view


class Restart:
    """One restart of one containerd.

    :param argv: the command that restarts it.
    """

    def __init__(self, host: Host, daemon: Daemon, argv: List[str]):
        self._host = host
        self._daemon = daemon
        self._argv = argv
        self._waits = Waits()
        self._events = Events()
        self._alive_at: Dict[Incarnation, float] = {}
        self._dead_by: Dict[Incarnation, float] = {}
        self._started_again = False

    def run(self, observations: List[Observation], earlier: Optional[Ledger]) -> Outcome:
        """Record, forecast again, install, restart, verify.

        :param observations: what the forecast was made from.
        :param earlier: the ledger that is there already.
        """
        host = self._host
        restart_command.detach()
        host.make_room(earlier)
        book = ledger.new(host.run_id, self._daemon, observations, wall_clock())
        host.logs.enter(book, observations, self._daemon)
        host.save(book)
        try:
            self._events.follow(self._daemon.ctr().events())
            self._waits.add(book)
            late, view = forecast_at_rest(host, self._daemon)
            ledger.refresh(book, view.forecasts)
            host.logs.enter(book, late, self._daemon)
            self._waits.add(book)
            if view.at_risk and host.options["on_risk"] == "refuse":
                ledger_file.remove(host.ledger_path)
                return host.refusal(view)
            host.enter_phase(book, "restarting")
            self._install(book)
            running = self._begin()
            try:
                return self._conclude(book, view, self._watch(running, book))
            except Exception as error:
                # A restart that was begun is verified, whatever went wrong while it was watched.
                return self._verify_anyway(explained(error), running, view)
        finally:
            self._events.close()
            self._waits.close()

    def _install(self, book: Ledger) -> None:
        """Put the staged release in place, if there is one."""
        if self._host.upgrade.staged is None:
            return
        try:
            self._host.upgrade.install(book)
        except Exception:
            # containerd was not touched, so the same run may begin again.
            self._host.enter_phase(book, "recorded")
            raise
        self._host.save(book)

    def _begin(self) -> command.Running:
        systemd.reset_start_limit(self._daemon.unit_name, self._host.clock())
        try:
            running = command.start(self._argv)
        except ShimError:
            # Nothing was begun, so there is nothing that a later run would have to settle.
            ledger_file.remove(self._host.ledger_path)
            raise
        _changes.note()
        return running

    def _watch(self, running: command.Running, book: Ledger) -> Watched:
        """See the old containerd go and the new one serve."""
        clock = Deadline(self._host.options["restart_timeout"])
        # There is none left to go where it crashed before.
        gone_at: Optional[float] = None if self._daemon.process else 0.0
        served: Optional[Daemon] = None
        patience = None
        while not clock.expired():
            code = running.code()
            if gone_at is None and not (self._daemon.process and self._daemon.process.alive()):
                gone_at = clock.elapsed()
                self._add_latecomers(book)
            if gone_at is not None:
                self._host.logs.sample()
                # Where it crashed before, systemd may start it once more right before this restart does.
                served = self._served_anew() if self._daemon.process or code is not None else None
                if served:
                    break
            if code and self._start_limit_hit():
                running, patience = self._start_again(), None
            elif code is not None and patience is None and not self._daemon.supervised:
                # A unit that failed may be started again by systemd; a supervisor starts containerd when it is ready.
                patience = clock.within(5.0 if code == 0 else self._host.options["settle"])
            if patience and patience.expired():
                break
            clock.sleep(_TICK)
        if served is not None and gone_at is not None:
            book["gap"] = round(clock.elapsed() - gone_at, 3)
            # Before anything else, so that a crash from now on is counted.
            ledger.enter_daemon(book, served, wall_clock())
            self._events.follow(served.ctr().events())
            # Whoever runs by now, was not ended by the load.
            self._ends(book)
            self._host.upgrade.served(book)
            self._host.enter_phase(book, "restarted")
            return Watched("")
        return self._failed(running, gone_at is None)

    def _start_limit_hit(self) -> bool:
        """Whether systemd keeps containerd down because it was started too often; true once at most."""
        if self._started_again:
            return False
        unit = systemd.look_up(self._daemon.unit_name, self._host.clock())
        self._started_again = unit is not None and unit.result == "start-limit-hit"
        return self._started_again

    def _start_again(self) -> command.Running:
        systemd.reset_start_limit(self._daemon.unit_name, self._host.clock())
        return command.start(restart_command.argv_for(self._daemon.unit_name, None, "start"))

    def _failed(self, running: command.Running, old_runs: bool) -> Watched:
        """Why there is no new containerd."""
        said = running.words()
        why = " ({0})".format(said) if said else ""
        if old_runs and running.code() is not None:
            pid = self._daemon.process.pid if self._daemon.process else None
            return Watched("containerd was not restarted: pid {0} still runs{1}".format(pid, why))
        if running.code() is None:
            timeout = self._host.options["restart_timeout"]
            return Watched("the restart did not end in {0:g} s and is left alone".format(timeout), unfinished=True)
        return Watched("containerd did not come back" + why)

    def _add_latecomers(self, book: Ledger) -> None:
        """Enter the tasks that came in the last moment. Only they are asked: the new containerd is awaited."""
        host, gone = self._host, self._daemon._replace(process=None)
        observations = observe(gone, host.options, host.clock(), CLASSES, known=ledger.keys(book)).all
        # Of one that is still being made the client gets an error, and makes it again.
        observations = [observed for observed in observations if not observed.being_made]
        if ledger.add(book, observations):
            host.logs.enter(book, observations, gone)
            host.save(book)
            self._waits.add(book)

    def _conclude(self, book: Ledger, view: HostForecast, watched: Watched) -> Outcome:
        """Verdicts, settle, verdicts again: what CRI and kubelet do comes after the start."""
        host, problem = self._host, watched.problem
        ends = partial(self._ends, book)
        timeout, settle = host.options["restart_timeout"], host.options["settle"]
        # Where nothing is waited for, the first verdicts are the last.
        daemon, found = host.proven_verdicts(book, ends, Deadline(0 if settle or problem else timeout))
        changed = not ledger.same_process(book["daemon"], ledger.identity(daemon))
        if not problem:
            if settle:
                host.save(book)
                self._settle(book, daemon, Deadline(timeout))
                daemon, found = host.proven_verdicts(book, ends, Deadline(timeout), daemon)
            problem = _crashed(book, daemon) or host.upgrade.wrong_release(daemon)
        if watched.unfinished:
            found = [verdict_rows.not_proven(one, problem) for one in found]
        return host.close(book, found, view, problem, changed, daemon)

    def _ends(self, book: Ledger) -> Ends:
        """How tasks ended, by what is known now."""
        now = wall_clock()
        for task in book["tasks"]:
            if verify.alive(task):
                self._alive_at[ledger.incarnation(task)] = now
            else:
                self._dead_by.setdefault(ledger.incarnation(task), now)
        return Ends(self._waits.exits(), self._events.ended(), dict(self._alive_at), dict(self._dead_by))

    def _settle(self, book: Ledger, daemon: Daemon, clock: Deadline) -> None:
        """Let containerd settle; where it crashes meanwhile, so much longer, as long as the deadline allows."""
        settle = self._host.options["settle"]
        left = Deadline(settle)
        while True:
            if daemon.process and daemon.process.alive():
                ledger.enter_daemon(book, daemon, wall_clock())
                if not left.sleep(_BLINK):
                    return
                continue
            if not clock.sleep(_BLINK):
                return
            served = self._serving()
            if served is None and self._start_limit_hit():
                self._start_again()
            elif served:
                daemon = served
                self._events.follow(daemon.ctr().events())
                left = clock.within(settle)

    def _verify_anyway(self, error: ShimError, running: command.Running, view: HostForecast) -> Outcome:
        """The verdicts of a restart whose watching broke off, from the ledger on disk; the host has failed anyway."""
        host, problem = self._host, str(error).rstrip(".")
        try:
            clock = Deadline(host.options["restart_timeout"])
            while not self._served_anew() and running.code() is None and not clock.expired():
                clock.sleep(_TICK)
            if not self._served_anew():
                raise ShimError("verify", "containerd", "was not seen to come back")
            Deadline(host.options["settle"]).sleep(host.options["settle"])
            book = host.load_ledger()
            if book is None:
                raise ShimError("ledger", host.ledger_path, "is gone")
            found = host.verify(book)
        except Exception as second:
            again = str(explained(second)).rstrip(".")
            more = "" if again == problem else " (verifying at once failed: {0})".format(again)
            failure = "{0}; the restart was begun, so run state: verified to see the verdicts{1}.".format(problem, more)
            return Outcome(True, failure=failure, forecast=view)
        failure = "{0}; verified after that all the same: {1}.".format(problem, found.message)
        if found.failure:
            failure = "{0}; verified after that: {1}".format(problem, found.failure)
        return found._replace(changed=True, failure=failure, forecast=view)

    def _served_anew(self) -> Optional[Daemon]:
        """containerd as `_serving` has it, if another process than at the beginning serves it."""
        served = self._serving()
        return served if served and served.process != self._daemon.process else None

    def _serving(self) -> Optional[Daemon]:
        """The containerd that serves its socket now, also where the configuration moved it, without its release."""
        daemon = self._daemon
        for address in dict.fromkeys((daemon.configured.address or daemon.address, daemon.address)):
            with contextlib.suppress(ShimError):
                process = processes.look_up(peer(address, Deadline(1.0)).pid)
                if process:
                    return daemon._replace(process=process, address=address, unit=None, running=None)
        return None


def _crashed(book: Ledger, daemon: Daemon) -> str:
    """What is wrong where containerd did not stay up after the restart; empty when it did."""
    times = len(book.get("moments", [])) - 1
    often = "once" if times == 1 else "{0} times".format(times)
    if daemon.process is None:
        return "containerd ended while it settled, and does not answer"
    return "containerd ended while it settled, and came back {0}".format(often) if times > 0 else ""
