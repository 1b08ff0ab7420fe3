# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolls over a row of hosts: what each host does when it is restarted, and a playbook that can be met in the middle."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import play
import pytest
import world

from dev import venvs
from dev.errors import GateSkipped

PLAYBOOK = f"{play.FQCN}.rolling_restart"
PATIENCE = 120
RESTART = "/usr/local/sbin/lab-restart"
#: While it is not there, a restart that waits goes on waiting.
GO = "/run/lab-go"
COUNT = "/var/lib/lab-restarts"

_RESTART = f"echo >> {COUNT}; systemctl restart containerd"
_WAIT = f"n=0; while [ ! -e {GO} ] && [ $n -lt 1200 ]; do sleep 0.1; n=$((n+1)); done; "
#: What a host does for the restart of containerd. Each begins by saying so in COUNT.
WAYS = {
    "restarts": _RESTART,
    "waits": _WAIT + _RESTART,
    # The shim first: it would report how its container ended.
    "loses": f"pkill -KILL -f containerd-shim; pkill -KILL -f '/bin/sleep 100000'; {_RESTART}",
    # A second restart while it settles; whoever ends by himself after the first one is not lost.
    "loses later": "setsid sh -c \"sleep 3; systemctl stop containerd; pkill -KILL -f '[c]ontainerd-shim'; "
    "pkill -KILL -f '[/]bin/sleep 100000'; systemctl start containerd\" >/dev/null 2>&1 & " + _RESTART,
    "stays down": f"echo >> {COUNT}; systemctl stop containerd; echo it is broken >&2; exit 1",
    "drops its connection": "systemctl stop ssh ssh.socket; pkill -KILL sshd; " + _RESTART,
}


def ways(hosts, chosen, others="restarts"):
    """Put the way each host restarts on it: by its name, and one for all others."""
    write = 'rm -f "$3" "$4"; printf "#!/bin/sh\\n%s\\n" "$2" > "$1"; chmod 755 "$1"'
    play.together(hosts, lambda host: host.script(write, RESTART, WAYS[chosen.get(host.name, others)], GO, COUNT))


def go(hosts):
    """Let the restarts that wait go on."""
    play.together(hosts, lambda host: host.script('touch "$1"', GO))


def restarts(hosts):
    """How often each host was restarted since its way was put on it."""

    def count(host):
        path = Path(host.path(COUNT))
        return path.read_text().count("\n") if path.exists() else 0

    return {host.name: count(host) for host in hosts}


def is_sound(host):
    """Whether containerd, its one task and sshd run, and no run is unfinished."""
    up = host.run(["systemctl", "is-active", "-q", "containerd", "ssh"], check=False).returncode == 0
    over = (world.ledger(host) or {}).get("phase") in (None, "verified") and not host.path(CLAIM).exists()
    return up and over and list(world.tasks(host)) == [("default", "plain1")]


CLAIM = "/var/lib/shimops/claim.json"


def is_verified(host):
    """Whether a run ended well on this host, its module included.

    The module writes the phase first, then does dpkg's triggers under a policy-rc.d of its own; its claim goes last.
    """
    return (world.ledger(host) or {}).get("phase") == "verified" and not host.path(CLAIM).exists()


def repair(lab, hosts):
    """Put back the hosts that a test left in another state than it found them in."""

    def one(host):
        host.script("systemctl start ssh; rm -rf /etc/shimops")
        if not is_sound(host):
            lab.reset(host)

    play.together(hosts, one)


def until(true, what):
    """Wait until something is true; what it gave."""
    end = time.monotonic() + PATIENCE
    while True:
        found = true()
        if found:
            return found
        assert time.monotonic() < end, f"after {PATIENCE} s still not: {what}"
        time.sleep(0.05)


def ended_alone(host):
    """Wait for the end of a restart that nobody listens to any more; the next test would find it in the middle."""
    until(lambda: is_verified(host), f"{host.name} goes on alone and is verified")


def core(version):
    """The ansible-playbook of that ansible-core; the test is skipped where there is no Python for it."""
    try:
        return {"2.19": venvs.core219, "2.21": venvs.core221}[version]() / "ansible-playbook"
    except GateSkipped as reason:
        pytest.skip(str(reason))


def phase(host, run_id):
    """How far the ledger of this run has come on a host."""
    book = world.ledger(host) or {}
    return book["phase"] if book.get("run_id") == run_id else None


class Roll:
    """One ansible-playbook over some hosts of a lab, with its run's folder in ``place``; usable as a context.

    ``run_id`` is made unique, unless it is that of an earlier roll. ``words`` are further ones of the command line,
    ``options`` are variables of the playbook without their prefix.
    """

    #: What the names of the playbook's variables begin with.
    prefix = "rolling_restart"

    def __init__(
        self, lab, hosts, place, run_id, *words, program=None, forks=5, playbook=PLAYBOOK, env=None, **options
    ):
        # A host that lives longer than one session of tests has the ledgers of earlier ones.
        self.run_id = run_id = run_id if "." in run_id else f"{run_id}.{time.time_ns()}"
        self.folder = place / "runs" / run_id
        self._log = place / f"{run_id}-{time.monotonic_ns()}.log"
        values = {"run_id": run_id, "run_dir": str(place / "runs"), "settle": 1, "batches": ["100%"], **options}
        values = {f"{self.prefix}_{key}": value for key, value in values.items()}
        command = [str(program or Path(sys.executable).parent / "ansible-playbook"), "-i", str(lab.inventory)]
        command += [str(playbook), "-f", str(forks), "-e", json.dumps(values), "-l", ",".join(h.name for h in hosts)]
        with self._log.open("w") as log:
            # A group of its own, so that all of it can be killed.
            self._process = subprocess.Popen(
                [*command, *words],
                env=play.environment(env),
                cwd=place,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self):
        """The process of ansible-playbook."""
        return self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        if self._process.poll() is None:
            self.kill()

    def stopped(self):
        """Wait for the stop mark; its reason."""
        self.until((self.folder / "stop").exists, "a stop mark")
        return json.loads((self.folder / "stop").read_text())["reason"]

    def until(self, true, what):
        """Wait until something is true while this roll lives."""

        def look():
            found = true()
            assert found or self._process.poll() is None, f"it ended, and never: {what}\n{self.output()}"
            return found

        return until(look, what)

    def kill(self):
        """SIGKILL for ansible-playbook and whatever it started here."""
        for pid in [self._process.pid, *descendants(self._process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def ended(self):
        """Wait for its end; the exit status."""
        self._process.wait(timeout=300)
        print(self.output())
        return self._process.returncode

    def output(self):
        """What it has printed so far."""
        return self._log.read_text(errors="replace")

    def documents(self):
        """Each host's document, by the host's name."""
        found = [json.loads(path.read_text()) for path in (self.folder / "documents").glob("*.json")]
        return {one["host"]: one for one in found if one["kind"] == "roll"}

    def states(self):
        """Each host's state in the report."""
        return {row["host"]: row["state"] for row in json.loads((self.folder / "report.json").read_text())["hosts"]}


def descendants(pid):
    """All processes below this one; workers have sessions of their own."""
    found = []
    for child in subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split():
        found += [int(child), *descendants(int(child))]
    return found
