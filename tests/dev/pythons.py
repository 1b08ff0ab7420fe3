# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python interpreters of this machine: real ones only, never shims or virtual environments."""

import functools
import os
import re
from pathlib import Path

from dev import machine, process
from dev.errors import DevError

Version = tuple[int, int]

_PROBE = "import sys; print(*sys.version_info[:2], int(sys.prefix == sys.base_prefix))"


def _directories() -> list[Path]:
    path = [Path(part) for part in os.environ.get("PATH", "").split(":") if part]
    system = [Path("/usr/bin"), Path("/usr/local/bin")]
    managed = sorted((Path.home() / ".pyenv" / "versions").glob("*/bin"))
    return [folder for folder in [*system, *path, *managed] if "shims" not in folder.parts]


@functools.cache
def found() -> dict[Version, Path]:
    """Return the first working interpreter of each Python 3 version."""
    real: dict[Version, Path] = {}
    for folder in dict.fromkeys(_directories()):
        for path in sorted(folder.glob("python3.*")):
            if not re.fullmatch(r"python3\.\d+", path.name):
                continue
            version = (3, int(path.name.split(".")[1]))
            if version not in real and process.answer([path, "-c", _PROBE]) == f"3 {version[1]} 1\n":
                real[version] = path
    return dict(sorted(real.items()))


def makes_venvs(python: Path) -> bool:
    """Say whether this interpreter has all that a virtual environment with pip takes."""
    return process.answer([python, "-c", "import venv, ensurepip"]) is not None


def oldest(lowest: Version, below: Version) -> Path:
    """Return an interpreter for the main environment; the distribution's own comes first."""
    fit = [path for version, path in found().items() if lowest <= version < below]
    fit.sort(key=lambda path: path.parent != Path("/usr/bin"))
    if fit and fit[0].parent == Path("/usr/bin") and not makes_venvs(fit[0]):
        # The distribution's Python is wanted; its venv module is a package of its own.
        try:
            machine.apt_install(["python3-venv"])
        except DevError:
            if not any(map(makes_venvs, fit)):
                raise
    for path in fit:
        if makes_venvs(path):
            return path
    raise DevError(f"No Python from {text(lowest)} up to (not including) {text(below)} found that can make venvs.")


def newest(lowest: Version, below: Version) -> Path | None:
    """Return the newest interpreter of that range that can make venvs, or None."""
    fit = [path for version, path in found().items() if lowest <= version < below and makes_venvs(path)]
    return fit[-1] if fit else None


def text(version: Version) -> str:
    """Write a version as people do."""
    return f"{version[0]}.{version[1]}"
