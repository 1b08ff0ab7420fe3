# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are: the checkout, the cache, the logs."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

NAMESPACE = "shimops"
NAME = "containerd"
FQCN = f"{NAMESPACE}.{NAME}"
ROOT = Path(__file__).resolve().parents[2]


def cache() -> Path:
    """Return the directory that everything built by ./dev lives in, made if it is missing."""
    path = Path(os.environ.get("SHIMOPS_CACHE") or "/var/cache/shimops").absolute()
    path.mkdir(parents=True, exist_ok=True)
    return path


def new_log_dir(command: str, keep: int = 10) -> Path:
    """Make a directory for the logs of this run; the oldest ones beyond `keep` are removed."""
    logs = cache() / "logs"
    path = logs / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{command}"
    path.mkdir(parents=True)
    for old in sorted(logs.iterdir())[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return path


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Give a directory that goes when it is done with; those of runs that were killed go too."""
    runs = cache() / "runs"
    runs.mkdir(exist_ok=True)
    for old in runs.iterdir():
        if not Path("/proc", old.name.partition("-")[0]).exists():
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=runs))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
