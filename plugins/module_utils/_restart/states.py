# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""States: what shim_reconnect does for each of its states, top to bottom. Internal to the collection.

The order of the steps is the promise of the module: forecast, ledger, restart, verdicts.
"""

from __future__ import annotations

import os
from typing import Callable, Dict, List

from ansible_collections.shimops.containerd.plugins.module_utils import _stop_file
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import wall_clock
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import configuration
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._restart import ledger, preflight, restart_command
from ansible_collections.shimops.containerd.plugins.module_utils._restart.host import Host, Outcome
from ansible_collections.shimops.containerd.plugins.module_utils._restart.ledger import Ledger
from ansible_collections.shimops.containerd.plugins.module_utils._restart.restart import Restart, forecast_at_rest
from ansible_collections.shimops.containerd.plugins.module_utils._restart.upgrade import rollback_run


def recorded(host: Host) -> Outcome:
    """Write down what runs now."""
    _stop_file.require_absent()
    with host.lock(last=False):
        earlier = host.load_ledger()
        if earlier and not _is_over(earlier, host.run_id):
            return host.settle_earlier(earlier)
        daemon = host.daemon()
        preflight.require_running(daemon)
        observations = host.observe(daemon)
        book = ledger.new(host.run_id, daemon, observations, wall_clock())
        host.logs.enter(book, observations, daemon)
        if not host.check:
            host.make_room(earlier)
            host.save(book)
        message = "{0} tasks recorded".format(len(book["tasks"]))
        return Outcome(not host.check, message, forecast=host.forecast(daemon, observations))


def verified(host: Host) -> Outcome:
    """Compare what runs now with the ledger."""
    book = host.load_ledger()
    # Without a run of its own the task verifies another's, whose claim is no obstacle then.
    host.run_id = host.run_id or (book and book["run_id"])
    with host.lock(last=True):
        book = host.load_ledger()
        if book is not None:
            return host.verify(book)
        if host.check:
            return Outcome(False, "there is no ledger at {0}, so nothing can be verified".format(host.ledger_path))
        raise ShimError("ledger", host.ledger_path, "is not there", "record one first with state: recorded")


def restarted(host: Host) -> Outcome:
    """Forecast, record, restart, verify; a run that has restarted this host already only verifies it."""
    preflight.require_whole_host(host.options)
    _stop_file.require_absent()
    with host.lock(last=True):
        book = host.load_ledger()
        if book and book["run_id"] == host.run_id and _was_restarted(host, book):
            if book["phase"] == "recorded":
                # Tasks of the user's own installed a release, and its package restarted containerd.
                host.enter_phase(book, "restarted")
            return host.verify(book)
        if book and book["run_id"] != host.run_id and not host.check and not _is_over(book, host.run_id):
            return host.settle_earlier(book)
        daemon = host.daemon()
        argv = _require_restartable(host, daemon)
        observations, view = forecast_at_rest(host, daemon)
        preflight.require_witnesses(daemon, host.options["witnesses"], host.listed)
        host.logs.forecast_stalls(daemon, observations, view.start_estimate)
        if view.at_risk and host.options["on_risk"] == "refuse":
            return host.refusal(view)
        if host.check:
            return Outcome(True, _intent(host, daemon), forecast=view)
        outcome = Restart(host, daemon, argv).run(observations, book)
        if not outcome.refused:
            host.upgrade.finish()
        return outcome


def rolled_back(host: Host) -> Outcome:
    """Restart into the release that was there before this run, where its forecast says every task is kept.

    containerd need not run: what is on the disk and what the shims answer is enough.
    """
    preflight.require_whole_host(host.options)
    if not host.options["package_dir"]:
        raise ShimError("options", "package_dir", "is missing", "name where the old release was staged")
    if os.path.lexists(_stop_file.PLACE) and _stop_file.written_by() != host.run_id:
        _stop_file.require_absent()
    run_id, book = host.run_id, host.load_ledger()
    if not book or book["run_id"] != run_id:
        raise ShimError("ledger", host.ledger_path, "is not of the run {0}".format(run_id), "name the run to undo")
    with host.lock(last=True):
        daemon = host.daemon()
        if daemon.configured.start_failure or daemon.configured.problem:
            # So says the release to be replaced; the old one has run with this configuration before.
            daemon = daemon._replace(configured=configuration.USUAL)
        release = host.upgrade.load_rollback()
        host.run_id = rollback_run(run_id)
        argv = restart_command.argv_for(daemon.unit_name, host.options["restart_command"])
        observations = host.observe(daemon)
        view = host.forecast(daemon, observations)
        if view.at_risk:
            return host.refusal(view)
        if host.check:
            return Outcome(True, "containerd would go back to {0}".format(release), forecast=view)
        outcome = Restart(host, daemon, argv).run(observations, book)
        if not outcome.refused:
            host.upgrade.finish()
        if not outcome.failure:
            _stop_file.remove(run_id)
        return outcome


#: By the module's option ``state``.
STATES: Dict[str, Callable[[Host], Outcome]] = {
    "recorded": recorded,
    "restarted": restarted,
    "verified": verified,
    "rolled_back": rolled_back,
}


def _is_over(book: Ledger, run_id: str) -> bool:
    """Whether nothing of that ledger is left to be settled: verified, or only recorded by this very run."""
    return bool(book["phase"] == "verified" or (book["phase"] == "recorded" and book["run_id"] == run_id))


def _was_restarted(host: Host, book: Ledger) -> bool:
    """Whether containerd was restarted since this run recorded the host."""
    if book["phase"] in ("restarted", "verified"):
        return True
    if book["phase"] == "recorded" and (host.check or book.get("package")):
        return False
    now = ledger.identity(host.daemon())
    return not ledger.same_process(book["daemon"], now) and (book["phase"] == "restarting" or bool(now["pid"]))


def _require_restartable(host: Host, daemon: Daemon) -> List[str]:
    """The command that restarts this containerd; raises ShimError for a host where nothing may be restarted."""
    preflight.require_running(daemon)
    preflight.require_same_places(daemon)
    if not host.options["restart_command"]:
        preflight.require_unit(daemon)
    argv = restart_command.argv_for(daemon.unit_name, host.options["restart_command"])
    host.upgrade.load()
    return argv


def _intent(host: Host, daemon: Daemon) -> str:
    """What check mode says of a restart."""
    if host.upgrade.target == "installed":
        return "containerd would be restarted"
    return "containerd {0} would be restarted into {1}".format(daemon.running, host.upgrade.target)
