# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test shows to work, for docs/supported.md: a row counts once its test has passed."""

import json
import os

import upgrades

from lab import kinds

#: The file that rows are added to, one JSON object per line; nothing is written where it is not named.
FILE = "SHIMOPS_COVERED"
SYSTEMS = {"bookworm": "Debian 12", "trixie": "Debian 13"}


class Coverage:
    """The rows of one test."""

    def __init__(self):
        self.rows = []

    def __call__(self, hosts, done, **more):
        """Enter what was done on these hosts; ``more`` is what differs from containerd's own packages with runc."""
        for host in hosts:
            packages = "rpm" if kinds.of_rpms(host.kind) else "deb"
            row = {
                "done": done,
                "containerd": upgrades.FULL[host.release],
                "system": f"{SYSTEMS[kinds.system(host.kind)]}, {packages}",
                "layout": "containerd",
                "runtime": "runc",
                "clients": "ctr, CRI",
                "login": "root",
                **more,
            }
            self.rows.append(row)

    def write(self, test):
        """Add the rows of a test that passed to the file."""
        path = os.environ.get(FILE)
        if path and self.rows:
            with open(path, "a", encoding="utf-8") as stream:
                stream.writelines(json.dumps({**row, "test": test}) + "\n" for row in self.rows)
