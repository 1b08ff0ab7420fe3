# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's own network: one namespace with a bridge, reachable from nowhere else."""

import ipaddress
import subprocess
from dataclasses import dataclass

from lab.command import run
from lab.errors import LabError
from lab.places import Places

# Kept for documentation by RFC 5737, and never seen outside the namespace: labs cannot collide.
SUBNET = ipaddress.ip_network("192.0.2.0/24")
BRIDGE = "br0"
FIRST_HOST = 10
MOST_HOSTS = 200


def address(index):
    """The address of the host with that number, counted from 1."""
    if not 1 <= index <= MOST_HOSTS:
        raise LabError(f"A lab has 1 to {MOST_HOSTS} hosts.")
    return str(SUBNET[FIRST_HOST + index])


@dataclass(frozen=True)
class Network:
    """The network namespace of one lab."""

    places: Places

    def up(self):
        """Make the namespace and its bridge; true if anything had to be made."""
        tag = self.places.tag
        bridge = ["ip", "-n", tag, "link", "show", BRIDGE]
        if subprocess.run(bridge, capture_output=True, check=False).returncode == 0:
            return False
        if not self.places.netns.exists():
            run(["ip", "netns", "add", tag], "Making the network namespace")
        script = (
            f"link set lo up\nlink add {BRIDGE} type bridge\n"
            f"addr add {SUBNET[1]}/{SUBNET.prefixlen} dev {BRIDGE}\nlink set {BRIDGE} up\n"
        )
        run(["ip", "-n", tag, "-batch", "-"], "Making the bridge", stdin=script)
        return True

    def down(self):
        """Delete the namespace; the bridge and the hosts' links go with it."""
        if self.places.netns.exists():
            run(["ip", "netns", "delete", self.places.tag], "Deleting the network namespace")

    def pids(self):
        """The processes that hold the namespace, such as ssh connections that Ansible left open."""
        if not self.places.netns.exists():
            return []
        return [int(pid) for pid in run(["ip", "netns", "pids", self.places.tag], "Looking into the network").split()]

    def give_address(self, leader, text):
        """Configure the one link of a host from outside."""
        script = f"addr add {text}/{SUBNET.prefixlen} dev host0\nlink set host0 up\n"
        run(["nsenter", "-t", leader, "-n", "ip", "-batch", "-"], "Giving a host its address", stdin=script)
