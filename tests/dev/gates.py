# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which gates there are, and in which order: the quick ones first."""

from collections.abc import Sequence

from dev import ansible_test_gates, lab_gates, static_gates
from dev.errors import DevError
from dev.gate import Gate

STATIC = [
    Gate("ruff", static_gates.ruff),
    Gate("structure", static_gates.structure),
    Gate("changelog", static_gates.changelog),
    Gate("build and install", static_gates.artifact),
    Gate("ansible-lint", static_gates.ansible_lint),
]


def of_cores(kind: str, arguments: Sequence[str] = ()) -> list[Gate]:
    """Return the gates of ansible-test of one kind, one per ansible-core."""
    make = {"sanity": ansible_test_gates.sanity, "units": ansible_test_gates.units}[kind]
    return [Gate(f"{kind}, ansible-core {core}", make(core, arguments)) for core in ansible_test_gates.CORES]


LINT = [*STATIC, *of_cores("sanity")]
LAB = [
    Gate("lab integration", lab_gates.integration),
    Gate("lab roll", lab_gates.roll),
    Gate("lab differential", lab_gates.differential),
]
ALL = [*LINT, *of_cores("units"), *LAB]


def chosen(gates: list[Gate], words: Sequence[str]) -> list[Gate]:
    """Return the gates whose names begin with one of the words; all of them if there are no words."""
    for word in words:
        if not any(gate.name.startswith(word) for gate in gates):
            raise DevError(f"No gate is called {word!r}; there are: {'; '.join(gate.name for gate in gates)}.")
    return [gate for gate in gates if not words or gate.name.startswith(tuple(words))]
