# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of roles and playbooks that no linter knows: what is said three times is the same three times."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

_GATE = "shimops.containerd.fleet_gate"
# The rows of bundles that every release loads, of entries that are no bundles, and of tasks that had exited before.
_NEVER_REFUSED = {"A1", "A2", "A10", "E1", "E2", "E5", "H1", "H2", "H3", "H8"}


def variables(texts: Mapping[Path, str]) -> Iterator[str]:
    """A role's defaults, its argument specs and the table of its README name the same variables and defaults."""
    for role in sorted({name.parts[1] for name in texts if name.parts[0] == "roles"}):
        home = Path("roles", role)
        specs = yaml.safe_load(texts[home / "meta" / "argument_specs.yml"])["argument_specs"]
        options = {name: option for spec in specs.values() for name, option in (spec.get("options") or {}).items()}
        defaults = yaml.safe_load(texts.get(home / "defaults" / "main.yml", "")) or {}
        for name in sorted(defaults.keys() - options.keys()):
            yield f"{home}: {name} has a default and is not in the argument specs"
        for name, option in sorted(options.items()):
            if option.get("default") != defaults.get(name):
                reported, real = option.get("default"), defaults.get(name)
                yield f"{home}: {name} is {reported!r} in the argument specs and {real!r} in the defaults"
        readme = texts.get(home / "README.md", "")
        listed = set(re.findall(rf"^\| `({role}_\w+)`", readme, re.MULTILINE))
        # Other entry points may take more: what one role of the collection hands to another.
        public = defaults.keys() | (specs.get("main", {}).get("options") or {}).keys()
        for name in sorted(name for name in public - listed if name.startswith(f"{role}_")):
            yield f"{home}: {name} is not in the table of the README"
        # What a playbook or another role hands over is used there, without a default of its own.
        used = "\n".join(
            text for name, text in texts.items() if name.parts[0] in ("playbooks", "roles") and name.suffix == ".yml"
        )
        for name in sorted(name for name in listed if name not in used):
            yield f"{home}: {name} is in the table of the README alone"


def gated(texts: Mapping[Path, str]) -> Iterator[str]:
    """Every play with batches asks the gate before it does anything else."""
    for name, text in texts.items():
        if name.parts[0] != "playbooks" or name.suffix != ".yml":
            continue
        for play in yaml.safe_load(text):
            if "serial" not in play:
                continue
            first = next(iter(play.get("pre_tasks", [])), {})
            included = first.get("ansible.builtin.include_role") or first.get("ansible.builtin.import_role") or {}
            if included.get("name") != _GATE:
                yield f"{name}: the play {play['name']!r} has batches, and {_GATE} is not its first pre-task"


def explained(texts: Mapping[Path, str]) -> Iterator[str]:
    """Every row and hazard that can refuse a host has a section in docs/after-a-refusal.md."""
    page = texts.get(Path("docs/after-a-refusal.md"), "")
    headings = set(re.findall(r"^### ([\w, ]+):", page, re.MULTILINE))
    known = {word.strip() for heading in headings for word in heading.split(",")}
    for name, text in sorted(texts.items()):
        if not name.is_relative_to("plugins/module_utils") or name.suffix != ".py":
            continue
        ids = set(re.findall(r'"([A-HX]\d{1,2})"', text)) | set(re.findall(r'\bHazard\(\s*"(\w+)"', text))
        for one in sorted(ids - known - _NEVER_REFUSED):
            yield f"{name}: {one} has no section in docs/after-a-refusal.md"
