# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command docs: the site into a directory, or the pictures into docs/pictures."""

from pathlib import Path

from dev import docs_site, place, process
from dev.errors import DevError

DEST = place.ROOT / "tests" / "output" / "docs"


def docs(words: list[str]) -> int:
    """Build the site, or with --pictures make the pictures anew; print where the result is."""
    if words == ["--pictures"]:
        docs_site.PICTURES.mkdir(exist_ok=True)
        docs_site.draw(_run, docs_site.PICTURES)
        print(f"pictures: {docs_site.PICTURES}")
        return 0
    if words and (len(words) != 2 or words[0] != "--dest"):
        raise DevError(f"./dev docs takes --dest DIR, --pictures or nothing, not {' '.join(words)!r}.")
    dest = Path(words[1]).absolute() if words else DEST
    if dest.exists() and not (dest / "searchindex.js").exists():
        raise DevError(f"docs: {dest} exists and is not a documentation site; name another directory with --dest.")
    docs_site.build(_run, dest)
    print(f"site: {dest / 'index.html'}")
    return 0


def _run(argv: list[object], **options: object) -> None:
    """Run a command with its output on the terminal; any status but 0 ends ./dev."""
    if status := process.run(argv, **options):
        raise DevError(f"docs: {Path(str(argv[0])).name} ended with status {status}; see its messages above.")
