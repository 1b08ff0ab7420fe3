# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cgroup of its own for each host, in every tree the machine has: version 1, hybrid or version 2."""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from lab.places import Places

CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")


@dataclass(frozen=True)
class Tree:
    """One mounted cgroup hierarchy."""

    top: Path
    controllers: frozenset
    version: int

    @property
    def confined(self):
        """Whether a process must stay below the cgroup it is in; elsewhere the top outlives any login."""
        return self.version == 1 and "memory" in self.controllers

    def parent(self):
        """The directory below which the lab's cgroups are made."""
        return _own_cgroup(self) if self.confined else self.top


def trees():
    """The cgroup hierarchies mounted on the machine."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _dash, after = line.partition(" - ")
        top, (kind, _source, options) = Path(before.split()[4]), after.split()
        if kind == "cgroup2":
            found.setdefault("v2", Tree(top, frozenset(), 2))
        elif kind == "cgroup":
            names = frozenset(options.split(",")) - {"rw", "ro", "xattr"}
            found.setdefault(names, Tree(top, names, 1))
    return list(found.values())


def _own_cgroup(tree):
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _number, controllers, path = line.split(":", 2)
        if tree.controllers & set(controllers.split(",")):
            below = tree.top / path.lstrip("/")
            return below if below.is_dir() else tree.top
    return tree.top


@dataclass(frozen=True)
class Cgroups:
    """The cgroups of one lab."""

    places: Places

    def make(self, host):
        """Make the cgroup of a host in every tree; the files a process joins them by."""
        joins = []
        for tree in trees():
            lab = tree.parent() / self.places.tag
            leaf = lab / host
            leaf.mkdir(parents=True, exist_ok=True)
            if tree.version == 2:
                for directory in (tree.top, lab):
                    _hand_down_controllers(directory)
            elif "cpuset" in tree.controllers:
                for directory in (lab, leaf):
                    _copy_cpuset(directory)
            joins.append(leaf / "cgroup.procs")
        return joins

    def directories(self, host=None):
        """Where the lab's (or one host's) cgroups are, whoever made them."""
        found = []
        for tree in trees():
            if not tree.confined:
                found += [tree.top / self.places.tag] if (tree.top / self.places.tag).is_dir() else []
                continue
            for path, below, _files in os.walk(tree.top):
                if self.places.tag in below:
                    found.append(Path(path) / self.places.tag)
                # What is inside a lab is never searched: hosts make directories by the hundred.
                below[:] = [name for name in below if not name.startswith("shimops-")]
        return [path / host for path in found if (path / host).is_dir()] if host else found

    def hosts(self):
        """The hosts that have cgroups."""
        return sorted({entry.name for path in self.directories() for entry in path.iterdir() if entry.is_dir()})

    def pids(self, host=None):
        """The processes in the lab's (or one host's) cgroups."""
        found = set()
        for top in self.directories(host):
            for path, _below, _files in os.walk(top):
                with contextlib.suppress(OSError):
                    found.update(int(pid) for pid in (Path(path) / "cgroup.procs").read_text().split())
        return found

    def remove(self, host=None, patience=5.0):
        """Remove the lab's (or one host's) cgroups once their processes are gone."""
        deadline = time.monotonic() + patience
        while True:
            for top in self.directories(host):
                for path, _below, _files in os.walk(top, topdown=False):
                    with contextlib.suppress(OSError):
                        os.rmdir(path)
            if not self.directories(host) or time.monotonic() > deadline:
                return
            time.sleep(0.05)


def _hand_down_controllers(directory):
    for name in (directory / "cgroup.controllers").read_text(encoding="ascii").split():
        # One that cannot be handed down (realtime processes in the way) is done without.
        with contextlib.suppress(OSError):
            (directory / "cgroup.subtree_control").write_text(f"+{name}", encoding="ascii")


def _copy_cpuset(directory):
    for name in CPUSET_FILES:
        if not (directory / name).read_text(encoding="ascii").strip():
            (directory / name).write_text((directory.parent / name).read_text(encoding="ascii"), encoding="ascii")
