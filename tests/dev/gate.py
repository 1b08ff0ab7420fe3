# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gate: one question that the tree must answer well; and the run of all of them."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dev import process, report
from dev.errors import DevError, GateFailed, GateSkipped


class Desk:
    """What a gate works with: its log, and commands that must succeed."""

    def __init__(self, log: Path):
        self.log = log
        log.touch()

    def run(self, argv: Iterable[object], *, timeout: float = 1800, **options: object) -> None:
        """Run a command into the log; any status but 0 fails the gate."""
        words = list(argv)
        status = process.run(words, log=self.log, timeout=timeout, **options)
        if status == 124:
            raise GateFailed(f"{Path(str(words[0])).name} did not finish in {timeout:.0f} seconds")
        if status != 0:
            raise GateFailed(f"{Path(str(words[0])).name} ended with status {status}")

    def text(self) -> str:
        """Return what the log says so far."""
        return self.log.read_text(errors="replace")


@dataclass(frozen=True)
class Gate:
    """A name and the check; the check returns the few words worth showing when all is well."""

    name: str
    check: Callable[[Desk], str]


@dataclass(frozen=True)
class Result:
    """What became of a gate."""

    gate: str
    result: str
    note: str
    seconds: float


def run_one(gate: Gate, log: Path) -> Result:
    """Run one gate; whatever happens in it is a result."""
    start = time.monotonic()
    try:
        result, note = "passed", gate.check(Desk(log))
    except GateSkipped as reason:
        result, note = "skipped", str(reason)
    except (GateFailed, DevError) as reason:
        result, note = "failed", str(reason)
    except Exception as surprise:
        # A defect of the gate itself must not hide the gates after it.
        result, note = "failed", f"{type(surprise).__name__}: {surprise}"
    return Result(gate.name, result, note, time.monotonic() - start)


def run_all(gates: Iterable[Gate], log_dir: Path) -> int:
    """Run every gate, print what is worth reading, and return the exit status."""
    results = []
    for number, gate in enumerate(gates, 1):
        log = log_dir / f"{number:02d}-{report.slug(gate.name)}.log"
        report.begin(gate.name)
        results.append(run_one(gate, log))
        report.end(results[-1], log)
    report.summary(results, log_dir)
    return int(any(result.result == "failed" for result in results))
