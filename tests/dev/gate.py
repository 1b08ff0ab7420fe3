# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gate: one question that the tree must answer well; and the run of all of them."""

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
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
    """How a gate ended."""

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


#: Gates that run one after another; lanes that run at the same time; stages that wait for one another.
Lane = Sequence[Gate]
Stage = Sequence[Lane]


def run_all(stages: Sequence[Stage], log_dir: Path) -> int:
    """Run every gate, print what is worth reading, and return the exit status."""
    results: list[Result] = []
    for stage in stages:
        lanes = [_logged(lane, log_dir) for lane in stage]
        results += _one_lane(lanes[0]) if len(lanes) == 1 else _together(lanes)
    report.summary(results, log_dir)
    return int(any(result.result == "failed" for result in results))


def _logged(lane: Lane, log_dir: Path) -> list[tuple[Gate, Path]]:
    return [(gate, log_dir / f"{report.slug(gate.name)}.log") for gate in lane]


def _one_lane(lane: list[tuple[Gate, Path]], done: Callable[[Result], None] = lambda _result: None) -> list[Result]:
    results = []
    for gate, log in lane:
        report.begin(gate.name)
        results.append(run_one(gate, log))
        report.end(results[-1], log)
        done(results[-1])
    return results


def _together(lanes: list[list[tuple[Gate, Path]]]) -> list[Result]:
    """Run each lane in a process of its own; a lane that dies fails the gates it did not get to."""
    fork = multiprocessing.get_context("fork")
    running = []
    for lane in lanes:
        ours, theirs = fork.Pipe(duplex=False)
        # What a result cannot carry over is the gate itself, which holds functions.
        child = fork.Process(target=_one_lane, args=(lane, lambda one, end=theirs: end.send(_plain(one))))
        child.start()
        theirs.close()
        running.append((lane, child, ours))
    try:
        return [result for lane, child, ours in running for result in _collected(lane, child, ours)]
    except BaseException:
        with process.undisturbed():
            for _lane, child, _ours in running:
                if child.is_alive():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child.pid, signal.SIGTERM)
            for _lane, child, _ours in running:
                child.join()
        raise


def _plain(result: Result) -> tuple:
    """Return the result as what can be sent to another process."""
    return astuple(result)


def _collected(lane: list[tuple[Gate, Path]], child: multiprocessing.Process, ours: object) -> list[Result]:
    results = []
    with contextlib.suppress(EOFError):
        for _gate in lane:
            results.append(Result(*ours.recv()))
    child.join()
    missing = lane[len(results) :]
    return results + [Result(gate.name, "failed", "its lane ended before its result", 0.0) for gate, _log in missing]
