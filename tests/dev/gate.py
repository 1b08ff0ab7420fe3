# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gate: one question that the tree must answer well; and the run of all of them."""

import contextlib
import multiprocessing
import multiprocessing.connection
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


#: Lanes that run at the same time. Lab hosts mostly wait for one another, so that two cores are busy with four.
AT_ONCE = 4
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
    """Run each lane in a process of its own, AT_ONCE of them; one that dies fails the gates it did not get to."""
    fork = multiprocessing.get_context("fork")
    waiting, running, results = list(enumerate(lanes)), {}, {number: [] for number in range(len(lanes))}
    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                number, lane = waiting.pop(0)
                ours, theirs = fork.Pipe(duplex=False)
                # What a result cannot carry over is the gate itself, which holds functions.
                child = fork.Process(target=_one_lane, args=(lane, lambda one, end=theirs: end.send(_plain(one))))
                child.start()
                theirs.close()
                running[ours] = number, child
            for ours in multiprocessing.connection.wait(list(running)):
                number, child = running[ours]
                try:
                    results[number].append(Result(*ours.recv()))
                except EOFError:
                    child.join()
                    del running[ours]
    except BaseException:
        with process.undisturbed():
            for _number, child in running.values():
                if child.is_alive():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child.pid, signal.SIGTERM)
            for _number, child in running.values():
                child.join()
        raise
    return [result for number, lane in enumerate(lanes) for result in _whole(lane, results[number])]


def _plain(result: Result) -> tuple:
    """Return the result as what can be sent to another process."""
    return astuple(result)


def _whole(lane: list[tuple[Gate, Path]], results: list[Result]) -> list[Result]:
    missing = lane[len(results) :]
    return results + [Result(gate.name, "failed", "its lane ended before its result", 0.0) for gate, _log in missing]
