# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate of the documentation site: no warning, no dead link, a search that works, pictures as drawn now."""

import re
from pathlib import Path
from xml.etree import ElementTree

from dev import chromium, docs_site, machine, place, venvs
from dev.errors import GateFailed
from dev.gate import Desk


def site(desk: Desk) -> str:
    """Build the site, follow its links, search it in Chromium, and draw the pictures anew."""
    html, pictures = desk.log.with_suffix(""), desk.log.with_suffix(".pictures")
    docs_site.build(desk.run, html)
    tests = place.ROOT / "tests"
    bin_dir = venvs.docs()
    env = {**machine.clean_env(bin_dir), "PYTHONPATH": str(tests)}
    desk.run([bin_dir / "python", "-m", "docs.links", html], cwd=place.ROOT, env=env)
    pictures.mkdir(exist_ok=True)
    docs_site.draw(desk.run, pictures)
    if stale := _stale(pictures):
        raise GateFailed(f"docs/pictures: {', '.join(stale)} not as drawn now; run ./dev docs --pictures and commit")
    with place.scratch() as home:
        env = {**chromium.environment(home), "SHIMOPS_SITE": str(html), "SHIMOPS_SCREENSHOTS": str(pictures)}
        argv = [venvs.browser() / "python", "-m", "pytest", "-p", "no:cacheprovider", "-v", "-ra", tests / "docs"]
        desk.run(argv, cwd=place.ROOT, env=env, timeout=300)
    links = re.findall(r"^\d+ pages, \d+ links", desk.text(), re.MULTILINE)
    counts = re.findall(r"^=+ (.* in [\d.]+s.*?) =+$", desk.text(), re.MULTILINE)
    return "\n".join([", ".join([*links[-1:], *counts[-1:]]), f"site: {html}"])


def _stale(pictures: Path) -> list[str]:
    """Return the names of drawings that differ from the committed ones, and of pictures that are only in one place.

    The pixels of the report's screenshot depend on the fonts of the machine: only that it can be made is checked.
    """
    made, kept = ({path.name: path for path in folder.iterdir()} for folder in (pictures, docs_site.PICTURES))
    for name, path in made.items():
        if name.endswith(".svg"):
            ElementTree.parse(path)
    drawn = {name for name in made.keys() & kept.keys() if name.endswith(".svg")}
    changed = {name for name in drawn if made[name].read_bytes() != kept[name].read_bytes()}
    return sorted(changed | (made.keys() ^ kept.keys()))
