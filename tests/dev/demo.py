# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: four hosts of three releases are rolled, and what was proven is shown per host."""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

from dev import lab_command, place, playbook, process, proof
from dev.errors import DevError
from lab.fleet import Fleet

LAB = "shimdemo"
RELEASES = ("1.6", "1.7", "2.1", "1.7")
PLAY = f"{place.FQCN}.rolling_restart"
LEDGER = "/var/lib/shimops/ledger.json"
# Where the lab keeps what it gives to Ansible.
INVENTORY = Path("/run/shimops/labs") / LAB / "inventory.yml"
# One host first, then all the others; a shorter look back than a fleet would take; the documents go with the lab.
OPTIONS = {
    "rolling_restart_batches": [1, "100%"],
    "rolling_restart_settle": 10,
    "rolling_restart_run_dir": str(INVENTORY.parent / "runs"),
}


def demo(keep: bool = False, log: Path | None = None) -> int:
    """Bring the lab up, roll it, show the proof, and bring it down whatever happened."""
    start = time.monotonic()
    try:
        with step(f"{len(RELEASES)} hosts come up, containerd {', '.join(RELEASES)}"):
            lab(["up", "--lab", LAB, "--hosts", str(len(RELEASES)), "--releases", ",".join(RELEASES)], log)
        with step(f"ansible-playbook {PLAY}"):
            words = playbook.argv([PLAY, "-i", str(INVENTORY), "-e", json.dumps(OPTIONS)])
            env = {**playbook.environment(), "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false"}
            status = process.run(words, log=log, env=env, cwd=place.ROOT)
        print_tables()
        if status != 0:
            raise DevError(f"The roll ended with status {status}.")
    finally:
        if keep:
            print(f"kept: ./dev lab ls; ./dev lab down --lab {LAB}")
        else:
            with process.undisturbed(), step("the hosts go"):
                lab(["down", "--lab", LAB], log)
    print(f"done in {time.monotonic() - start:.0f} s")
    return 0


def print_tables() -> None:
    """Print per host what was proven, out of the ledgers on the hosts: they are the truth."""
    for name, host in Fleet(LAB).hosts.items():
        print(proof.table(name, json.loads(Path(host.path(LEDGER)).read_text())), end="\n\n", flush=True)


def lab(words: list[str], log: Path | None) -> None:
    """Run a command of the lab that must succeed."""
    if status := process.run(lab_command.argv(words), log=log, env=lab_command.environment()):
        raise DevError(f"The lab's `{' '.join(words)}` ended with status {status}.")


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Name a step before it and say afterwards how long it took."""
    print(f"-- {title}", flush=True)
    start = time.monotonic()
    yield
    print(f"   {time.monotonic() - start:.0f} s\n", flush=True)
