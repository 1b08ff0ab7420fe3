# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates in a browser: the page of the reports, as people see it."""

import re

from dev import chromium, place, venvs
from dev.gate import Desk

TESTS = place.ROOT / "tests" / "browser"


def page(desk: Desk) -> str:
    """The page in Chromium: it filters, prints, fits a phone, and everybody can use it; pictures stay with the log."""
    bin_dir = venvs.browser()
    pictures = desk.log.with_suffix("")
    pictures.mkdir(exist_ok=True)
    with place.scratch() as home:
        env = {**chromium.environment(home), "SHIMOPS_SCREENSHOTS": str(pictures)}
        argv = [bin_dir / "python", "-m", "pytest", "-p", "no:cacheprovider", "-v", "-ra", TESTS]
        desk.run(argv, cwd=place.ROOT, env=env, timeout=600)
    counts = re.findall(r"^=+ (.* in [\d.]+s.*?) =+$", desk.text(), re.MULTILINE)
    return "\n".join([*counts[-1:], f"pictures: {pictures}"])
