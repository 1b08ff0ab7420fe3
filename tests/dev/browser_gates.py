# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates in a browser: the page of the reports, as people see it."""

import re
import shutil

from dev import checkout, machine, place, venvs
from dev.gate import Desk

TESTS = place.ROOT / "tests" / "browser"


def page(desk: Desk) -> str:
    """The page in Chromium: it filters, prints, fits a phone, and everybody can use it; pictures stay with the log."""
    names = {"SHIMOPS_CHROMIUM": "chromium", "SHIMOPS_CHROMEDRIVER": "chromedriver"}
    if not all(shutil.which(name) for name in names.values()):
        # The driver is of the browser's own version, so both come from one place.
        machine.apt_install(["chromium", "chromium-driver", "fonts-dejavu-core"])
    bin_dir = venvs.browser()
    pictures = desk.log.with_suffix("")
    pictures.mkdir(exist_ok=True)
    env = {**machine.clean_env(bin_dir), "PYTHONPATH": str(checkout.collections_path())}
    env.update({variable: shutil.which(name) for variable, name in names.items()})
    # A home of its own: the browser keeps a profile and a cache there.
    with place.scratch() as home:
        env.update(HOME=str(home), SHIMOPS_SCREENSHOTS=str(pictures), TMPDIR=str(home))
        argv = [bin_dir / "python", "-m", "pytest", "-p", "no:cacheprovider", "-v", "-ra", TESTS]
        desk.run(argv, cwd=place.ROOT, env=env, timeout=600)
    counts = re.findall(r"^=+ (.* in [\d.]+s.*?) =+$", desk.text(), re.MULTILINE)
    return "\n".join([*counts[-1:], f"pictures: {pictures}"])
