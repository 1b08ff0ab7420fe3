# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook on this checkout: what `shimops.containerd.*` names is what is being edited."""

import os
from collections.abc import Sequence

from dev import checkout, machine, venvs


def argv(words: Sequence[str]) -> list[str]:
    """Return the command line of a play."""
    return [str(venvs.core219() / "ansible-playbook"), *words]


def environment() -> dict[str, str]:
    """Return the environment of a play; the collections path that was set is kept behind ours."""
    env = machine.clean_env(venvs.core219())
    ours, theirs = checkout.collections_path(), env.get("ANSIBLE_COLLECTIONS_PATH")
    env["ANSIBLE_COLLECTIONS_PATH"] = f"{ours}:{theirs}" if theirs else str(ours)
    return env


def become(words: Sequence[str]) -> int:
    """Become ansible-playbook, which may ask for passwords on the terminal."""
    command, env = argv(words), environment()
    os.execve(command[0], command, env)
