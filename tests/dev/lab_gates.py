# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates on real containerd: the integration tests of the lab, and the demo's roll."""

import contextlib
import re
from collections.abc import Sequence

from dev import demo, machine, place, playbook, venvs
from dev.errors import GateFailed
from dev.gate import Desk

# A lab of their own: neither the demo's nor one that somebody has up by hand.
LAB = "shimtest"
TESTS = place.ROOT / "tests" / "integration" / "lab"
DIFFERENTIAL, DIFFERENTIAL_LAB = TESTS.parent / "differential", "shimdiff"


def pytest_argv(arguments: Sequence[str]) -> list[str]:
    """Return the command line of the integration tests."""
    return [str(venvs.core219() / "python"), "-m", "pytest", "-p", "no:cacheprovider", *arguments]


def pytest_env() -> dict[str, str]:
    """Return their environment: the lab package to import, the collection to play."""
    return {**playbook.environment(), "PYTHONPATH": str(place.ROOT / "tests"), "SHIMOPS_LAB": LAB}


def integration(desk: Desk) -> str:
    """All integration tests."""
    machine.require_root("The lab")
    desk.run(pytest_argv(["-v", "-ra", str(TESTS)]), cwd=place.ROOT, env=pytest_env(), timeout=2400)
    counts = re.findall(r"^=+ (.* in [\d.]+s.*?) =+$", desk.text(), re.MULTILINE)
    skipped = re.findall(r"^SKIPPED .*$", desk.text(), re.MULTILINE)
    return "\n".join([*counts[-1:], *skipped])


def differential(desk: Desk) -> str:
    """Every forecast comes true on the real containerd."""
    machine.require_root("The lab")
    env = {**pytest_env(), "SHIMOPS_LAB": DIFFERENTIAL_LAB}
    desk.run(pytest_argv(["-q", "-ra", "--tb=short", str(DIFFERENTIAL)]), cwd=place.ROOT, env=env, timeout=2400)
    return "\n".join(re.findall(r"^.*\d+ of \d+ (?:cells|examples) agree.*$", desk.text(), re.MULTILINE))


def roll(desk: Desk) -> str:
    """The demo ends well."""
    machine.require_root("The lab")
    with desk.log.open("a") as out, contextlib.redirect_stdout(out):
        if status := demo.demo(log=desk.log):
            raise GateFailed(f"the demo ended with status {status}")
    return "\n".join(desk.text().splitlines()[-1:])
