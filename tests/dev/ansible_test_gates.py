# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates of ansible-test: sanity and units, on the oldest and the newest ansible-core."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from dev import ansible_test, checkout, pythons, venvs
from dev.gate import Desk

CORES: dict[str, Callable[[], Path]] = {"2.19": venvs.core219, "2.21": venvs.core221}


def sanity(core: str) -> Callable[[Desk], str]:
    """Return the gate that runs all sanity tests, for every Python that is here."""

    def check(desk: Desk) -> str:
        _run(desk, core, ["sanity", "--local"])
        runs = len(re.findall(r"^Running sanity test ", desk.text(), re.MULTILINE))
        return f"{runs} test runs, {_pythons(desk.text())}"

    return check


def units(core: str, arguments: Sequence[str] = ()) -> Callable[[Desk], str]:
    """Return the gate that runs the unit tests, for every Python that is here."""

    def check(desk: Desk) -> str:
        _run(desk, core, ["units", "--venv", *arguments])
        counts = re.findall(r"^=+ (.* in [\d.]+s.*?) =+$", desk.text(), re.MULTILINE)
        return "\n".join([_pythons(desk.text()), *counts])

    return check


def _run(desk: Desk, core: str, arguments: Sequence[str]) -> None:
    bin_dir = CORES[core]()
    ansible_test.give_pip(core, bin_dir)
    with checkout.copy() as copy:
        desk.run(
            [bin_dir / "ansible-test", *arguments, "--color", "no"], cwd=copy, env=ansible_test.environment(bin_dir)
        )


def _pythons(log: str) -> str:
    ran = sorted({int(minor) for minor in re.findall(r"on Python 3\.(\d+)", log)})
    lacking = [minor for minor in range(8, 15) if (3, minor) not in pythons.found()]
    return f"Python {_list(ran)}" + (f"; not on this machine: {_list(lacking)}" if lacking else "")


def _list(minors: Sequence[int]) -> str:
    return " ".join(f"3.{minor}" for minor in minors) or "none"
