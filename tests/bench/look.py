# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observing a host of many shims once, against asking each with `ctr shim state`, in the same run on the same host."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from lab.fleet import Fleet  # noqa: E402  # after the path that leads to it

LAB, CONTAINERS = "shimbench", 40
ROUNDS = 3

# Runs in the host, with the host's own Python and protobuf.
INSIDE = """
import subprocess, time
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._host import daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import CLASSES
from ansible_collections.shimops.containerd.plugins.module_utils._rescue.survey import forecast_host, observe

options = {"layout": "auto", "shim_timeout": 5}

def route(pids):
    here = daemon.only(daemon.find(options, Deadline(60)))
    found = observe(here, options, Deadline(60), CLASSES, pids)
    forecast_host(here, found, "installed")
    assert found and all(one.best_answers.service for one in found)
    return [one.entry.id for one in found]

def loop(ids):
    for one in ids:
        subprocess.run(["ctr", "shim", "--id", one, "state"], check=True, stdout=subprocess.DEVNULL)

def clock(work, *words):
    start = time.perf_counter()
    work(*words)
    return time.perf_counter() - start

ids = route(False)
for _ in range(ROUNDS):
    print(len(ids), clock(route, False), clock(route, True), clock(loop, ids))
"""


def main():
    """Bring a host up, measure in it, take it down."""
    fleet = Fleet(LAB)
    try:
        fleet.up(hosts=1, kinds=["1.7"], plain=CONTAINERS, pods=0)
        host = next(iter(fleet.hosts.values()))
        place = "/tmp/bench/ansible_collections/shimops/containerd"
        host.run(["mkdir", "-p", place])
        tar = subprocess.run(["tar", "-C", ROOT, "-c", "plugins/module_utils"], check=True, capture_output=True).stdout
        host.popen(["tar", "-C", place, "-x"], stdin=subprocess.PIPE).communicate(tar)
        program = INSIDE.replace("ROUNDS", str(ROUNDS))
        said = host.run(["env", "PYTHONPATH=/tmp/bench", "python3", "-c", program], timeout=300).stdout
    finally:
        fleet.down()
    print("shims  Connect s  with Pids s  ctr loop s  loop / Connect  loop / with Pids")
    for line in said.splitlines():
        count, connect, pids, loop = (float(word) for word in line.split())
        print(f"{count:5.0f}  {connect:9.2f}  {pids:11.2f}  {loop:10.2f}  {loop / connect:14.1f}  {loop / pids:16.1f}")


if __name__ == "__main__":
    main()
