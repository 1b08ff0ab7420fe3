# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates of ansible-test: sanity and units, on the oldest and the newest ansible-core."""

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from dev import ansible_test, checkout, decoys, machine, pythons, venvs
from dev.gate import Desk

#: The Pythons of `./dev test`; `./dev units` takes all. Hosts begin with 3.8, controllers with 3.11.
FEW = {"2.19": ((3, 8), (3, 11)), "2.21": ((3, 13),)}
CORES: dict[str, Callable[[], Path]] = {"2.19": venvs.core219, "2.21": venvs.core221}
_DECOYS = re.compile(r"^decoys: (\d+)$", re.MULTILINE)


def sanity(core: str, arguments: Sequence[str] = (), few: bool = False) -> Callable[[Desk], str]:
    """Return the gate that runs all sanity tests, for every Python that is here, or for the newest of FEW."""

    def check(desk: Desk) -> str:
        if any(name.suffix == ".sh" for name in checkout.files()) and not shutil.which("shellcheck"):
            machine.apt_install(["shellcheck"])
        newest = ["--python", pythons.text(FEW[core][-1])] if few else []
        _run(desk, core, ["sanity", "--local", *newest, *arguments])
        log = desk.text()
        runs = len(re.findall(r'^Running sanity test "', log, re.MULTILINE))
        # Only the tests of syntax and imports are done once per Python, and say so.
        versions = re.findall(r'^Running sanity test "import" on Python 3\.(\d+)', log, re.MULTILINE)
        return "\n".join([f"{runs} test runs; imports on Python {_list(versions)}", *_left_out(log)])

    return check


def units(core: str, arguments: Sequence[str] = (), few: bool = False) -> Callable[[Desk], str]:
    """Return the gate that runs the unit tests among decoys, for every Python that is here, or for FEW of them."""

    def check(desk: Desk) -> str:
        hidden = os.geteuid() == 0
        here = [pythons.text(version) for version in FEW[core] if few and version in pythons.found()]
        for chosen in [["--python", version] for version in here] or [[]]:
            around = decoys.among if hidden else contextlib.nullcontext
            _run(desk, core, ["units", "--venv", *chosen, *arguments], around)
        log = desk.text()
        heads = re.findall(r"^Unit test (.*) with Python 3\.(\d+)", log, re.MULTILINE)
        counts = re.findall(r"^=+ (.* in [\d.]+s.*?) =+$", log, re.MULTILINE)
        each = [f"3.{minor} {what}: {count}" for (what, minor), count in zip(heads, counts, strict=True)]
        where = f"among {_DECOYS.search(log).group(1)} decoys" if hidden else "without decoys, which take root"
        return "\n".join([f"Python {_list(minor for _what, minor in heads)}, {where}", *each, *_left_out(log)])

    return check


def _run(
    desk: Desk,
    core: str,
    arguments: Sequence[str],
    around: Callable[[list[object]], contextlib.AbstractContextManager[list[object]]] = contextlib.nullcontext,
) -> None:
    bin_dir = CORES[core]()
    ansible_test.prepare(core, bin_dir)
    with checkout.copy() as copy:
        with around([bin_dir / "ansible-test", *arguments, "--color", "no"]) as argv:
            desk.run(argv, cwd=copy, env=ansible_test.environment(bin_dir))


def _left_out(log: str) -> list[str]:
    """Return what ansible-test says it did not do; a missing program is a mere warning to it."""
    said = dict.fromkeys(re.findall(r"^WARNING: ((?:Skipping|Required) .*)$", log, re.MULTILINE))
    return [line for line in said if "module/module_utils unit tests were selected" not in line]


def _list(minors: Iterable[str]) -> str:
    return " ".join(f"3.{minor}" for minor in sorted(set(minors), key=int)) or "none"
