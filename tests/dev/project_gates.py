# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates over what surrounds the code: workflows, shell scripts, licences."""

from pathlib import Path

from dev import checkout, machine, place, venvs
from dev.errors import GateFailed
from dev.gate import Desk

WORKFLOWS = Path(".github/workflows")


def workflows(desk: Desk) -> str:
    """The workflows against GitHub's schema, for unsafe use, and every shell script of the checkout."""
    bin_dir, env = venvs.project(), machine.clean_env()
    files = sorted((place.ROOT / WORKFLOWS).glob("*.yml"))
    if not files:
        raise GateFailed(f"There is no workflow in {WORKFLOWS}.")
    desk.run([bin_dir / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files], env=env)
    forms = sorted((place.ROOT / ".github/ISSUE_TEMPLATE").glob("*_*.yml"))
    schema = "vendor.github-issue-forms"
    desk.run([bin_dir / "check-jsonschema", "--builtin-schema", schema, *forms], env=env)
    desk.run([bin_dir / "zizmor", "--offline", "--no-progress", place.ROOT / ".github"], env=env)
    scripts = [place.ROOT / name for name in checkout.files() if _is_shell(name)]
    with place.scratch() as folder:
        python = {**env, "PYTHONPATH": str(place.ROOT / "tests")}
        desk.run([venvs.core219() / "python", "-m", "dev.workflow_scripts", folder, *files], env=python)
        scripts += sorted(folder.glob("*.sh"))
        desk.run([bin_dir / "shellcheck", *scripts], env=env)
    return f"{len(files)} workflows, {len(forms)} issue forms, {len(scripts)} shell scripts"


def _is_shell(name: Path) -> bool:
    with (place.ROOT / name).open("rb") as stream:
        first = stream.readline(100)
    return first.startswith(b"#!") and first.rstrip().endswith((b"sh", b"bash"))


def licences(desk: Desk) -> str:
    """Copyright and licence of every file, as REUSE wants them."""
    with checkout.copy() as copy:
        desk.run([venvs.project() / "reuse", "--root", copy, "lint"], env=machine.clean_env())
    return "every file has a licence"
