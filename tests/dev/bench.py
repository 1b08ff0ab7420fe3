# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks: each script of tests/bench on its own, its output as it comes."""

from dev import lab_command, place, process

SCRIPTS = place.ROOT / "tests" / "bench"


def bench() -> int:
    """Run the scripts one after another; the first status that is not 0 is the status of all."""
    scripts = sorted(path for path in SCRIPTS.glob("*.py") if not path.name.startswith("_"))
    if not scripts:
        print(f"No benchmarks yet: {SCRIPTS.relative_to(place.ROOT)}/ has no scripts.")
    worst = 0
    for script in scripts:
        print(f"== {script.stem}", flush=True)
        python, env = lab_command.argv([])[0], lab_command.environment()
        worst = worst or process.run([python, script], env=env, cwd=place.ROOT)
    return worst
