# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All hosts of a lab: up, down, and back to a clean state."""

import concurrent.futures
import contextlib
import fcntl
import os
import re
import shutil
import time

from lab import inventory, mirror, needs, network, reset, workloads
from lab.base import Cache
from lab.cgroups import Cgroups
from lab.errors import LabError
from lab.host import Host, end
from lab.kinds import ALL
from lab.network import Network
from lab.places import DEFAULT_LAB, RUN_ROOT, Places
from lab.ssh import Ssh

# A boot is mostly work for the processor, but partly waiting.
AT_ONCE = (os.cpu_count() or 1) + 2


class Fleet:
    """The lab of that name; nothing is started or changed by making this object."""

    def __init__(self, lab=None):
        self.places = Places(lab or os.environ.get("SHIMOPS_LAB") or DEFAULT_LAB)
        self._network = Network(self.places)
        self._cgroups = Cgroups(self.places)
        self._ssh = Ssh(self.places)

    @property
    def hosts(self):
        """The running hosts by name, in their natural order."""
        names = sorted((path.stem for path in self.places.record("x").parent.glob("*.json")), key=_natural)
        found = [Host(self.places, name) for name in names]
        return {host.name: host for host in found if host.running}

    @property
    def inventory(self):
        """The path of the Ansible inventory."""
        return self.places.inventory

    def host(self, name):
        """The running host of that name, or a LabError that lists those there are."""
        hosts = self.hosts
        if name not in hosts:
            there = f"running are {', '.join(hosts)}" if hosts else "no host is running"
            raise LabError(f"Lab {self.places.lab} has no host {name!r}: {there}.")
        return hosts[name]

    def up(self, hosts=3, kinds=None, plain=2, pods=2, mirror_url=None, say=print):
        """Start what is missing of a lab with that many hosts; the kinds are cycled over them."""
        kinds = list(kinds or mirror.releases())
        for kind in kinds:
            if kind not in ALL:
                raise LabError(f"There are no lab hosts of kind {kind!r}, only of {', '.join(ALL)}.")
        network.address(hosts)
        needs.check_machine()
        if pods:
            workloads.check_client()
        wanted = {f"lab{number}": kinds[(number - 1) % len(kinds)] for number in range(1, hosts + 1)}
        needs.install_missing(say)
        needs.raise_limits(say)
        cache = Cache()
        used = list(dict.fromkeys(wanted.values()))
        if cache.missing(used):
            cache.prepare(used, mirror.chosen_mirror(mirror_url), say)
        with self._locked():
            self._up(cache, wanted, plain, pods, say)

    def _up(self, cache, wanted, plain, pods, say):
        running = self.hosts
        for name, kind in wanted.items():
            if name in running and running[name].kind != kind:
                raise LabError(f"{name} is a host of kind {running[name].kind}, not {kind}: take the lab down.")
        begun, fresh = [], not running
        try:
            # Whatever has no complete record was left by a lab that was killed.
            for name in set(self._cgroups.hosts()) | set(self._leftover_overlays()):
                if name not in running:
                    say(f"{name}: clearing away what an interrupted lab left")
                    Host(self.places, name).stop()
            self._ssh.prepare()
            self._network.up()
            jobs = []
            for number, (name, kind) in enumerate(wanted.items(), 1):
                if name in running:
                    jobs.append((self._fill, running[name], plain, pods, say, "running already"))
                else:
                    begun.append(Host(self.places, name))
                    jobs.append((self._start, cache, begun[-1], kind, number, plain, pods, say))
            self._together(jobs, begun)
            self._write_inventory()
        except BaseException:
            say("interrupted or failed: taking away what was started")
            for host in begun:
                host.stop(patience=0)
            if fresh:
                self._clear()
            else:
                self._write_inventory()
            raise

    def _start(self, cache, host, kind, number, plain, pods, say):
        started = time.monotonic()
        host.boot(kind, network.address(number), cache.layers(kind), lambda upper: self._ssh.furnish(upper, host.name))
        host.note(package=str(cache.package(kind)))
        self._fill(host, plain, pods, say, f"containerd {kind} booted in {time.monotonic() - started:.1f} s")

    @staticmethod
    def _fill(host, plain, pods, say, news):
        host.note(plain=plain, pods=pods)
        started = workloads.start_default(host, plain, pods)
        say(f"{host.name}: {news}, {started or 'no'} container{'' if started == 1 else 's'} started")

    @staticmethod
    def _together(jobs, begun):
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            futures = [pool.submit(*job) for job in jobs]
            try:
                for future in concurrent.futures.as_completed(futures):
                    future.result()
            except BaseException:
                for future in futures:
                    future.cancel()
                # A boot gives up by itself once its host has no process.
                for host in begun:
                    end(host.pids())
                raise

    @staticmethod
    def reset(host):
        """Put a running host back as ``up`` left it: its release, no faults, fresh containers."""
        reset.reset(host)

    @staticmethod
    def upgrade(host, release):
        """Install the containerd package of another release line in a running host."""
        cache = Cache()
        if cache.missing([release]):
            raise LabError(f"No package of containerd {release} is cached: start a host of that release once.")
        host.install(cache.package(release))

    def down(self, say=print):
        """Take the lab away, whatever is there of it; true if anything was."""
        needs.check_machine()
        with self._locked():
            recorded = {path.stem for path in self.places.run.glob("hosts/*.json")}
            names = sorted(recorded | set(self._cgroups.hosts()) | set(self._leftover_overlays()), key=_natural)
            there = bool(names) or self.places.run.exists() or self.places.netns.exists()
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                for name, _none in zip(names, pool.map(lambda name: Host(self.places, name).stop(), names)):
                    say(f"{name}: gone")
            self._clear()
        self.places.lock.unlink(missing_ok=True)
        return there

    def _clear(self):
        end(self._network.pids())
        end(self._cgroups.pids())
        self._cgroups.remove()
        self._network.down()
        for directory in (self.places.run, self.places.overlays, self.places.programs):
            if directory.exists():
                shutil.rmtree(directory)

    def _leftover_overlays(self):
        return [path.name for path in self.places.overlays.glob("*")]

    def _write_inventory(self):
        hosts = list(self.hosts.values())
        self._ssh.write_known_hosts(hosts)
        self.places.inventory.write_text(inventory.text(self.places, hosts), encoding="ascii")

    @contextlib.contextmanager
    def _locked(self):
        RUN_ROOT.mkdir(parents=True, exist_ok=True)
        with open(self.places.lock, "w", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LabError(f"Another command is changing lab {self.places.lab}: wait until it is done.") from None
            yield


def _natural(name):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
