# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damage to the files of bundles, each on a container of its own."""

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import world

from lab import shims, workloads

RELEASES = ("1.6", "1.7", "2.1")
SHIM_PATH = "shim-binary-path"
#: Where a shim is started from whose file is removed afterwards, as a pruned data directory is.
PRUNED = "/opt/pruned/containerd-shim-runc-v2"
KEPT = "shimops-kept-"


def bootstrap(release):
    """The file of a bundle that a release reads."""
    return "bootstrap.json" if release == "2.1" else "address"


def _empty(path):
    path.write_bytes(b"")


def _garbled(path):
    path.write_bytes(path.read_bytes()[:9])


def _noise(path):
    path.write_bytes(b"\x00\xff\xfe{garbage\n" * 3)


def _line_break(path):
    path.write_text(_address(path) + "\n")


def _version(number):
    def change(path):
        path.write_text(json.dumps({"version": number, "address": _address(path), "protocol": "ttrpc"}))

    return change


def _nobody(path):
    path.write_text("unix:///run/containerd/s/nobody")


def _other_shim(path):
    own, other = (place / path.name for place in (path.parent, path.parent.parent / "plain2"))
    own.write_text(own.read_text().replace(_address(own), _address(other)))


def _directory(path):
    path.unlink()
    path.mkdir()
    (path / "inside").write_text("kept")


def _link(path):
    path.unlink()
    path.symlink_to("/nowhere")


def _appended(path):
    path.write_bytes(path.read_bytes() + b"\n")


def _prune(path):
    # Through the host's root: the bundle is five directories below it.
    (path.parents[5] / PRUNED.lstrip("/")).unlink()


@dataclass(frozen=True)
class Damage:
    """One damage: what it does to which file (the bootstrap file if none is named), and in which releases it kills."""

    do: object
    name: str | None = None
    releases: tuple = RELEASES


DAMAGES = {
    "missing": Damage(Path.unlink),
    "empty": Damage(_empty),
    "garbled": Damage(_garbled),
    "noise": Damage(_noise),
    "line-break": Damage(_line_break),
    # 1.6 takes the whole text for an address.
    "too-new": Damage(_version(9)),
    # 1.7 takes what is older than 2 for an address, and so do 2.x.
    "too-old": Damage(_version(1)),
    "nobody": Damage(_nobody),
    "other-shim": Damage(_other_shim),
    "directory": Damage(_directory),
    "link": Damage(_link),
    "path-line-break": Damage(_appended, SHIM_PATH),
    "path-pruned": Damage(_prune, SHIM_PATH),
}
#: Damage to tasks of pods: (pod, container) -> name.
PODS = {
    ("web1", "sandbox"): "missing",
    ("web1", "app"): "empty",
    ("web2", "app"): "garbled",
    ("web2", "sidecar"): "missing",
}


@dataclass(frozen=True)
class File:
    """What a file of a bundle is: its kind, content, mode, owner and group."""

    kind: str
    data: bytes
    mode: int
    owner: tuple


@dataclass
class Victim:
    """A task and what was done to it; ``before`` is the file as containerd wrote it, ``damaged`` as it was left."""

    key: tuple
    where: str
    damage: str
    name: str
    before: File
    damaged: File | None = None


@dataclass
class Hurt:
    """The victims of one host by key, and all of its tasks."""

    victims: dict = field(default_factory=dict)
    tasks: dict = field(default_factory=dict)

    def at(self, where):
        """The victim of that name, or of that pod and container (``web1/app``)."""
        return next(victim for victim in self.victims.values() if victim.where == where)


def hurt(host):
    """Start a container for each damage, note all tasks, and do it; also to the tasks of pods."""
    chosen = {name: one for name, one in DAMAGES.items() if host.release in one.releases}
    for name in chosen:
        runtime = ()
        if name == "path-pruned":
            host.script('mkdir -p "${2%/*}"; cp "$1" "$2"', f"/usr/bin/{shims.SHIM}", PRUNED)
            runtime = ("--runtime", PRUNED)
        start(host, name, runtime)
    done = Hurt(tasks=world.tasks(host))
    wanted = {("default", name): (name, name) for name in chosen}
    for pod in ("web1", "web2"):
        tasks = world.pod(host, pod)
        wanted.update({tasks[name]: (f"{pod}/{name}", what) for (where, name), what in PODS.items() if where == pod})
    for key, (where, what) in wanted.items():
        name = DAMAGES[what].name or bootstrap(host.release)
        victim = Victim(key, where, what, name, look(host, key, name))
        DAMAGES[what].do(place(host, key, name))
        victim.damaged = look(host, key, name)
        done.victims[key] = victim
    return done


def start(host, name, options=()):
    """Start a plain container with more options of ``ctr run``."""
    workloads.start_plain(host, name, options=options)


def place(host, key, name=""):
    """The path of a bundle or of a file in it, as the machine sees it."""
    return host.path(f"{shims.STATE}/{key[0]}/{key[1]}/{name}")


def look(host, key, name):
    """A file of a bundle; None when it is not there."""
    path = place(host, key, name)
    if not os.path.lexists(path):
        return None
    status = path.lstat()
    if path.is_symlink():
        return File("link", os.readlink(path).encode(), status.st_mode & 0o7777, (status.st_uid, status.st_gid))
    data = b"" if path.is_dir() else path.read_bytes()
    kind = "directory" if path.is_dir() else "file"
    return File(kind, data, status.st_mode & 0o7777, (status.st_uid, status.st_gid))


def _address(path):
    text = path.read_text()
    return json.loads(text)["address"] if text.startswith("{") else text


def listing(host):
    """Every entry of every bundle: inode, kind, size and when it was changed."""
    return host.script(f"cd {shims.STATE}; find . -xdev -mindepth 2 -maxdepth 3 -printf '%p %i %y %s %C@\\n' | sort")


def remove(path):
    """Remove what is there, whatever it is."""
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
