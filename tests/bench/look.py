# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observing a host of many shims once: against a loop of `ctr shim state`, and against what the kernel allows."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from lab.fleet import Fleet  # noqa: E402  # after the path that leads to it

LAB, CONTAINERS, ROUNDS = "shimbench", 400, 5
PLACE = "/tmp/bench/ansible_collections/shimops/containerd"
INSIDE = Path(__file__).with_name("_look_inside.py")
KINDS = ("floor", "asking", "look", "busy", "pids", "loop", "runc", "hung", "memory")
SLOW = ("loop", "pids")


def install(host):
    """Put the collection's own code into the host."""
    host.run(["mkdir", "-p", PLACE])
    tar = subprocess.run(["tar", "-C", ROOT, "-c", "plugins/module_utils"], check=True, capture_output=True).stdout
    host.popen(["tar", "-C", PLACE, "-x"], stdin=subprocess.PIPE).communicate(tar)


def measured(host, kind):
    """The median of some rounds, each in a process of its own. Fails where a result is wrong."""
    program = INSIDE.read_text(encoding="utf-8")
    rounds = 1 if kind in SLOW else ROUNDS
    argv = ["env", "PYTHONPATH=/tmp/bench", "python3", "-c", program, kind]
    return statistics.median(json.loads(host.run(argv, timeout=300).stdout) for _round in range(rounds))


def main():
    """Bring a host up, measure in it, take it down."""
    fleet = Fleet(LAB)
    try:
        fleet.up(hosts=1, kinds=["1.7"], plain=CONTAINERS, pods=0)
        host = next(iter(fleet.hosts.values()))
        install(host)
        found = {kind: measured(host, kind) for kind in KINDS}
    finally:
        fleet.down()
    cores = os.cpu_count() or 1
    ps = CONTAINERS * found["runc"] / cores
    print(f"{CONTAINERS} shims, {cores} cores, median of {ROUNDS} rounds")
    rows = [
        ("asking Connect and State of both services", found["asking"], found["asking"] / found["floor"], "4 echoes"),
        ("  the same bytes to an echo server", found["floor"], 1.0, ""),
        (
            "the whole observation and forecast",
            found["look"],
            found["loop"] / found["look"],
            "15 times faster, or more",
        ),
        ("  ctr shim state, one after another", found["loop"], 1.0, ""),
        ("the same while the cores are busy", found["busy"], found["busy"] / found["look"], "right, however long"),
        ("the same with Pids", found["pids"], found["pids"] / ps, "1.2 times, or less"),
        ("  so many runc ps on all cores", ps, 1.0, ""),
        ("50 hung shims, in budgets of one", found["hung"], found["hung"], "1 budget"),
        ("memory per shim, KiB", found["memory"] / 1024, found["memory"] / 1024, "20 KiB, or less"),
    ]
    print(f"{'':44} {'seconds':>8} {'ratio':>6}  aim")
    for name, seconds, ratio, aim in rows:
        print(f"{name:44} {seconds:8.3f} {ratio:6.1f}  {aim}".rstrip())


if __name__ == "__main__":
    main()
