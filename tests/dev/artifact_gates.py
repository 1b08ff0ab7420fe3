# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built artifact at work: what was published has to do the main job without anything else of the checkout."""

import json
import shutil
from pathlib import Path

from dev import checkout, lab_command, machine, place, static_gates, venvs
from dev.errors import GateFailed
from dev.gate import Desk

LAB = "shimart"
INVENTORY = Path("/run/shimops/labs") / LAB / "inventory.yml"
KEPT = {"meta", "plugins", "roles", "playbooks"}
OPTIONS = {"rolling_restart_batches": [1], "rolling_restart_settle": 1}


def run(desk: Desk) -> str:
    """Install the artifact in an empty place, keep what Ansible needs of it, and roll a host from there."""
    machine.require_root("The lab")
    bin_dir = venvs.core219()
    with place.scratch() as empty, checkout.copy() as copy:
        there = static_gates.installed(desk, static_gates.built(desk, copy, empty, bin_dir), empty, bin_dir)
        for entry in there.iterdir():
            if entry.name not in KEPT:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        env = {**machine.clean_env(bin_dir), "ANSIBLE_HOME": str(empty / "home"), "NO_COLOR": "1"}
        env["ANSIBLE_COLLECTIONS_PATH"] = str(empty / "collections")
        try:
            up = ["up", "--lab", LAB, "--hosts", "1", "--releases", "1.7", "--pods", "1"]
            desk.run(lab_command.argv(up), env=lab_command.environment())
            for name in ("rolling_restart", "compliance_report"):
                play = [f"{place.FQCN}.{name}", "-i", INVENTORY, "-e", json.dumps(OPTIONS)]
                desk.run([bin_dir / "ansible-playbook", *play], cwd=empty, env=env)
            pages = list(empty.glob("shimops-runs/*/**/*.html"))
        finally:
            desk.run(lab_command.argv(["down", "--lab", LAB]), env=lab_command.environment())
    # A play over no host would end well, too.
    if "reattached" not in desk.text():
        raise GateFailed("the roll did not say what was reattached")
    if not pages:
        raise GateFailed("the compliance report wrote no page")
    return "one host rolled and reported on by what was installed"
