# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of ./dev and the words they are called with."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from dev import machine, place, process
from dev.errors import DevError, GateSkipped


@dataclass(frozen=True)
class Command:
    """One command: what it takes, what it is for, what it does."""

    takes: str
    does: str
    run: Callable[[list[str]], int]
    root: bool = False


def _gates(which: str) -> Callable[[list[str]], int]:
    def command(words: list[str]) -> int:
        from dev import gate, gates

        return gate.run_all(gates.chosen(getattr(gates, which), words), place.new_log_dir(which.lower()))

    return command


def _units(words: list[str]) -> int:
    from dev import gate, gates

    return gate.run_all([[gates.of_cores("units", words)]], place.new_log_dir("units"))


def _demo(words: list[str]) -> int:
    from dev import demo

    if words not in ([], ["--keep"]):
        raise DevError(f"./dev demo takes --keep or nothing, not {' '.join(words)!r}.")
    return demo.demo(keep=bool(words))


def _integration(words: list[str]) -> int:
    from dev import lab_gates

    arguments = words or ["-v", "-ra"]
    if not any("::" in word or "/" in word for word in words):
        arguments = [*arguments, str(lab_gates.TESTS)]
    return process.run(lab_gates.pytest_argv(arguments), env=lab_gates.pytest_env(), cwd=place.ROOT)


def _fuzz(words: list[str]) -> int:
    from dev import fuzz

    return fuzz.fuzz(words)


def _matrix(words: list[str]) -> int:
    from dev import matrix

    return matrix.matrix(words)


def _bench(words: list[str]) -> int:
    from dev import bench

    return bench.bench(words)


def _docs(words: list[str]) -> int:
    from dev import docs_command

    return docs_command.docs(words)


def _lab(words: list[str]) -> int:
    from dev import lab_command

    return lab_command.become(words)


def _play(words: list[str]) -> int:
    from dev import playbook

    return playbook.become(words)


COMMANDS = {
    "demo": Command("[--keep]", "roll a lab of four hosts, and show what was proven", _demo, root=True),
    "test": Command("[GATE...]", "every gate; what CI runs", _gates("ALL"), root=True),
    "lint": Command("[GATE...]", "the gates that start no host: format, lint, types, sanity", _gates("LINT")),
    "units": Command("[ARGS]", "unit tests on each ansible-core; ARGS go to ansible-test units", _units),
    "integration": Command("[ARGS]", "the tests on real containerd; ARGS go to pytest", _integration, root=True),
    "matrix": Command(
        "[ARGS]", "all that is claimed to be supported, and docs/supported.md from it", _matrix, root=True
    ),
    "fuzz": Command(
        "[N] [--release R] [--seed S]", "N generated bundles per release, forecast against restart", _fuzz, root=True
    ),
    "bench": Command("[NAME...]", "the benchmarks, or those of these names", _bench, root=True),
    "docs": Command("[--dest DIR | --pictures]", "the documentation site, or the pictures that it shows", _docs),
    "lab": Command("up|down|ls|shell|fault ...", "a fleet of real containerd hosts on this machine", _lab, root=True),
    "play": Command("ARGS", "ansible-playbook with this checkout as shimops.containerd", _play),
}


def usage() -> str:
    """Return the help."""
    lines = [f"./dev: work on {place.FQCN}", ""]
    for name, command in COMMANDS.items():
        call = f"{name} {command.takes}".rstrip()
        lines.append(f"  ./dev {call:<32} {command.does}")
    lines += [
        "",
        "What a command needs it sets up first: packages with apt, Python environments under",
        "${SHIMOPS_CACHE:-/var/cache/shimops}. Start with: ./dev demo",
    ]
    return "\n".join(lines)


def main(words: list[str]) -> int:
    """Do what the words say; return the exit status."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    name, *rest = words
    try:
        machine.require_linux()
        command = COMMANDS.get(name)
        if command is None:
            raise DevError(f"{name!r} is not a command of ./dev; there are: {', '.join(COMMANDS)}.")
        if command.root:
            machine.require_root(f"./dev {name}")
        process.interruptible()
        return command.run(rest)
    except (DevError, GateSkipped) as problem:
        print(problem, file=sys.stderr)
        return 2
    except PermissionError as problem:
        hint = "set SHIMOPS_CACHE to a directory of yours, or be root"
        print(f"{problem.filename} is not ours to write: {hint}.", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has had enough; there is no reader left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
