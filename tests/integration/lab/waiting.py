# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for something to become true of hosts, on a machine that may be busy."""

import time


def every(hosts, true, patience=90):
    """Wait until ``true(host)`` of each of these hosts."""
    end = time.monotonic() + patience
    for host in hosts.values():
        while not true(host):
            assert time.monotonic() < end, f"{host.name}: still not so after {patience} s"
            time.sleep(0.05)
