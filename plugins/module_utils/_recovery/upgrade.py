# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Upgrade: a restart into another release, which is put in place right before it; and the way back. Internal.

The order is the promise: forecast for the target, ledger, forecast again, the packages, the restart, the verdicts.
A forecast that refuses at the last moment leaves the disk as it was.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any, Dict, Iterator, List, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import wall_clock
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._packages import policy, replace, staged
from ansible_collections.shimops.containerd.plugins.module_utils._packages.staged import Staged
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import (
    act,
    command,
    configuration,
    freeze,
    ledger,
    preflight,
    releases,
    report,
)
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.case import Case
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.look import outlook
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.reconnect import Host, Outcome
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.rollback import rollback
from ansible_collections.shimops.containerd.plugins.module_utils._unexpected import explained

_BACK = "-back"


class Upgrade(Host):
    """One host and the options of the task. Without a package and a target it is a plain restart."""

    def __init__(self, options: Dict[str, Any], check: bool):
        super().__init__(options, check)
        self._plan: Optional[Staged] = None
        self._seen: List[Case] = []

    def rolled_back(self) -> Outcome:
        """Go back to the release that was there before this run, where its forecast says every task is kept.

        containerd need not run: what is on the disk and what the shims answer is enough.
        """
        preflight.require_whole_host(self._options)
        if not self._options["package_dir"]:
            raise ShimError("options", "package_dir", "is missing", "name where the old release was staged")
        if os.path.lexists(preflight.STOP_FILE) and freeze.frozen_by() != self._run:
            preflight.require_no_hold()
        upgrade, book = self._run, self._previous()
        if not book or book["run_id"] != upgrade:
            raise ShimError("ledger", self._path, "is not of the run {0}".format(upgrade), "name the run to undo")
        with self._held(last=True):
            return self._go_back(upgrade, book)

    def _go_back(self, upgrade: str, book: Dict[str, Any]) -> Outcome:
        daemon = self._daemon()
        if daemon.configured.start_failure or daemon.configured.problem:
            # That is the word of the release to be replaced; the old one has run with this configuration before.
            daemon = daemon._replace(configured=configuration.USUAL)
        self._plan = replace.ready(staged.load(self._options["package_dir"]))
        self._options = dict(self._options, target_version=self._plan.release)
        self._run = upgrade[: 64 - len(_BACK)] + _BACK
        argv = act.restart_argv(daemon.unit_name, self._options["restart_command"])
        cases = self._look(daemon)
        view = outlook(daemon, cases, self._plan.release)
        if view.at_risk:
            return Outcome(False, failure=report.refusal(view), refused=True, forecast=view)
        if self._check:
            return Outcome(True, "containerd would go back to {0}".format(self._plan.release), forecast=view)
        # systemd refuses to start what failed too often.
        command.run(["systemctl", "reset-failed", "--", daemon.unit_name], self._clock())
        outcome = self._restart(daemon, argv, cases, book)
        if not outcome.failure:
            freeze.thaw(upgrade)
        return outcome

    # -- the steps that a restart leaves open

    def _require(self, daemon: Daemon) -> List[str]:
        argv = super()._require(daemon)
        if self._options["package_dir"]:
            self._plan = replace.ready(staged.load(self._options["package_dir"]))
            if self._target() not in ("installed", self._plan.release):
                told = "is not {0}, which was staged there".format(self._plan.release)
                raise ShimError("package", "target_version " + self._target(), told, "stage that release")
        return argv

    @contextlib.contextmanager
    def _held(self, last: bool) -> Iterator[None]:
        with super()._held(last):
            if not self._check:
                # A module that was killed after its verification left it, and this run may install nothing.
                policy.put_back()
            yield

    def _target(self) -> str:
        wanted = self._options["target_version"]
        return self._plan.release if self._plan and wanted == "installed" else wanted

    def _before_restart(self, book: Dict[str, Any]) -> None:
        if self._plan is None:
            return
        record = {"release": self._plan.release, "version": self._plan.version, "from": book["daemon"]["version"]}
        try:
            with replace.undisturbed(self._plan):
                book["package"] = dict(record, **replace.install(self._plan, replace.way_back(self._plan)))
        except Exception as error:
            # containerd was not touched, so the same run may begin again.
            book["package"] = dict(record, failed=str(explained(error)))
            self._phase(book, "recorded")
            raise
        act.save_ledger(self._path, book)

    def _restart_once(self) -> Outcome:
        book = self._previous()
        if self._check:
            return self._foretold(super()._restart_once())
        if not book or (book["run_id"], book["phase"]) != (self._run, "recorded"):
            return super()._restart_once()
        now = ledger.identity(self._daemon())
        if book.get("package") or not now["pid"] or ledger.same_process(book["daemon"], now):
            return super()._restart_once()
        # Tasks of the user's own installed the release, and a package restarted containerd: what was recorded counts.
        self._phase(book, "restarted")
        return self._verify_book(book)

    def _foretold(self, outcome: Outcome) -> Outcome:
        """In check mode: into which release."""
        if not outcome.changed or self._target() == "installed":
            return outcome
        running = self._daemon().running
        return outcome._replace(message="containerd {0} would be restarted into {1}".format(running, self._target()))

    def _served(self, book: Dict[str, Any]) -> None:
        since = (book.get("package") or {}).get("since")
        if since is not None:
            book["package"]["disagree"] = round(wall_clock() - since, 3)

    def _wrong_release(self, daemon: Daemon) -> str:
        wanted = releases.plain(self._target())
        if not releases.classify(wanted) or wanted == daemon.running == daemon.installed:
            return ""
        return "containerd {0} runs and {1} is on the disk, not {2}".format(daemon.running, daemon.installed, wanted)

    def _look(self, daemon: Daemon) -> List[Case]:
        self._seen = super()._look(daemon)
        return self._seen

    def _restart(
        self, daemon: Daemon, argv: List[str], cases: List[Case], earlier: Optional[Dict[str, Any]]
    ) -> Outcome:
        outcome = super()._restart(daemon, argv, cases, earlier)
        if self._plan and not outcome.refused:
            with contextlib.suppress(ShimError):
                replace.finish(self._plan)
        return outcome

    def _close(self, book: Dict[str, Any], *rest: Any, **more: Any) -> Outcome:
        outcome = (
            super()._close(book, *rest, **more)._replace(package=book.get("package"), rollback=self._rollback(book))
        )
        if not outcome.failure or not self._options["freeze"] or self._check:
            return outcome
        freeze.freeze(book["run_id"].replace(_BACK, ""), outcome.failure)
        return outcome._replace(commands=_commands(book))

    def _rollback(self, book: Dict[str, Any]) -> Dict[str, Any]:
        """The way back after it: to the release the run began with, by what runs now."""
        try:
            now = self._daemon()
        except ShimError:
            # The verdicts are what counts; without a containerd nobody can tell.
            return {}
        versions = [book["daemon"]["version"], now.running, now.installed]
        return rollback(versions, self._seen, now.load_timeout).told()


def _commands(book: Dict[str, Any]) -> str:
    """What a person may want to run on a frozen host, one a line. Nothing of it is run by us."""
    unit = book["daemon"]["unit"]
    namespaces = sorted({task["namespace"] for task in book["tasks"]})
    told = ["systemctl status {0}".format(unit), "journalctl --unit {0} --lines 50".format(unit)]
    told += ["ctr --namespace {0} tasks list".format(name) for name in namespaces]
    return "\n".join(told + ["rm {0}".format(preflight.STOP_FILE)])
