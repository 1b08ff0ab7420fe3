# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Claims: who may begin, decided for all processes of a run in one place. Internal.

Everything here happens under one lock of the run's folder, so that a budget is exact however many hosts act at once:
a host that asks after another's loss was recorded may not begin.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ansible_collections.shimops.containerd.plugins.plugin_utils._run import budgets, files, timestamps

# No host is called so: what is not a letter, digit, dot, dash or underscore is quoted in the file of a host.
_LAST = "+last"


class Count(NamedTuple):
    """What is counted of one host: against which budget, None for nothing, and how much."""

    kind: str | None = None
    number: int = 0


class Admission:
    """The run's own small files. What a host costs here is the same in a run of ten hosts and of ten thousand.

    ``run.json`` is what the run was begun with, ``hosts.json`` its hosts, ``stop`` the stop mark, ``tally.json`` what
    was counted against the budgets, and ``batches`` has a file for each host that was in a batch.

    :param folder: the folder of the run.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._run = folder / "run.json"
        self._hosts = folder / "hosts.json"
        self._stop = folder / "stop"
        self._tally = folder / "tally.json"
        self._batches = folder / "batches"

    def lock(self):
        """Return the lock as a context; not to be entered twice."""
        return files.locked(self.folder / "lock")

    def run(self) -> dict:
        """Return what the run was begun with."""
        found = files.load(self._run)
        if found is None:
            raise ValueError(f"{self._run} is not there: begin the run first (fleet_run, state: begun)")
        return found

    def hosts(self) -> list[str]:
        """Return the hosts of the run, in the order of the play."""
        return list((files.load(self._hosts) or {}).get("hosts") or ())

    def known(self) -> dict | None:
        """Return what the run was begun with; None where none was begun here."""
        return files.load(self._run)

    def write(self, run: dict, hosts: Sequence[str]) -> None:
        """Write down what a run is begun with."""
        files.save(self._hosts, {"hosts": list(hosts)})
        files.save(self._run, run)

    def stopped(self) -> dict | None:
        """Return the stop mark, or None."""
        return files.load(self._stop)

    def stop(self, host: str | None, reason: str) -> None:
        """Set the stop mark, unless there is one: the first reason is the one that counts."""
        if self.stopped() is None:
            files.save(self._stop, {"host": host, "reason": reason, "at": timestamps.now()})

    def begin(self, run: dict, hosts: Sequence[str]) -> None:
        """Write down a run that begins or is resumed: no stop mark, no batch, nothing counted yet."""
        self.write(run, hosts)
        self._stop.unlink(missing_ok=True)
        shutil.rmtree(self._batches, ignore_errors=True)
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

    def count(self, host: str, now: Count, before: Count, reason: str) -> None:
        """Count what became of a host instead of what was counted for it before; may set the mark.

        Call it under the lock, before the host's own document says so: a controller that dies in between counts the
        host twice, not never.
        """
        if now == before:
            return
        tally = self.counted()
        for (kind, number), sign in ((before, -1), (now, 1)):
            if kind:
                tally[kind] = tally.get(kind, 0) + sign * number
        files.save(self._tally, tally)
        spent = budgets.exceeded(self.run()["budgets"], tally) if now.kind else ""
        if spent:
            self.stop(host, f"{spent}; {host}: {reason}")

    def counted(self) -> dict[str, int]:
        """Return what was counted so far, by budget."""
        return files.load(self._tally) or {}

    def batch(self, host: str, batch: Sequence[str]) -> int:
        """Return the number of the batch a host is in; a batch is known by the first of its hosts that asks.

        :param batch: the hosts that the play has in it.
        """
        own = self._batches / files.quoted(host)
        number = _number(own)
        if number is None:
            with self.lock():
                number = _number(own)
                if number is None:
                    number = (_number(self._batches / _LAST) or 0) + 1
                    self._begin_batch(number, [*batch, host])
        return number

    def _begin_batch(self, number: int, hosts: Sequence[str]) -> None:
        self._batches.mkdir(mode=0o700, exist_ok=True)
        for path in [self._batches / files.quoted(host) for host in hosts]:
            if _number(path) is None:
                files.write_text(path, str(number))
        files.write_text(self._batches / _LAST, str(number))

    def batches_begun(self) -> int:
        """Return how many batches have begun."""
        return _number(self._batches / _LAST) or 0


def _number(path: Path) -> int | None:
    """The number that stands in a file; None where there is none yet."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None
