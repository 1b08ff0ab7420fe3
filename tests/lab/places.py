# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a lab keeps its things, and what its things are called."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

RUN_ROOT = Path("/run/shimops/labs")
OVERLAY_ROOT = Path("/var/lib/shimops/labs")
# Debian mounts /run so that nothing on it can be executed.
PROGRAM_ROOT = Path("/var/lib/shimops/programs")
DEFAULT_LAB = "shimlab"


def cache_root():
    """The cache that all labs of the machine share."""
    return Path(os.environ.get("SHIMOPS_CACHE") or "/var/cache/shimops")


@dataclass(frozen=True)
class Places:
    """Every path and name of one lab, derived from the lab's name alone."""

    lab: str

    def __post_init__(self):
        # Sixteen characters keep unix socket paths and machine names within the kernel's limits.
        if not re.fullmatch(r"[a-z][a-z0-9]{0,15}", self.lab):
            raise LabError(
                f"A lab's name is a letter followed by at most 15 letters or digits, in lower case: not {self.lab!r}."
            )

    @property
    def tag(self):
        """Name of the lab's network namespace and of its directory in each cgroup tree."""
        return f"shimops-{self.lab}"

    @property
    def run(self):
        """Run state: keys, inventory, one record per host."""
        return RUN_ROOT / self.lab

    @property
    def lock(self):
        """Lock file that keeps two changes of one lab apart."""
        return RUN_ROOT / f".{self.lab}.lock"

    @property
    def overlays(self):
        """What the hosts write."""
        return OVERLAY_ROOT / self.lab

    @property
    def programs(self):
        """The wrappers of ssh, scp and sftp."""
        return PROGRAM_ROOT / self.lab

    @property
    def netns(self):
        """The network namespace, as a file."""
        return Path("/run/netns") / self.tag

    @property
    def inventory(self):
        """The Ansible inventory."""
        return self.run / "inventory.yml"

    def record(self, host):
        """The record of one host."""
        return self.run / "hosts" / f"{host}.json"

    def overlay(self, host):
        """The directory of one host's overlay."""
        return self.overlays / host

    def machine(self, host):
        """The machine name of one host."""
        return f"{self.lab}-{host}"
