# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verified roll against a plain play that restarts and lists tasks: the same four hosts, batches and run."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from dev import place, playbook  # noqa: E402  # after the path that leads to it
from lab.fleet import Fleet  # noqa: E402

LAB, HOSTS, ROUNDS = "rollbnch", 4, 3
BATCHES = [1, "100%"]
SETTLE = 10

# What people write without a collection: restart, and see whether containerd answers.
PLAIN = [
    {
        "hosts": "all",
        "gather_facts": False,
        "become": True,
        "serial": BATCHES,
        "tasks": [
            {"ansible.builtin.systemd_service": {"name": "containerd", "state": "restarted"}},
            {"ansible.builtin.command": "ctr --namespace default task ls"},
            {"ansible.builtin.command": "ctr --namespace k8s.io task ls"},
        ],
    }
]


def clock(fleet, play, **options):
    """Seconds that a play takes over the lab."""
    words = playbook.argv([str(play), "-i", str(fleet.inventory), "-e", json.dumps(options)])
    start = time.perf_counter()
    done = subprocess.run(words, env=playbook.environment(), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - start


def rounds(fleet, folder):
    """Each round's seconds: the plain play, the verified roll."""
    plain = Path(folder, "plain.yml")
    plain.write_text(json.dumps(PLAIN), encoding="utf-8")
    for _round in range(ROUNDS):
        yield (
            clock(fleet, plain),
            clock(
                fleet,
                f"{place.FQCN}.rolling_restart",
                rolling_restart_batches=BATCHES,
                rolling_restart_settle=SETTLE,
                rolling_restart_run_dir=folder,
            ),
        )
        # systemd counts the starts of a unit, and both plays in a row come near its limit.
        for host in fleet.hosts.values():
            host.run(["systemctl", "reset-failed", "containerd"])


def main():
    """Bring the hosts up, measure, take them down."""
    fleet = Fleet(LAB)
    settled = SETTLE * len(BATCHES)
    try:
        fleet.up(hosts=HOSTS, releases=["1.7"])
        with tempfile.TemporaryDirectory() as folder:
            print(f"{HOSTS} hosts, batches {BATCHES}, settle {SETTLE} s in each batch")
            print("plain play s  verified roll s  of it settle s  ratio  ratio without settle", flush=True)
            for plain, roll in rounds(fleet, folder):
                rest = roll - settled
                print(
                    f"{plain:12.1f}  {roll:15.1f}  {settled:14d}  {roll / plain:5.1f}  {rest / plain:20.1f}", flush=True
                )
    finally:
        fleet.down()


if __name__ == "__main__":
    main()
