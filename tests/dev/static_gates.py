# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates that only read: format, lint, structure, the changelog, the built artifact."""

import os
import re

from dev import checkout, machine, place, venvs
from dev.errors import GateFailed
from dev.gate import Desk


def ruff(desk: Desk) -> str:
    """Format and lint of every Python file of the checkout."""
    tool = venvs.tools() / "ruff"
    for argv in (["format", "--check", "--diff"], ["check"]):
        desk.run([tool, *argv, "--no-cache", "."], cwd=place.ROOT, env=machine.clean_env())
    return "formatted, nothing found"


def structure(desk: Desk) -> str:
    """What no linter knows: see structure.py."""
    env = {**machine.clean_env(), "PYTHONPATH": str(place.ROOT / "tests")}
    desk.run([venvs.core219() / "python", "-m", "dev.structure"], cwd=place.ROOT, env=env)
    return desk.text().splitlines()[-1]


def ansible_lint(desk: Desk) -> str:
    """Roles, playbooks and metadata against the strictest profile."""
    bin_dir = venvs.tools()
    with checkout.copy() as copy:
        env = {**machine.clean_env(bin_dir), "ANSIBLE_COLLECTIONS_PATH": str(copy.parents[2]), "NO_COLOR": "1"}
        # Its own cache would otherwise be made inside the home of whoever runs this.
        env["ANSIBLE_HOME"] = str(copy.parents[2] / "ansible-home")
        desk.run([bin_dir / "ansible-lint", "--offline", "--profile", "production"], cwd=copy, env=env)
    files = re.search(r"in (\d+) files processed", desk.text())
    return f"profile production, {files.group(1)} files" if files else "profile production"


def changelog(desk: Desk) -> str:
    """The fragments and their configuration."""
    bin_dir = venvs.tools()
    with checkout.copy() as copy:
        desk.run([bin_dir / "antsibull-changelog", "lint"], cwd=copy, env=machine.clean_env(bin_dir))
    return "fragments are sound"


def artifact(desk: Desk) -> str:
    """The collection builds, installs in an empty place, and is complete there."""
    bin_dir = venvs.core219()
    with place.scratch() as empty, checkout.copy() as copy:
        env = {**machine.clean_env(bin_dir), "ANSIBLE_HOME": str(empty / "home"), "HOME": str(empty), "NO_COLOR": "1"}
        galaxy = [bin_dir / "ansible-galaxy", "collection"]
        desk.run([*galaxy, "build", "--output-path", empty, copy], cwd=empty, env=env)
        (tarball,) = empty.glob("*.tar.gz")
        desk.run([*galaxy, "install", "--offline", tarball, "-p", empty / "collections"], cwd=empty, env=env)
        env["ANSIBLE_COLLECTIONS_PATH"] = str(empty / "collections")
        installed = empty / "collections" / "ansible_collections" / place.NAMESPACE / place.NAME
        needless = sorted(entry.name for entry in installed.iterdir() if entry.name in {"tests", "dev", ".ci"})
        if needless:
            raise GateFailed(f"The artifact carries {', '.join(needless)}")
        for module in sorted((installed / "plugins" / "modules").glob("*.py")):
            desk.run([bin_dir / "ansible-doc", f"{place.FQCN}.{module.stem}"], cwd=empty, env=env)
        for playbook in sorted((installed / "playbooks").glob("*.yml")):
            argv = [bin_dir / "ansible-playbook", "--syntax-check", "-i", os.devnull, f"{place.FQCN}.{playbook.stem}"]
            desk.run(argv, cwd=empty, env=env)
        return f"{tarball.name}, {tarball.stat().st_size // 1024} KiB"
