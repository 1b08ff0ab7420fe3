# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages for lab hosts: real ones, the same with something wrong with them, and tarballs as upstream makes them."""

import hashlib
import shutil
import subprocess
import tarfile

from lab.base import Cache

#: Where the tests put package files on a host.
DIRECTORY = "/srv/packages"

# Fails to be set up as long as a file is there.
FAILS = """#!/bin/sh
[ "$1" != configure ] || [ ! -e /run/lab-fails ] || { echo "lab: cannot be set up" >&2; exit 3; }
exit 0
"""


def deb(release):
    """The containerd package of that release line, on the machine."""
    return Cache().package(release)


def cached(host, name):
    """The package file of what is installed on a host, as the lab's base was made from it."""
    installed = host.script(f"dpkg-query -W -f '${{Version}}' {name}")
    (path,) = (Cache().root / "debs").glob(f"{name}_{installed.replace(':', '%3a')}_*.deb")
    return path


def newer_runc():
    """A package of runc that is newer than any host's."""
    return Cache().extra("runc")


def version(path):
    """The version in a package file."""
    return subprocess.check_output(["dpkg-deb", "--field", path, "Version"], text=True).strip()


def put(host, *paths, directory=DIRECTORY):
    """Put these package files, and no other, into a directory of a host."""
    host.script('rm -rf "$1"; mkdir -p "$1"', directory)
    for path in paths:
        shutil.copy(path, host.path(f"{directory}/{path.name}"))


def index(host, directory=DIRECTORY):
    """Make the directory an apt repository."""
    entries = []
    for path in sorted(host.path(directory).glob("*.deb")):
        control = subprocess.check_output(["dpkg-deb", "--field", path], text=True)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        entries.append(f"{control}Filename: ./{path.name}\nSize: {path.stat().st_size}\nSHA256: {digest}\n")
    host.path(f"{directory}/Packages").write_text("\n".join(entries), encoding="utf-8")


def _changed(place, release, suffix, change):
    """A package of that release line with something changed in it, and a version of its own."""
    tree, made = place / f"{release}{suffix}", place / f"containerd-{release}{suffix}.deb"
    subprocess.run(["dpkg-deb", "--raw-extract", deb(release), tree], check=True)
    control = tree / "DEBIAN/control"
    lines = [line + suffix if line.startswith("Version: ") else line for line in control.read_text().splitlines()]
    control.write_text("\n".join(lines) + "\n")
    change(tree)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, made], check=True, capture_output=True)
    shutil.rmtree(tree)
    return made


def crashing(place, release):
    """One whose unit starts containerd with an option that it does not have, so that it ends at once, always."""

    def change(tree):
        (unit,) = tree.glob("usr/lib/systemd/system/containerd.service")
        text = unit.read_text()
        assert "ExecStart=/usr/bin/containerd\n" in text
        unit.write_text(
            text.replace("ExecStart=/usr/bin/containerd\n", "ExecStart=/usr/bin/containerd --lab-nonsense\n")
        )

    return _changed(place, release, "+lab.crashes", change)


def failing(place, release):
    """One that cannot be set up while /run/lab-fails is there."""

    def change(tree):
        (tree / "DEBIAN/preinst").unlink(missing_ok=True)
        (tree / "DEBIAN/postinst").write_text(FAILS)

    return _changed(place, release, "+lab.fails", change)


def containerd_io(place, release, runc):
    """Docker's own package: the containerd of that release line, and the runc of another package file."""

    def change(tree):
        subprocess.run(["dpkg-deb", "--extract", runc, tree], check=True)
        control = tree / "DEBIAN/control"
        own = [line for line in control.read_text().splitlines() if not line.startswith(("Package: ", "Depends: "))]
        version = next(line.partition(": ")[2] for line in own if line.startswith("Version: "))
        more = ["Package: containerd.io", f"Provides: containerd (= {version}), runc (= 1.3)"]
        more += [f"{word}: containerd, runc" for word in ("Conflicts", "Replaces")]
        control.write_text("\n".join([*more, *own]) + "\n")

    made = _changed(place, release, "+lab.io", change)
    return made.rename(made.with_name(f"containerd.io-{release}.deb"))


def tarball(place, release):
    """The programs of that release as upstream ships them; the path and the SHA-256."""
    tree, made = place / f"tree-{release}", place / f"containerd-{release}.tar.gz"
    subprocess.run(["dpkg-deb", "--extract", deb(release), tree], check=True)
    with tarfile.open(made, "w:gz", compresslevel=1) as archive:
        archive.add(tree / "usr/bin", arcname="bin")
    shutil.rmtree(tree)
    return made, hashlib.sha256(made.read_bytes()).hexdigest()
