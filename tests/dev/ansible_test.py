# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test: the pip it wants to download, the interpreters it may see, the command."""

from pathlib import Path

from dev import machine, pip_config, place, process, pythons, venvs
from dev.errors import DevError

# What ansible-test asks for, per ansible-core: ansible_test/_internal/python_requirements.py.
PIP_OF_CORE = {"2.19": "24.2", "2.21": "25.2"}

_SCRIPT = '''"""Stands in for get-pip.py: runs the pip of the wheel next to it; written by shimops.containerd."""
import os
import runpy
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "{wheel}"))
sys.argv[1:] = ["install"] + [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
'''


def home() -> Path:
    """Return the home directory that ansible-test is given: its own, so that nobody's real one is filled."""
    path = place.cache() / "ansible-test"
    path.mkdir(exist_ok=True)
    return path


def prepare(core: str, bin_dir: Path) -> None:
    """Give ansible-test what it would otherwise fetch by itself, or never learn."""
    with venvs.lock("ansible-test"):
        pip_config.write(home() / ".config" / "pip" / "pip.conf", bin_dir)
        _give_pip(PIP_OF_CORE[core], home() / ".ansible" / "test" / "cache", bin_dir)


def _give_pip(pip: str, folder: Path, bin_dir: Path) -> None:
    """Put a script where ansible-test looks before it downloads one from a host of its own."""
    script = folder / f"get_pip_{pip.replace('.', '_')}.py"
    wheel = folder / f"pip-{pip}-py3-none-any.whl"
    if script.exists() and wheel.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    argv = [bin_dir / "python", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    log = folder / f"pip-{pip}.log"
    if process.run([*argv, "--dest", folder, f"pip=={pip}"], log=log, env=machine.clean_env()) != 0:
        raise DevError(f"pip {pip}, which ansible-test wants, could not be fetched; see {log}.")
    script.write_text(_SCRIPT.format(wheel=wheel.name))


def environment(bin_dir: Path) -> dict[str, str]:
    """Return an environment in which ansible-test finds each real interpreter, and no other."""
    folders = dict.fromkeys(path.parent for path in pythons.found().values())
    return {**machine.clean_env(bin_dir, *folders), "HOME": str(home())}
