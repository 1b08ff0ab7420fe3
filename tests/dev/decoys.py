# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decoys: a machine full of misleading files and processes, seen by one command only.

A unit test that reads the machine instead of its own files fails among them. The files are in layers in memory over
the machine's own, in a mount namespace of that command, so the machine itself stays as it is.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from dev import place
from dev.errors import DevError

#: Where the collection reads or writes on a managed node.
LAYERS = ("/etc", "/run", "/usr", "/var/lib")
#: State directories of containerd, by its layouts.
_STATES = ("/run/containerd", "/run/docker/containerd", "/run/docker/containerd/daemon", "/run/k3s/containerd")
_STALE = 100
_NEEDED = ("unshare", "setpriv", "mount")


@contextlib.contextmanager
def among(argv: Sequence[object]) -> Iterator[list[object]]:
    """Give the command line that runs a command among the decoys, as root; PYTHONPATH is not handed on to it."""
    if missing := [name for name in _NEEDED if not shutil.which(name)]:
        raise DevError(f"The decoys need {', '.join(missing)}: install util-linux.")
    with place.scratch() as folder:
        path = f"PYTHONPATH={place.ROOT / 'tests'}"
        start = ["unshare", "--mount", "--propagation", "private", "env", path, "PYTHONDONTWRITEBYTECODE=1"]
        yield [*start, sys.executable, "-m", "dev.decoys", folder, *argv]


def spread(folder: Path) -> int:
    """Put the decoys over the machine's files, within a mount namespace of one's own; return how many there are.

    :param folder: an empty folder, to keep the layers in.
    """
    _mount("-t", "tmpfs", "-o", "mode=755", "decoys", folder)
    for layer in LAYERS:
        upper, work = folder / "upper" / layer[1:], folder / "work" / layer[1:]
        upper.mkdir(parents=True)
        work.mkdir(parents=True)
        shutil.copystat(layer, upper)
        _mount("-t", "overlay", "-o", f"lowerdir={layer},upperdir={upper},workdir={work}", "decoys", layer)
    for state in _STATES:
        _fill_state(Path(state))
    _fill_records()
    _start_processes()
    return sum(len(names) for _path, _folders, names in os.walk(folder / "upper"))


def _mount(*words: object) -> None:
    done = subprocess.run(["mount", *map(str, words)], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"decoys: {done.stderr.strip()}; a unit test has to run where root may mount file systems.")


def _fill_records() -> None:
    """Fill in what shimops, containerd, docker, dpkg and systemd would leave on a host in the middle of an upgrade."""
    book = {"schema": 1, "run_id": "decoy", "times": {}, "gap": None, "verdicts": []}
    book["daemon"] = {"pid": 1, "start_time": 1, "boot_id": "decoy", "unit": "containerd.service", "version": "1.6.20"}
    book["tasks"] = [{"namespace": "default", "id": "plain1", "pod": None, "status": "running"}]
    run = {"run_id": "decoy", "at": 1.0, "pid": 1}
    documents = {
        "/var/lib/shimops/ledger.json": {**book, "phase": "restarting"},
        "/var/lib/shimops/ledger.json.decoy": {**book, "phase": "verified"},
        "/var/lib/shimops/claim.json": run,
        "/var/lib/shimops/lock": run,
        "/var/lib/shimops/held.json": {"schema": 1, "boot_id": "decoy", "began": 1.0, "items": [], "run_id": "decoy"},
        "/var/lib/shimops/packages/1.6.20/plan.json": {},
        "/etc/shimops/hold": {"run_id": "decoy", "reason": "a decoy", "at": 1.0},
        "/etc/docker/daemon.json": {"live-restore": True, "containerd": "/run/containerd/containerd.sock"},
    }
    for name, content in documents.items():
        _write(Path(name), json.dumps(content))
    for name in ("/var/lib/shimops", "/var/lib/shimops/packages"):
        Path(name).chmod(0o700)
    _write(Path("/etc/containerd/config.toml"), 'version = 2\nstate = "/run/decoy"\nimports = [\n')
    _write(Path("/etc/needrestart/conf.d/zz-shimops-hold.conf"), "# a decoy\n")
    _write(Path("/etc/systemd/system/containerd.service"), "[Service]\nExecStart=/usr/bin/containerd\nKillMode=mixed\n")
    for name in ("/var/lib/containerd", "/var/lib/docker/containerd/daemon"):
        _write(Path(name, "io.containerd.metadata.v1.bolt", "meta.db"), "decoy")
    _write(Path("/usr/sbin/policy-rc.d"), "#!/bin/sh\n# a decoy\nexit 101\n").chmod(0o755)


def _fill_state(state: Path) -> None:
    """Fill a state directory with stale sockets and with bundles whose tasks are gone."""
    for number in range(_STALE):
        _socket(state / "s" / f"{number:064x}")
    for name in ("containerd.sock", "containerd.sock.ttrpc"):
        _socket(state / name)
    for namespace, identifier in (("default", "plain1"), ("moby", "stale"), ("k8s.io", "f" * 64)):
        bundle = state / "io.containerd.runtime.v2.task" / namespace / identifier
        address = f"unix:///run/containerd/s/{0:064x}"
        _write(bundle / "config.json", '{"annotations": {"io.kubernetes.cri.sandbox-id": "decoy"}}')
        _write(bundle / "bootstrap.json", json.dumps({"version": 3, "address": address, "protocol": "ttrpc"}))
        _write(bundle / "address", address)
        _write(bundle / "shim-binary-path", "/usr/bin/containerd-shim-runc-v2")
        _write(bundle / "init.pid", "1")
        _write(state / "runc" / namespace / identifier / "state.json", "{}")


def _start_processes() -> None:
    """Start a dockerd, a containerd and a shim that only wait; they end with this process, whatever it becomes."""
    pipe = Path("/run/containerd/decoy")
    os.mkfifo(pipe)
    waits = ["-c", f"read line < {pipe}"]
    where = ["-namespace", "moby", "-id", "stale", "-address", "/run/containerd/containerd.sock"]
    for name, more in (("dockerd", ["--live-restore"]), ("containerd", []), ("containerd-shim-runc-v2", where)):
        program = Path("/usr/bin", name)
        # A shell under another name, not a script: the name of a process is that of its program.
        shutil.copy2(os.path.realpath("/bin/sh"), program)
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.Popen(["setpriv", "--pdeathsig", "KILL", program, *waits, *more], **quiet)


def _socket(path: Path) -> None:
    """Leave a socket file that nothing listens on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    here = os.getcwd()
    # A socket's path is at most 107 bytes long.
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    # What the machine has there may be a link to a file of its own.
    path.unlink(missing_ok=True)
    path.write_text(text)
    return path


if __name__ == "__main__":
    print(f"decoys: {spread(Path(sys.argv[1]))}", flush=True)
    # It led to this file alone.
    del os.environ["PYTHONPATH"]
    os.execvp(sys.argv[2], sys.argv[2:])
