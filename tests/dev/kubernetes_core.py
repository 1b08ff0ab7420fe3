# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection kubernetes.core, out of the Python package that carries it."""

import shutil
import zipfile
from pathlib import Path

from dev import machine, place, process, venvs
from dev.errors import DevError

PACKAGE = "ansible==12.3.0"
_INSIDE = "ansible_collections/kubernetes/core/"


def collections_path() -> Path:
    """Return a collections path with kubernetes.core; it is fetched when it is not there yet."""
    path = place.cache() / "kubernetes-core" / PACKAGE.partition("==")[2]
    complete = path / ".complete"
    with venvs.lock("kubernetes-core"):
        if not complete.exists():
            _fetch(path)
            complete.touch()
    return path


def _fetch(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    with place.scratch() as folder:
        argv = [venvs.core219() / "python", "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
        log = path / "fetch.log"
        if process.run(argv, log=log, env=machine.clean_env()) != 0:
            raise DevError(f"{PACKAGE}, which carries kubernetes.core, could not be fetched; see {log}.")
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(path, [name for name in archive.namelist() if name.startswith(_INSIDE)])
