# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates that only read: format, lint, structure, the changelog, the built artifact."""

import os
import re
from pathlib import Path

from dev import checkout, machine, place, venvs
from dev.errors import GateFailed
from dev.gate import Desk


def ruff(desk: Desk) -> str:
    """Format and lint of every Python file of the checkout."""
    tool = venvs.tools() / "ruff"
    for argv in (["format", "--check", "--diff"], ["check"]):
        desk.run([tool, *argv, "--no-cache", "."], cwd=place.ROOT, env=machine.clean_env())
    return "formatted, nothing found"


def types(desk: Desk) -> str:
    """The types of plugins/, strictly for what runs on managed nodes: see mypy.ini."""
    bin_dir = venvs.types()
    with checkout.copy() as copy, place.scratch() as cache:
        env = {**machine.clean_env(bin_dir), "MYPYPATH": str(copy.parents[2])}
        argv = [bin_dir / "mypy", "--config-file", copy / "mypy.ini", "--cache-dir", cache]
        package = f"ansible_collections.{place.FQCN}.plugins"
        desk.run([*argv, "--package", package], cwd=copy.parents[2], env=env)
    return desk.text().splitlines()[-1].lower()


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


def docs(desk: Desk) -> str:
    """The documentation of plugins and roles, and every reference in it."""
    bin_dir = venvs.tools()
    with checkout.copy() as copy:
        env = {**machine.clean_env(bin_dir), "ANSIBLE_HOME": str(copy.parents[2] / "ansible-home"), "NO_COLOR": "1"}
        env["ANSIBLE_COLLECTIONS_PATH"] = str(copy.parents[2])
        lint = [
            bin_dir / "antsibull-docs",
            "lint-collection-docs",
            "--plugin-docs",
            "--skip-rstcheck",
            "--check-extra-docs-refs",
        ]
        # References are to this collection and to ansible-core: the others are not installed here.
        desk.run(
            [*lint, "--validate-collection-refs=self", "--disallow-unknown-collection-refs", copy], cwd=copy, env=env
        )
    return "every reference leads somewhere"


def importer(desk: Desk) -> str:
    """What Galaxy itself checks when a collection is published."""
    bin_dir = venvs.importer()
    with place.scratch() as empty, checkout.copy() as copy:
        env = {**machine.clean_env(bin_dir), "HOME": str(empty), "ANSIBLE_HOME": str(empty / "home"), "NO_COLOR": "1"}
        tarball = built(desk, copy, empty, bin_dir)
        desk.run([bin_dir / "python", "-m", "galaxy_importer.main", tarball], cwd=empty, env=env)
        if complaints := re.findall(r"^(?:ERROR|WARNING): .*$", desk.text(), re.MULTILINE):
            raise GateFailed(f"galaxy-importer says: {'; '.join(complaints[:5])}")
    return "accepted without a warning"


def built(desk: Desk, copy: Path, where: Path, bin_dir: Path) -> Path:
    """Build the artifact of a copy of the checkout; give the tarball."""
    env = {**machine.clean_env(bin_dir), "ANSIBLE_HOME": str(where / "home"), "HOME": str(where), "NO_COLOR": "1"}
    desk.run([bin_dir / "ansible-galaxy", "collection", "build", "--output-path", where, copy], cwd=where, env=env)
    (tarball,) = where.glob("*.tar.gz")
    return tarball


def installed(desk: Desk, tarball: Path, where: Path, bin_dir: Path) -> Path:
    """Install the artifact below a place where nothing else is; give the collection's directory."""
    env = {**machine.clean_env(bin_dir), "ANSIBLE_HOME": str(where / "home"), "HOME": str(where), "NO_COLOR": "1"}
    target = where / "collections"
    desk.run(
        [bin_dir / "ansible-galaxy", "collection", "install", "--offline", tarball, "-p", target], cwd=where, env=env
    )
    return target / "ansible_collections" / place.NAMESPACE / place.NAME


def artifact(desk: Desk) -> str:
    """The collection builds, installs in an empty place, and is complete there."""
    bin_dir = venvs.core219()
    with place.scratch() as empty, checkout.copy() as copy:
        tarball = built(desk, copy, empty, bin_dir)
        there = installed(desk, tarball, empty, bin_dir)
        env = {**machine.clean_env(bin_dir), "ANSIBLE_HOME": str(empty / "home"), "HOME": str(empty), "NO_COLOR": "1"}
        env["ANSIBLE_COLLECTIONS_PATH"] = str(empty / "collections")
        needless = sorted(entry.name for entry in there.iterdir() if entry.name in {"tests", "dev", ".ci"})
        if needless:
            raise GateFailed(f"The artifact carries {', '.join(needless)}")
        for module in sorted((there / "plugins" / "modules").glob("*.py")):
            desk.run([bin_dir / "ansible-doc", f"{place.FQCN}.{module.stem}"], cwd=empty, env=env)
        for role in sorted(path.name for path in (there / "roles").iterdir()):
            desk.run([bin_dir / "ansible-doc", "-t", "role", f"{place.FQCN}.{role}"], cwd=empty, env=env)
        for playbook in sorted((there / "playbooks").glob("*.yml")):
            argv = [bin_dir / "ansible-playbook", "--syntax-check", "-i", os.devnull, f"{place.FQCN}.{playbook.stem}"]
            desk.run(argv, cwd=empty, env=env)
        return f"{tarball.name}, {tarball.stat().st_size // 1024} KiB"
