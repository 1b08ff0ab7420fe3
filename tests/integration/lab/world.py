# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is true of a host by other means than the collection's: its own ctr, its process table, its files."""

import json
from dataclasses import dataclass

from lab import cri, workloads

LEDGER = "/var/lib/shimops/ledger.json"


@dataclass(frozen=True)
class Process:
    """A process by the host's own number, and when it started in clock ticks: both together are never used twice."""

    pid: int
    started: int


def process(host, pid):
    """The living process of that number, or None; a zombie does not live."""
    done = host.run(["cat", f"/proc/{pid}/stat"], check=False)
    fields = done.stdout.rpartition(")")[2].split()
    return None if not fields or fields[0] in "ZX" else Process(pid, int(fields[19]))


def containerd(host):
    """The main process of containerd's unit, according to systemd."""
    shown = host.run(["systemctl", "show", "--property=MainPID", "--value", "containerd"]).stdout
    return process(host, int(shown))


def tasks(host):
    """The init process of each task that containerd lists, by (namespace, id)."""
    return {(task.namespace, task.id): process(host, task.pid) for task in workloads.tasks(host)}


def ledger(host):
    """The ledger on the host, or None."""
    done = host.run(["cat", LEDGER], check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def pod(host, name):
    """The tasks of a pod by container name, and its sandbox as ``sandbox``."""
    with cri.Client(host) as client:
        sandbox = next(each.id for each in client.pods() if each.name == name)
        found = {each.name: (cri.CRI_NAMESPACE, each.id) for each in client.containers() if each.sandbox == sandbox}
    return {"sandbox": (cri.CRI_NAMESPACE, sandbox), **found}
