# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slices of one job as AWX makes them: ansible-runner sends each to a worker that has nothing but what it was sent."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import play
import rolls
import yaml

from dev import machine

#: What a worker needs of the environment of a controller.
NEEDED = ("ANSIBLE_COLLECTIONS_PATH", "LC_ALL", "LANG")


class Slice:
    """One slice, which a worker runs in a directory of its own; usable as a context.

    :param lab: the lab.
    :param hosts: those of the slice.
    :param place: for its directories.
    :param server: the Redis.
    :param ahead: hours that the clock of the worker is ahead.
    :param options: variables of the playbook without their prefix.
    """

    #: The playbook, which is also the prefix of its variables; and those that each slice has.
    playbook = "rolling_restart"
    always = {"settle": 1, "batches": ["100%"], "command": [rolls.RESTART]}

    def __init__(self, lab, hosts, place, server, run_id, launch, forks=1, ahead=0, **options):
        self.hosts, self._place = hosts, place
        sent = place / "sent"
        for name in ("project", "inventory", "env"):
            (sent / name).mkdir(parents=True)
        site = [{"ansible.builtin.import_playbook": f"{play.FQCN}.{self.playbook}"}]
        (sent / "project/site.yml").write_text(yaml.safe_dump(site))
        (sent / "inventory/hosts.yml").write_text(yaml.safe_dump(_only(lab, hosts), sort_keys=False))
        values = {"run_id": run_id, "run_store": server.url, "run_shared": True, "run_launch": launch}
        values.update(self.always, **options)
        (sent / "env/extravars").write_text(json.dumps({f"{self.playbook}_{key}": one for key, one in values.items()}))
        env = {name: value for name, value in play.environment().items() if name in NEEDED}
        env["SHIMOPS_RUN_STORE_PASSWORD"] = server.password
        (sent / "env/envvars").write_text(json.dumps(env))
        (sent / "env/cmdline").write_text(f"--forks {forks}")
        (sent / "env/settings").write_text(json.dumps({"idle_timeout": 300}))
        program = Path(sys.executable).parent / "ansible-runner"
        self._transmit = [program, "transmit", sent, "-p", "site.yml", "--ident", "slice"]
        self._work = [program, "worker", "--private-data-dir", place / "worker"]
        self._process = [program, "process", place / "processed"]
        # The program runs what is in its own environment.
        self._env = {**machine.clean_env(program.parent), **env}
        self._worker = None
        if ahead:
            self._work = ["faketime", "-f", f"+{ahead}h", *self._work]

    def __enter__(self):
        stream, back = self._place / "stream", self._place / "back"
        with stream.open("wb") as out:
            subprocess.run(self._transmit, env=self._env, stdout=out, check=True)
        (self._place / "worker").mkdir()
        with stream.open("rb") as given, back.open("wb") as out, (self._place / "said").open("wb") as said:
            self._worker = subprocess.Popen(
                self._work, env=self._env, stdin=given, stdout=out, stderr=said, start_new_session=True
            )
        return self

    def __exit__(self, *_error):
        if self._worker.poll() is None:
            self.kill()

    def kill(self):
        """SIGKILL for the worker and all that it started here."""
        for pid in [self._worker.pid, *rolls.descendants(self._worker.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._worker.wait()

    def ended(self):
        """Wait for its end and process what it sent back; the status of the play."""
        self._worker.wait(timeout=300)
        with (self._place / "back").open("rb") as back:
            subprocess.run(self._process, env=self._env, stdin=back, capture_output=True, check=False)
        print(self.output())
        return int((self._place / "processed/artifacts/rc").read_text())

    def output(self):
        """What the job printed, as it was sent back."""
        return (self._place / "processed/artifacts/stdout").read_text(errors="replace")


class AuditSlice(Slice):
    """A slice of an audit."""

    playbook = "health_audit"
    always = {}


def _only(lab, hosts):
    """The inventory with these hosts alone, as AWX gives it to a slice."""
    whole, names = yaml.safe_load(Path(lab.inventory).read_text()), {host.name for host in hosts}
    for group in whole["lab"]["children"].values():
        group["hosts"] = {name: values for name, values in group["hosts"].items() if name in names}
    return whole
