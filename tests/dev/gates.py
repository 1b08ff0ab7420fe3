# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which gates there are, and in which order."""

from collections.abc import Sequence

from dev import ansible_test_gates, artifact_gates, browser_gates, docs_gates, lab_gates, project_gates, static_gates
from dev.errors import DevError
from dev.gate import Gate

STATIC = [
    Gate("ruff", static_gates.ruff),
    Gate("structure", static_gates.structure),
    Gate("types", static_gates.types),
    Gate("changelog", static_gates.changelog),
    Gate("docs", static_gates.docs),
    Gate("workflows", project_gates.workflows),
    Gate("licences", project_gates.licences),
    Gate("build and install", static_gates.artifact),
    Gate("galaxy-importer", static_gates.importer),
    Gate("ansible-lint", static_gates.ansible_lint),
]


def of_cores(
    kind: str, arguments: Sequence[str] = (), cores: Sequence[str] = tuple(ansible_test_gates.CORES)
) -> list[Gate]:
    """Return the gates of ansible-test of one kind, one per ansible-core."""
    make = {"sanity": ansible_test_gates.sanity, "units": ansible_test_gates.units}[kind]
    return [Gate(f"{kind}, ansible-core {core}", make(core, arguments)) for core in cores]


def _lane(core: str) -> list[Gate]:
    """Return what one ansible-core is asked for: both take their time, and neither starts a host."""
    units = Gate(f"units, ansible-core {core}", ansible_test_gates.units(core, few=True))
    # Every Python imports the code once, by the oldest ansible-core, which knows Python 3.8.
    sanity = ansible_test_gates.sanity(core, few=core != min(ansible_test_gates.CORES))
    return [Gate(f"sanity, ansible-core {core}", sanity), units]


BROWSER = [Gate("browser", browser_gates.page), Gate("docs site", docs_gates.site)]
LINT = [[STATIC], [of_cores("sanity", cores=[core]) for core in ansible_test_gates.CORES]]
# The lab comes last, without the gates that only compute: real daemons are slow under load. The longest comes first.
LAB = [
    [
        [Gate("lab platforms", lab_gates.group("platforms"))],
        [Gate("lab plays", lab_gates.group("plays"))],
        [Gate("lab fleet", lab_gates.group("fleet"))],
        [Gate("lab rescue", lab_gates.group("rescue"))],
        [Gate("lab integration", lab_gates.integration)],
        [Gate("lab upgrade", lab_gates.group("upgrade"))],
        [Gate("lab living", lab_gates.group("living"))],
        [Gate("lab differential", lab_gates.differential)],
        [Gate("lab configuration", lab_gates.group("configuration"))],
        [Gate("store", lab_gates.store)],
        [Gate("lab roll", lab_gates.roll)],
        [Gate("lab artifact", artifact_gates.run)],
    ]
]
ALL = [[*[_lane(core) for core in ansible_test_gates.CORES], STATIC, BROWSER], *LAB]


def chosen(stages: list[list[list[Gate]]], words: Sequence[str]) -> list[list[list[Gate]]]:
    """Return the gates whose names begin with one of the words, in their stages; all if there are no words."""
    names = [gate.name for stage in stages for lane in stage for gate in lane]
    for word in words:
        if not any(name.startswith(word) for name in names):
            raise DevError(f"No gate is called {word!r}; there are: {'; '.join(names)}.")
    wanted = tuple(words) or ("",)
    kept = [[[gate for gate in lane if gate.name.startswith(wanted)] for lane in stage] for stage in stages]
    return [lanes for stage in kept if (lanes := [lane for lane in stage if lane])]
