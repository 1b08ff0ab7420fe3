# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of this tree that no linter knows; run as `python -m dev.structure` with PyYAML at hand."""

import functools
import graphlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from dev import checkout, matrix, origins, place, role_rules, rooms, words

# REUSE-IgnoreStart
HEADER = (
    "# Copyright (c) 2026 the shimops.containerd authors",
    "# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)",
    "# SPDX-License-Identifier: GPL-3.0-or-later",
)
# REUSE-IgnoreEnd
LONGEST, LONGEST_TEST = 400, 550
MODULES = Path("plugins/modules")
PACKAGE = rf"{place.NAMESPACE}\.{place.NAME}"


@functools.cache
def texts() -> dict[Path, str]:
    """Return every text file of the checkout."""
    found = {}
    for name in checkout.files():
        try:
            found[name] = (place.ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def python_files() -> dict[Path, str]:
    """Return those that are Python, by name or by their first line."""
    return {
        name: text for name, text in texts().items() if name.suffix == ".py" or re.match("#!.*python", text) is not None
    }


def modules() -> list[str]:
    """Return the names of the modules."""
    return sorted(name.stem for name in texts() if name.parent == MODULES and name.suffix == ".py")


def action_group() -> Iterator[str]:
    """The action group lists exactly the modules."""
    listed = yaml.safe_load(texts()[Path("meta/runtime.yml")])["action_groups"]["shim"]
    for name in sorted({*listed} ^ {*modules()}):
        where = "has no file in plugins/modules" if name in listed else "is not in action_groups.shim"
        yield f"meta/runtime.yml: {name} {where}"


def tested() -> Iterator[str]:
    """Every module has unit tests, and its name is in an integration test."""
    integration = "\n".join(text for name, text in texts().items() if name.parts[:2] == ("tests", "integration"))
    for module in modules():
        if Path(f"tests/unit/plugins/modules/test_{module}.py") not in texts():
            yield f"{MODULES / module}.py: no tests/unit/plugins/modules/test_{module}.py"
        if not re.search(rf"\b{module}\b", integration):
            yield f"{MODULES / module}.py: not named in tests/integration"


def short() -> Iterator[str]:
    """No Python file is too long to be read in one go."""
    for name, text in python_files().items():
        limit = LONGEST_TEST if name.name.startswith("test_") else LONGEST
        if (lines := text.count("\n")) > limit:
            yield f"{name}: {lines} lines, more than {limit}"


def roomed() -> Iterator[str]:
    """The rooms and what each may touch: see rooms.py."""
    for rule in rooms.CHECKS:
        yield from rule(texts())


def acyclic() -> Iterator[str]:
    """No two files of the collection need each other: whichever is imported first would fail."""
    needs = {}
    for name, text in python_files().items():
        if name.parts[0] == "plugins":
            dotted = ".".join(name.with_suffix("").parts)
            found = re.findall(
                rf"^from ansible_collections\.{PACKAGE}\.([\w.]+) import (\([^)]*\)|.*)", text, re.MULTILINE
            )
            needs[dotted] = {
                one for base, words in found for one in [base, *(f"{base}.{w}" for w in re.findall(r"\w+", words))]
            }
    graph = {name: sorted(found & needs.keys()) for name, found in needs.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as cycle:
        yield f"these import each other in a circle: {' -> '.join(cycle.args[1])}"


def headed() -> Iterator[str]:
    """Every Python file that is not empty begins with copyright and licence."""
    for name, text in python_files().items():
        lines = [line for line in text.splitlines()[:5] if not line.startswith(("#!", "# -*-"))]
        if text.strip() and tuple(lines[:3]) != HEADER:
            yield f"{name}: the three header lines are missing"


def homeless() -> Iterator[str]:
    """Nothing names a place of the machine it was written on, or a host that packages come from."""
    pattern = origins.pattern()
    for name, text in texts().items():
        for number, line in enumerate(text.splitlines(), 1):
            if match := pattern.search(line):
                yield f"{name}:{number}: names {match.group()!r}"


def of_roles() -> Iterator[str]:
    """Roles and playbooks: see role_rules.py."""
    for rule in (role_rules.variables, role_rules.gated):
        yield from rule(texts())


def explained() -> Iterator[str]:
    """Whoever is refused finds out what to do."""
    return role_rules.explained(texts())


def covered() -> Iterator[str]:
    """What the documentation says was run, was."""
    return matrix.stale(texts())


def worded() -> Iterator[str]:
    """Plain English: see words.py."""
    return words.plain(texts())


CHECKS: tuple[Callable[[], Iterator[str]], ...] = (
    action_group,
    tested,
    short,
    roomed,
    acyclic,
    headed,
    homeless,
    of_roles,
    explained,
    covered,
    worded,
)


def main() -> int:
    """Print each finding, and at the end what was checked."""
    findings = [finding for check in CHECKS for finding in check()]
    print(*findings, sep="\n")
    print(f"{len(CHECKS)} rules, {len(texts())} files, {len(findings)} findings")
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
