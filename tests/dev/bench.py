# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks: each script of tests/bench on its own, its output as it comes."""

from collections.abc import Sequence

from dev import lab_command, place, process
from dev.errors import DevError

SCRIPTS = place.ROOT / "tests" / "bench"


def bench(names: Sequence[str] = ()) -> int:
    """Run the scripts (of these names) one after another; the first status that is not 0 is the status of all."""
    scripts = {path.stem: path for path in sorted(SCRIPTS.glob("*.py")) if not path.name.startswith("_")}
    for name in names:
        if name not in scripts:
            raise DevError(f"No benchmark is called {name!r}; there are: {', '.join(scripts)}.")
    worst = 0
    for name in names or scripts:
        print(f"== {name}", flush=True)
        python, env = lab_command.argv([])[0], lab_command.environment()
        worst = worst or process.run([python, scripts[name]], env=env, cwd=place.ROOT)
    return worst
