# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine: what ./dev needs of it, and the packages it lacks."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from dev import place, process
from dev.errors import DevError


def require_linux() -> None:
    """Refuse anything but Linux."""
    if not sys.platform.startswith("linux"):
        raise DevError(f"./dev needs Linux; this is {sys.platform}.")


def require_root(why: str) -> None:
    """Refuse a user who is not root, and say what root is needed for."""
    if os.geteuid() != 0:
        raise DevError(f"{why} needs root; try: sudo ./dev ...")


def apt_install(packages: Sequence[str]) -> None:
    """Install packages; the lists are refreshed only when the first try fails."""
    if not shutil.which("apt-get"):
        raise DevError(f"Missing here: {' '.join(packages)}; and there is no apt-get to install them.")
    require_root(f"Installing {' '.join(packages)}")
    print(f"apt-get install {' '.join(packages)}", file=sys.stderr, flush=True)
    log = place.cache() / "apt.log"
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "-y", "--no-install-recommends", *packages]
    if process.run(install, log=log, env=env) == 0:
        return
    update = process.run(["apt-get", "-o", "DPkg::Lock::Timeout=300", "update"], log=log, env=env)
    if process.run(install, log=log, env=env) != 0:
        why = " (apt-get update failed too)" if update else ""
        raise DevError(f"apt-get could not install {' '.join(packages)}{why}; see {log}.")


def clean_env(*first: Path) -> dict[str, str]:
    """Return an environment with `first` leading PATH and without version managers' shims.

    A shim answers for an interpreter that may not be there, which ends ansible-test and every module.
    """
    keep = [part for part in os.environ.get("PATH", os.defpath).split(":") if part and "shims" not in part]
    system = [part for part in ("/usr/local/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin") if part not in keep]
    env = {**os.environ, "PATH": ":".join([*map(str, first), *keep, *system])}
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYENV_VERSION"):
        env.pop(name, None)
    if "UTF-8" not in (env.get("LC_ALL") or env.get("LANG") or ""):
        env["LC_ALL"] = "C.UTF-8"
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    env["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    return env
