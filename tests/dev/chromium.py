# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real headless Chromium: where it is, and the environment of what drives it."""

import shutil
from pathlib import Path

from dev import checkout, machine, place, venvs

PROGRAMS = {"SHIMOPS_CHROMIUM": "chromium", "SHIMOPS_CHROMEDRIVER": "chromedriver"}
TESTS = place.ROOT / "tests"


def environment(home: Path) -> dict[str, str]:
    """Return the environment in which Python drives the browser; install the browser where it is missing.

    `home` is a directory of its own: the browser keeps a profile and a cache there.
    """
    if not all(shutil.which(name) for name in PROGRAMS.values()):
        # The driver is of the browser's own version, so both come from one place.
        machine.apt_install(["chromium", "chromium-driver", "fonts-dejavu-core"])
    paths = [checkout.collections_path(), TESTS, TESTS / "browser", TESTS / "unit" / "support"]
    env = {**machine.clean_env(venvs.browser()), "PYTHONPATH": ":".join(map(str, paths))}
    env.update({variable: shutil.which(name) for variable, name in PROGRAMS.items()})
    return {**env, "HOME": str(home), "TMPDIR": str(home)}
