# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Claims: who may begin, decided for all processes of a run in one place. Internal.

Everything here happens under one lock of the run's folder, so that a budget is exact however many hosts act at once:
a host that asks after another's loss was recorded may not begin.
"""

from __future__ import annotations

from pathlib import Path

from ansible_collections.shimops.containerd.plugins.plugin_utils._run import budgets, files, timestamps


class Admission:
    """The run's own small files: ``run.json``, ``stop``, and what was counted against the budgets.

    :param folder: the folder of the run.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._run = folder / "run.json"
        self._stop = folder / "stop"
        self._tally = folder / "tally.json"

    def lock(self):
        """Return the lock as a context; not to be entered twice."""
        return files.locked(self.folder / "lock")

    def run(self) -> dict:
        """Return what the run was begun with."""
        found = files.load(self._run)
        if found is None:
            raise ValueError(f"{self._run} is not there: begin the run first (fleet_run, state: begun)")
        return found

    def stopped(self) -> dict | None:
        """Return the stop mark, or None."""
        return files.load(self._stop)

    def stop(self, host: str | None, reason: str) -> None:
        """Set the stop mark, unless there is one: the first reason is the one that counts."""
        if self.stopped() is None:
            files.save(self._stop, {"host": host, "reason": reason, "at": timestamps.now()})

    def begin(self, run: dict) -> None:
        """Write down a run that begins or is resumed: no stop mark, nothing counted yet."""
        files.save(self._run, run)
        for file in (self._stop, self.folder / "batches.json"):
            file.unlink(missing_ok=True)
        files.save(self._tally, {})

    def denial(self, host: str) -> str:
        """Say why this host may not begin now; empty when it may. Call it under the lock."""
        run, mark = self.run(), self.stopped()
        if mark:
            return f"the run was stopped: {mark['reason']}"
        if host in run["quarantine"]:
            return "it is in quarantine"
        if run["deadline"] and timestamps.now() > run["deadline"]:
            reason = f"the deadline {timestamps.text(run['deadline'])} has passed"
            self.stop(None, reason)
            return f"the run was stopped: {reason}"
        return ""

    def count(self, host: str, kind: str | None, number: int, reason: str) -> None:
        """Count what became of a host (``lost``, ``failed``, ``refused`` or None for well), once; may set the mark.

        Call it under the lock.
        """
        tally = files.load(self._tally) or {}
        before = {name: hosts for name, hosts in tally.items() if host in hosts}
        for hosts in before.values():
            del hosts[host]
        if kind:
            tally.setdefault(kind, {})[host] = number
        if not kind and not before:
            return
        files.save(self._tally, tally)
        spent = budgets.exceeded(self.run()["budgets"], tally)
        if spent:
            self.stop(host, f"{spent}; {host}: {reason}")

    def counted(self) -> dict[str, dict[str, int]]:
        """Return what was counted so far."""
        return files.load(self._tally) or {}
