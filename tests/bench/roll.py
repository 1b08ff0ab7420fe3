# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verified rolls against plain plays that do the same and list tasks: the same four hosts, batches and run."""

import concurrent.futures
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from dev import place, playbook  # noqa: E402  # after the path that leads to it
from lab import mirror  # noqa: E402
from lab.base import Cache  # noqa: E402
from lab.fleet import Fleet  # noqa: E402

LAB, HOSTS, ROUNDS = "rollbnch", 4, 3
BATCHES, SETTLE = [1, "100%"], 10
RELEASE, NEXT, VERSION = "1.6", "1.7", "1.7.24"
PACKAGES = "/srv/packages"

# What people write without a collection: restart, and see whether containerd answers.
RESTART = [
    {"ansible.builtin.systemd_service": {"name": "containerd", "state": "restarted"}},
    {"ansible.builtin.command": "ctr --namespace default task ls"},
    {"ansible.builtin.command": "ctr --namespace k8s.io task ls"},
]
UPGRADE = [{"ansible.builtin.command": f"dpkg --install {PACKAGES}/containerd-{NEXT}.deb"}, *RESTART]


def clock(fleet, play, options):
    """Seconds that a play takes over the lab."""
    words = playbook.argv([str(play), "-i", str(fleet.inventory), "-e", json.dumps(options)])
    start = time.perf_counter()
    done = subprocess.run(words, env=playbook.environment(), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - start


def prepare(fleet, host):
    """Put a host back to the old release with fresh containers, the new package next to it."""
    fleet.reset(host)
    host.run(["mkdir", "-p", PACKAGES])
    shutil.copy(Cache().package(NEXT), host.path(f"{PACKAGES}/containerd-{NEXT}.deb"))


def timed(fleet, play, options):
    """The same over hosts that are all as they were at the beginning."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: prepare(fleet, host), fleet.hosts.values()))
    return clock(fleet, play, options)


def measure(fleet, folder, role, tasks, **options):
    """Print each round: the plain play, the verified roll, and how they compare."""
    plain = Path(folder, f"{role}.yml")
    play = {"hosts": "all", "gather_facts": False, "become": True, "serial": BATCHES, "tasks": tasks}
    plain.write_text(json.dumps([play]), encoding="utf-8")
    options = {"batches": BATCHES, "settle": SETTLE, "run_dir": folder, **options}
    options = {f"{role}_{name}": value for name, value in options.items()}
    settled = SETTLE * len(BATCHES)
    for number in range(1, ROUNDS + 1):
        by_hand = timed(fleet, plain, {})
        roll = timed(fleet, f"{place.FQCN}.{role}", {**options, f"{role}_run_id": f"{role}-{number}"})
        print(
            f"{role:16}  {by_hand:12.1f}  {roll:15.1f}  {settled:14d}  {roll / by_hand:5.1f}  "
            f"{(roll - settled) / by_hand:20.1f}",
            flush=True,
        )


def main():
    """Bring the hosts up, measure, take them down."""
    fleet = Fleet(LAB)
    try:
        fleet.up(hosts=HOSTS, kinds=[RELEASE])
        Cache().prepare([NEXT], mirror.chosen_mirror(None), print)
        print(f"{HOSTS} hosts, batches {BATCHES}, settle {SETTLE} s in each batch; upgrade {RELEASE} to {NEXT}")
        print(
            "role              plain play s  verified roll s  of it settle s  ratio  ratio without settle", flush=True
        )
        with tempfile.TemporaryDirectory() as folder:
            measure(fleet, folder, "rolling_restart", RESTART)
            measure(fleet, folder, "rolling_upgrade", UPGRADE, version=VERSION, directory=PACKAGES)
    finally:
        fleet.down()


if __name__ == "__main__":
    main()
