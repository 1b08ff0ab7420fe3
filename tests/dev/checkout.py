# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checkout where Ansible looks for it: a link for plays, a real copy for ansible-test."""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from dev import place, process

# Not part of the collection, and ansible-test judges whatever it sees.
LEFT_OUT = {"dev", ".ci", ".git", ".gitignore"}
LITTER = {"__pycache__", ".pytest_cache", ".ruff_cache", ".ansible", ".venv", "output"}


def files() -> list[Path]:
    """Return the files of the checkout, relative to it, as git sees them; without git, all but litter."""
    listing = None
    if (place.ROOT / ".git").exists():
        git = ["git", "-c", f"safe.directory={place.ROOT}", "-C", place.ROOT]
        listing = process.answer([*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
    if listing is not None:
        names = [Path(name) for name in listing.split("\0") if name]
    else:
        names = [path.relative_to(place.ROOT) for path in place.ROOT.rglob("*") if not path.is_dir()]
        names = [name for name in names if not LITTER & set(name.parts) and name.parts[0] != ".git"]
    return sorted(name for name in names if (place.ROOT / name).is_file())


@contextlib.contextmanager
def copy() -> Iterator[Path]:
    """Give a fresh copy of the collection at .../ansible_collections/<namespace>/<name>."""
    with place.scratch() as folder:
        target = folder / "ansible_collections" / place.NAMESPACE / place.NAME
        for name in files():
            if name.parts[0] in LEFT_OUT:
                continue
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                shutil.copy2(place.ROOT / name, target / name, follow_symlinks=False)
        yield target


def collections_path() -> Path:
    """Return a collections path on which the collection is this checkout itself, by a link."""
    key = hashlib.sha256(str(place.ROOT).encode()).hexdigest()[:12]
    base = place.cache() / "collections" / key
    link = base / "ansible_collections" / place.NAMESPACE / place.NAME
    link.parent.mkdir(parents=True, exist_ok=True)
    if not (link.is_symlink() and link.readlink() == place.ROOT):
        with contextlib.suppress(FileNotFoundError):
            link.unlink()
        link.symlink_to(place.ROOT)
    return base
