# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Upgrade: the release that is put in place right before the restart, and the rollback from it. Internal.

Without a staged release nothing is put in place, and the restart is a plain one.
"""

from __future__ import annotations

import contextlib
from typing import Any, Dict, List, Optional

from ansible_collections.shimops.containerd.plugins.module_utils import _stop_file
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import wall_clock
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.rollback import rollback
from ansible_collections.shimops.containerd.plugins.module_utils._host import releases
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._packages import replace, staged
from ansible_collections.shimops.containerd.plugins.module_utils._packages.staged import Staged
from ansible_collections.shimops.containerd.plugins.module_utils._restart.ledger import Ledger
from ansible_collections.shimops.containerd.plugins.module_utils._unexpected import explained

_ROLLBACK = "-back"


class Upgrade:
    """The staged release of one task.

    :param options: ``package_dir`` and ``target_version`` of the module.
    """

    def __init__(self, options: Dict[str, Any]):
        self._directory = options["package_dir"]
        self._wanted = options["target_version"]
        self.staged: Optional[Staged] = None

    @property
    def target(self) -> str:
        """The release that the restart is forecast for."""
        return self.staged.release if self.staged and self._wanted == "installed" else self._wanted

    def load(self) -> None:
        """Read what was staged, where the task names it. Raises ShimError when it is not the wanted release."""
        if not self._directory:
            return
        self.staged = replace.ready(staged.load(self._directory))
        if self.target not in ("installed", self.staged.release):
            problem = "is not {0}, which was staged there".format(self.staged.release)
            raise ShimError("package", "target_version " + self.target, problem, "stage that release")

    def load_rollback(self) -> str:
        """Read the old release, which becomes the target, and give it."""
        self.staged = replace.ready(staged.load(self._directory))
        self._wanted = self.staged.release
        return self.staged.release

    def install(self, book: Ledger) -> None:
        """Put the staged release in place, and enter it into the ledger, which is not saved here.

        Whatever it raises: containerd was not touched, and the ledger has why.
        """
        if self.staged is None:
            return
        record = {"release": self.staged.release, "version": self.staged.version, "from": book["daemon"]["version"]}
        try:
            with replace.undisturbed(self.staged):
                book["package"] = dict(record, **replace.install(self.staged, replace.rollback(self.staged)))
        except Exception as error:
            book["package"] = dict(record, failed=str(explained(error)))
            raise

    def served(self, book: Ledger) -> None:
        """Enter how long disk and memory disagreed: from the installation until the new containerd answered."""
        package = book.get("package") or {}
        if package.get("since") is not None:
            package["disagree"] = round(wall_clock() - package["since"], 3)

    def wrong_release(self, daemon: Daemon) -> str:
        """What is wrong with the release that runs after the restart; empty when nothing is."""
        wanted = releases.upstream(self.target)
        if not releases.classify(wanted) or wanted == daemon.running == daemon.installed:
            return ""
        return "containerd {0} runs and {1} is on the disk, not {2}".format(daemon.running, daemon.installed, wanted)

    def finish(self) -> None:
        """Remove what is not needed once the release runs."""
        if self.staged:
            with contextlib.suppress(ShimError):
                replace.finish(self.staged)

    def rollback(self, book: Ledger, now: Daemon, observations: List[Observation]) -> Dict[str, Any]:
        """The forecast of a rollback to the release the run began with."""
        versions = [book["daemon"]["version"], now.running, now.installed]
        return rollback(versions, observations, now.load_timeout).row()


def rollback_run(run_id: str) -> str:
    """The run id of the rollback of a run."""
    return run_id[: 64 - len(_ROLLBACK)] + _ROLLBACK


def upgraded_run(run_id: str) -> str:
    """The run id of the upgrade that a rollback belongs to; any other run's own."""
    return run_id.replace(_ROLLBACK, "")


def commands(book: Ledger) -> str:
    """What a person may want to run on a host with a stop file, one command a line. We run none of them."""
    unit = book["daemon"]["unit"]
    namespaces = sorted({task["namespace"] for task in book["tasks"]})
    lines = ["systemctl status {0}".format(unit), "journalctl --unit {0} --lines 50".format(unit)]
    lines += ["ctr --namespace {0} tasks list".format(name) for name in namespaces]
    return "\n".join(lines + ["rm {0}".format(_stop_file.PLACE)])
