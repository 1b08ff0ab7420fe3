# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of a lab, and programs that reach its hosts from the machine's own network namespace."""

from dataclasses import dataclass

from lab.command import run
from lab.places import Places

PROGRAMS = ("ssh", "scp", "sftp")


@dataclass(frozen=True)
class Ssh:
    """The ssh side of one lab."""

    places: Places

    @property
    def key(self):
        """The private key that every host of the lab lets in as root."""
        return self.places.run / "key"

    @property
    def known_hosts(self):
        """The host keys of the lab's hosts."""
        return self.places.run / "known_hosts"

    @property
    def control(self):
        """Where connections are kept open; two labs have the same addresses, so each has its own."""
        return self.places.run / "cp"

    def program(self, name):
        """The wrapper of ssh, scp or sftp that enters the lab's network."""
        return self.places.programs / name

    def prepare(self):
        """Make the lab's key and the wrappers, unless they are there."""
        self.control.mkdir(parents=True, exist_ok=True)
        self.places.programs.mkdir(parents=True, exist_ok=True)
        for name in PROGRAMS:
            wrapper = f'#!/bin/sh\nexec nsenter --net={self.places.netns} {name} "$@"\n'
            self.program(name).write_text(wrapper, encoding="ascii")
            self.program(name).chmod(0o755)
        if not self.key.exists():
            self._keygen(self.key)

    def furnish(self, upper, host):
        """Give a host its own key, and the lab's key the right to enter; its public host key."""
        (upper / "etc/ssh").mkdir(parents=True)
        public = self._keygen(upper / "etc/ssh/ssh_host_ed25519_key")
        (upper / "root").mkdir(mode=0o700)
        (upper / "root/.ssh").mkdir(mode=0o700)
        allowed = self.key.with_name("key.pub").read_text(encoding="ascii")
        (upper / "root/.ssh/authorized_keys").write_text(allowed, encoding="ascii")
        keys = self.places.run / "host-keys"
        keys.mkdir(exist_ok=True)
        (keys / host).write_text(" ".join(public.split()[:2]), encoding="ascii")

    def write_known_hosts(self, hosts):
        """Write down the keys of these hosts, under their names and addresses."""
        lines = [
            f"{host.name},{host.address} {(self.places.run / 'host-keys' / host.name).read_text(encoding='ascii')}\n"
            for host in hosts
        ]
        self.known_hosts.write_text("".join(lines), encoding="ascii")

    def _keygen(self, path):
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.places.tag, "-f", path], "Making a key")
        return path.with_name(path.name + ".pub").read_text(encoding="ascii")
