# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates on real containerd: the integration tests of the lab, and the demo's roll."""

import contextlib
import os
import re
from collections.abc import Callable, Sequence

from dev import demo, machine, place, playbook, venvs
from dev.errors import GateFailed
from dev.gate import Desk

# A lab of their own: neither the demo's nor one that somebody has up by hand.
LAB = "shimtest"
TESTS = place.ROOT / "tests" / "integration" / "lab"
# Files of tests with a lab of their own, by gate; all others are run by "lab integration".
GROUPS = {
    "rescue": (
        "test_rescue*.py",
        "test_roll_rescue.py",
        "test_hazards.py",
        "test_bad_*.py",
        "test_gap.py",
        "test_hold.py",
    ),
    "configuration": ("test_configuration.py", "test_defects.py"),
    "fleet": ("test_stop.py", "test_resume.py", "test_fleet.py", "test_settle.py", "test_slices.py"),
    "upgrade": ("test_upgrade*.py",),
    "plays": ("test_audit.py", "test_examples.py", "test_kubernetes_node.py", "test_reports.py", "test_roll.py"),
    "living": ("test_living.py", "test_crash.py", "test_field_cases.py"),
    "platforms": (
        "test_become.py",
        "test_docker.py",
        "test_prepare_hosts.py",
        "test_restless.py",
        "test_rpm.py",
        "test_runtimes.py",
        "test_supervised.py",
    ),
}
DURATIONS = ("--durations=0", "--durations-min=1")
DIFFERENTIAL, DIFFERENTIAL_LAB = TESTS.parent / "differential", "shimdiff"
STORE = TESTS.parent / "store"


def pytest_argv(arguments: Sequence[str]) -> list[str]:
    """Return the command line of the integration tests."""
    return [str(venvs.core219() / "python"), "-m", "pytest", "-p", "no:cacheprovider", *arguments]


def pytest_env() -> dict[str, str]:
    """Return their environment: the lab package to import, the collection to play."""
    lab = os.environ.get("SHIMOPS_LAB") or LAB
    return {**playbook.environment(), "PYTHONPATH": str(place.ROOT / "tests"), "SHIMOPS_LAB": lab}


def integration(desk: Desk) -> str:
    """What is tried on one host of each release line."""
    ignored = [f"--ignore-glob=*/{name}" for names in GROUPS.values() for name in names]
    return _tests(desk, LAB, [*ignored, str(TESTS)])


def group(name: str) -> Callable[[Desk], str]:
    """Return the gate of the tests of that group."""

    def check(desk: Desk) -> str:
        files = sorted({str(path) for pattern in GROUPS[name] for path in TESTS.glob(pattern)})
        return _tests(desk, f"sh{name[:4]}", files)

    return check


def _tests(desk: Desk, lab: str, arguments: Sequence[str]) -> str:
    """Run tests in a lab; one that fails fails the gate, and is never run again."""
    machine.require_root("The lab")
    env = {**pytest_env(), "SHIMOPS_LAB": lab}
    desk.run(
        pytest_argv(["-v", "-ra", *DURATIONS, "-m", "not matrix", *arguments]), cwd=place.ROOT, env=env, timeout=3000
    )
    log = desk.text()
    counts = re.findall(r"^=+ (.* in [\d.]+s.*?) =+$", log, re.MULTILINE)
    skipped = re.findall(r"^SKIPPED .*$", log, re.MULTILINE)
    return "\n".join([*counts[-1:], *skipped])


def differential(desk: Desk) -> str:
    """Every forecast comes true on the real containerd."""
    machine.require_root("The lab")
    env = {**pytest_env(), "SHIMOPS_LAB": DIFFERENTIAL_LAB}
    desk.run(
        pytest_argv(["-q", "-ra", *DURATIONS, "--tb=short", str(DIFFERENTIAL)]), cwd=place.ROOT, env=env, timeout=3000
    )
    return "\n".join(re.findall(r"^.*\d+ of \d+ (?:cells|examples) agree.*$", desk.text(), re.MULTILINE))


def store(desk: Desk) -> str:
    """What a run needs of its store, with a real Redis; no host is started."""
    machine.require_root("A full file system")
    desk.run(pytest_argv(["-q", "-ra", "--tb=short", str(STORE)]), cwd=place.ROOT, env=pytest_env(), timeout=600)
    return "\n".join(re.findall(r"^\d+ passed.*$", desk.text(), re.MULTILINE))


def roll(desk: Desk) -> str:
    """The demo ends well."""
    machine.require_root("The lab")
    with desk.log.open("a") as out, contextlib.redirect_stdout(out):
        if status := demo.demo(log=desk.log):
            raise GateFailed(f"the demo ended with status {status}")
    return "\n".join(desk.text().splitlines()[-1:])
