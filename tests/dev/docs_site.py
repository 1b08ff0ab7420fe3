# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation site: reference by antsibull-docs, pages by MyST, both built by Sphinx; and the pictures."""

import shutil
from collections.abc import Callable
from pathlib import Path

from dev import checkout, chromium, machine, place, venvs

DOCS = place.ROOT / "tests" / "docs"
PICTURES = place.ROOT / "docs" / "pictures"
REPORT = "report.png"
#: Runs a command that has to succeed: Desk.run or the like.
Run = Callable[..., None]


def build(run: Run, dest: Path) -> None:
    """Build the site into `dest`, which is replaced; any warning of antsibull-docs or Sphinx is an error."""
    bin_dir = venvs.docs()
    with checkout.copy() as copy, place.scratch() as folder:
        # The source directory is the copy itself, so that links from page to file hold as they do in the repository.
        for page in (DOCS / "site").glob("*.md"):
            shutil.copy2(page, copy / page.name)
        reference = copy / "reference"
        # antsibull-docs refuses a directory that others may write.
        reference.mkdir(mode=0o700)
        env = {
            **machine.clean_env(bin_dir),
            "ANSIBLE_HOME": str(folder / "home"),
            "TMPDIR": str(folder),
            "NO_COLOR": "1",
        }
        env["ANSIBLE_COLLECTIONS_PATH"] = str(copy.parents[2])
        words = ["--use-current", "--squash-hierarchy", "--fail-on-error", "--no-add-antsibull-docs-version"]
        argv = [bin_dir / "antsibull-docs", "collection", *words, "--dest-dir", reference, place.FQCN]
        run(argv, cwd=folder, env=env)
        made = folder / "html"
        argv = [bin_dir / "sphinx-build", "-b", "html", "-q", "-W", "--keep-going", "-c", DOCS / "site"]
        run([*argv, "-d", folder / "doctrees", copy, made], cwd=folder, env=env)
        dest.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(dest, ignore_errors=True)
        shutil.move(made, dest)


def draw(run: Run, dest: Path) -> None:
    """Write all pictures into `dest`, which exists: the drawings, and the report as Chromium shows it."""
    bin_dir = venvs.docs()
    paths = [checkout.collections_path(), place.ROOT / "tests"]
    env = {**machine.clean_env(bin_dir), "PYTHONPATH": ":".join(map(str, paths))}
    run([bin_dir / "python", "-m", "docs.pictures.drawings", dest], cwd=place.ROOT, env=env)
    with place.scratch() as home:
        argv = [venvs.browser() / "python", "-m", "docs.pictures.report", dest / REPORT]
        run(argv, cwd=place.ROOT, env=chromium.environment(home))
