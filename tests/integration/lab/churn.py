# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host on which containers come and go: plain ones through ctr, pods through the CRI, about two of each a second."""

import contextlib
import subprocess
import threading
import time

from lab import cri, recipe, workloads
from lab.errors import LabError

# Keeps three containers; starts one and deletes the oldest, each step again until it is done.
JOBS = """
import os, subprocess, sys, time
rootfs, stop = sys.argv[1:]
def insist(*words):
    while not os.path.exists(stop):
        done = subprocess.run(["ctr", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode == 0 or "not found" in done.stderr:
            return
        time.sleep(0.02)
number, living = 0, []
while not os.path.exists(stop):
    began, number = time.monotonic(), number + 1
    living.append("job%d" % number)
    subprocess.run(
        ["ctr", "run", "-d", "--null-io", "--rootfs", rootfs, living[-1], "/bin/sleep", "100000"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    if len(living) > 3:
        old = living.pop(0)
        for words in (("task", "kill", "-s", "KILL", old), ("task", "rm", old), ("container", "rm", old)):
            insist(*words)
    time.sleep(max(0.0, began + 0.5 - time.monotonic()))
print(number)
"""
STOP = "/run/shimops-churn-stop"
NAME = "churn"
MOST_PODS = 8


class Churn:
    """The clients of one host, until they are stopped; ``jobs`` and ``pods`` is how many each made."""

    def __init__(self, host):
        self.host = host
        self.jobs = self.pods = self._tries = 0
        self._stop = threading.Event()
        host.path(STOP).unlink(missing_ok=True)
        argv = ["/usr/bin/python3", "-c", JOBS, recipe.ROOTFS, STOP]
        self._jobs = host.popen(argv, stdout=subprocess.PIPE, text=True)
        self._pods = threading.Thread(target=self._churn_pods, daemon=True)
        self._pods.start()

    def _churn_pods(self):
        while not self._stop.is_set():
            began = time.monotonic()
            with contextlib.suppress(LabError), cri.Client(self.host, timeout=20) as client:
                self._step(client)
            self._stop.wait(max(0.0, began + 0.5 - time.monotonic()))

    def _step(self, client):
        """Starts one pod and removes all but the newest two, from the CRI's own list, as the kubelet does."""
        mine = sorted((int(pod.name[len(NAME) :]), pod.id) for pod in client.pods() if pod.name.startswith(NAME))
        for _number, old in mine[:-2]:
            # One that cannot be removed now is tried again, and does not keep the others.
            with contextlib.suppress(LabError):
                client.remove_pod(old)
        if len(mine) < MOST_PODS:
            self._tries += 1
            workloads.run_pod(self.host, f"{NAME}{self._tries}", containers=("job",), client=client)
            self.pods += 1

    def end(self):
        """Stop the clients, and wait for them."""
        self._stop.set()
        self.host.path(STOP).touch()
        self.jobs = int(self._jobs.communicate(timeout=60)[0])
        self._pods.join(60)


@contextlib.contextmanager
def on(hosts):
    """Churn on all these hosts; gives them by the host's name."""
    churns = {host.name: Churn(host) for host in hosts}
    try:
        yield churns
    finally:
        for one in churns.values():
            one.end()
