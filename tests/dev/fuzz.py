# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As many generated bundles as asked for, each through the forecast and through a real restart."""

import argparse
import os
import random
from collections.abc import Sequence

from dev import lab_gates, place, process

RELEASES = ("1.6", "1.7", "2.1")


def fuzz(words: Sequence[str]) -> int:
    """Run the tests of generated bundles; without a seed another one each time."""
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=200, metavar="N", help="bundles per release (200)")
    parser.add_argument("--release", choices=RELEASES, help="one release line (all)")
    parser.add_argument("--seed", type=int, help="the number they are made from; it is printed")
    asked = parser.parse_args(words)
    seed = random.randrange(1 << 32) if asked.seed is None else asked.seed
    tests = lab_gates.DIFFERENTIAL / "test_fuzz.py"
    chosen = [f"{tests}::test_examples[{release}]" for release in RELEASES if asked.release in (None, release)]
    options = ["-q", "--tb=short", "--examples", str(asked.count), "--fuzz-seed", str(seed)]
    env = {**lab_gates.pytest_env(), "SHIMOPS_LAB": os.environ.get("SHIMOPS_LAB") or lab_gates.DIFFERENTIAL_LAB}
    return process.run(lab_gates.pytest_argv([*options, *chosen]), env=env, cwd=place.ROOT)
