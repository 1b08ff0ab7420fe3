# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's own command, with the project's environment."""

import os
from collections.abc import Sequence

from dev import machine, place, venvs


def argv(words: Sequence[str]) -> list[str]:
    """Return the command line of a lab command."""
    # -P: whatever is called `lab` in the current directory is not ours.
    return [str(venvs.core219() / "python"), "-P", "-m", "lab", *words]


def environment() -> dict[str, str]:
    """Return the environment of a lab command."""
    return {**machine.clean_env(venvs.core219()), "PYTHONPATH": str(place.ROOT / "tests")}


def become(words: Sequence[str]) -> int:
    """Become the lab's command, which may want the terminal for itself."""
    command, env = argv(words), environment()
    os.execve(command[0], command, env)
