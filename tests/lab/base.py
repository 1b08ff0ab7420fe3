# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cached root file systems of the hosts: a base for each Debian, and an overlay layer for what is on top of it."""

import concurrent.futures
import contextlib
import fcntl
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import time
from pathlib import Path

from lab import mirror, recipe
from lab.command import contained, run, stop_all
from lab.kinds import ALL, KINDS, SYSTEMS, line, system
from lab.places import cache_root

PARTIAL = ".partial-"


def recipe_key():
    """A name for the recipe: another recipe gets another cache."""
    digest = hashlib.sha256(os.uname().machine.encode() + json.dumps([mirror.SUITES, mirror.EXTRAS, SYSTEMS]).encode())
    for source in (__file__, recipe.__file__):
        digest.update(Path(source).read_bytes())
    return digest.hexdigest()[:12]


@contextlib.contextmanager
def _locked(cache):
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Cache:
    """Base, layers and packages of this recipe; whatever is there under its own name is whole."""

    def __init__(self):
        self.root = cache_root()
        self.directory = self.root / recipe_key()

    def layers(self, kind):
        """The overlay's lower directories for a host of that kind, topmost first."""
        if kind in KINDS:
            return [self._layer(kind), *self.layers(KINDS[kind].base)]
        base = self._base(system(kind))
        return [base] if line(kind) == SYSTEMS[system(kind)] else [self._layer(kind), base]

    def package(self, kind):
        """The containerd package of that kind's release line, as a file on the machine."""
        return self.directory / f"containerd-{line(kind)}.deb"

    def extra(self, name):
        """The package of that name of mirror.EXTRAS, as a file on the machine."""
        return self.directory / f"{name}.deb"

    def _base(self, suite):
        return self.directory / f"base-{suite}"

    @staticmethod
    def _lines(wanted):
        """The release lines whose packages these kinds of hosts need."""
        carried = [one for kind in wanted if kind in KINDS for one in KINDS[kind].carries]
        return list(dict.fromkeys([*map(line, wanted), *carried]))

    @staticmethod
    def _extras(wanted):
        """The other packages that these kinds of hosts need."""
        return list(dict.fromkeys(name for kind in wanted if kind in KINDS for name in KINDS[kind].extras))

    def _layer(self, kind):
        return self.directory / (f"layer-{kind}-{KINDS[kind].key}" if kind in KINDS else f"layer-{kind}")

    def missing(self, wanted):
        """What has to be built or fetched before hosts of these kinds can start."""
        parts = [self.package(release) for release in self._lines(wanted)]
        parts += map(self.extra, self._extras(wanted))
        for kind in wanted:
            parts += self.layers(kind)
        return [part for part in dict.fromkeys(parts) if not part.exists()]

    def prepare(self, wanted, url, say):
        """Build and fetch what is missing; safe against other labs and against being interrupted."""
        if not self.missing(wanted):
            return
        with _locked(self.root):
            missing = self.missing(wanted)
            self.directory.mkdir(exist_ok=True)
            # The lock is ours, so anything half done was left by a build that was cut short.
            for leftover in self.directory.glob(PARTIAL + "*"):
                shutil.rmtree(leftover)
            with tempfile.TemporaryDirectory(prefix=PARTIAL, dir=self.directory) as room:
                self._build(missing, wanted, url, Path(room), say)

    def _build(self, missing, wanted, url, room, say):
        first = [(self._build_base, suite, url, room, say) for suite in SYSTEMS if self._base(suite) in missing]
        lines = self._lines(wanted)
        absent = [release for release in lines if self.package(release) in missing]
        extras = [name for name in self._extras(wanted) if self.extra(name) in missing]
        if absent or extras:
            first.append((self._fetch_packages, absent, extras, url, room, say))
        releases = [kind for kind in ALL if kind not in KINDS]
        then = [(self._build_layer, kind, room, say) for kind in releases if self._layer(kind) in missing]
        last = [(self._build_kind, kind, url, room, say) for kind in KINDS if self._layer(kind) in missing]
        for jobs in (first, then, last):
            _together(jobs)

    def _fetch_packages(self, wanted, extras, url, room, say):
        suites = mirror.Suites(room / "apt", url, tuple(mirror.SUITES))
        suites.update()
        for name in extras:
            suites.download_extra(name, room / f"{name}.deb")
            os.rename(room / f"{name}.deb", self.extra(name))
        for release in wanted:
            suites.download(release, room / f"{release}.deb")
            os.rename(room / f"{release}.deb", self.package(release))
            say(f"packages: containerd {suites.version(release)} from {mirror.SUITES[release]}")

    def _build_base(self, suite, url, room, say):
        say(f"base: building Debian {suite}")
        started = time.monotonic()
        target = room / f"base-{suite}"
        _write_files(target, recipe.DPKG_CONFIG)
        debs = self.root / "debs"
        debs.mkdir(exist_ok=True)
        contained(
            [
                "debootstrap",
                "--variant=minbase",
                f"--cache-dir={debs}",
                f"--keyring={mirror.KEYRING}",
                f"--include={','.join((*recipe.PACKAGES, *recipe.MORE_PACKAGES.get(suite, ())))}",
                suite,
                target,
                url,
            ],
            f"Building Debian {suite} with debootstrap",
        )
        for path in target.glob("etc/ssh/ssh_host_*"):
            path.unlink()
        _write_files(target, recipe.FILES)
        _write_files(target, {recipe.CONTAINERD_CONFIG: recipe.CONTAINERD_CONFIGS[SYSTEMS[suite]]})
        for name in recipe.EXECUTABLE:
            (target / name[1:]).chmod(0o755)
        units = ["systemctl", f"--root={target}"]
        run([*units, "mask", *recipe.MASKED_UNITS], "Masking units")
        run([*units, "enable", "shimops-lab-cgroups.service"], "Enabling a unit")
        _make_rootfs(target)
        _make_archive(target)
        os.rename(target, self._base(suite))
        say(f"base: Debian {suite} built in {time.monotonic() - started:.0f} s")

    def _build_layer(self, kind, room, say):
        upper, work, root = (room / f"{part}-{kind}" for part in ("upper", "work", "root"))
        for path in (upper, work, root):
            path.mkdir()
        script = (
            'set -e; mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"; '
            'cp "$5" "$4/new.deb"; chroot "$4" dpkg --install /new.deb; rm "$4/new.deb"; umount "$4"'
        )
        contained(
            ["sh", "-c", script, "layer", self._base(system(kind)), upper, work, root, self.package(kind)],
            f"Installing containerd {kind} into its layer",
            env={"DEBIAN_FRONTEND": "noninteractive"},
        )
        _write_files(upper, {recipe.CONTAINERD_CONFIG: recipe.CONTAINERD_CONFIGS[line(kind)]})
        os.rename(upper, self._layer(kind))
        say(f"layer {kind}: built")

    def _build_kind(self, kind, url, room, say):
        """What is installed on top of a release line; none of its services is started with the host."""
        made = KINDS[kind]
        lower = self.layers(made.base)
        suites = mirror.Suites(room / f"apt-{kind}", url, tuple(mirror.SUITES))
        suites.update()
        status = next(one for one in (layer / "var/lib/dpkg/status" for layer in lower) if one.exists())
        debs = suites.closure(status, system(kind), made.suite, made.packages)
        upper, work, root = (room / f"{part}-{kind}" for part in ("upper", "work", "root"))
        for path in (upper, work, root, upper / "debs", upper / "carried"):
            path.mkdir()
        carried = [*map(self.package, made.carries), *map(self.extra, made.extras)]
        for place, files in (("debs", debs), ("carried", carried)):
            for deb in files:
                shutil.copy(deb, upper / place)
        script = (
            'set -e; mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"; '
            'chroot "$4" sh -euc "dpkg --install /debs/*.deb; $setup"; rm -r "$4/debs" "$4/carried"; shift 4; '
        )
        script += '[ "$#" = 0 ] || systemctl --root="$root" mask "$@"; umount "$root"'
        contained(
            ["sh", "-c", script, "kind", ":".join(map(str, lower)), upper, work, root, *made.units],
            f"Installing {' '.join(made.packages)} into a layer",
            env={"DEBIAN_FRONTEND": "noninteractive", "root": str(root), "setup": made.script},
        )
        # Taking a package away takes its configuration, too.
        _write_files(upper, {recipe.CONTAINERD_CONFIG: recipe.CONTAINERD_CONFIGS[line(kind)], **made.files})
        os.rename(upper, self._layer(kind))
        say(f"layer {kind}: built")


def _together(jobs):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        try:
            for job in concurrent.futures.as_completed([pool.submit(*job) for job in jobs]):
                job.result()
        except BaseException:
            # One failure or control-C ends the others too, instead of waiting for them.
            stop_all()
            raise


def _write_files(root, files):
    for name, text in files.items():
        path = root / name[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        # Debian ships links to files of the running system here; replace them, never write through them.
        path.unlink(missing_ok=True)
        path.write_text(text, encoding="utf-8")


def _make_rootfs(target):
    rootfs = target / recipe.ROOTFS[1:]
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
        (rootfs / name).mkdir(parents=True)
    shutil.copy2(target / "bin/busybox", rootfs / "bin/busybox")
    for applet in recipe.APPLETS:
        (rootfs / "bin" / applet).symlink_to("busybox")


def _make_archive(target):
    """Write an image archive in the OCI layout: one layer, which serves as pause image and as workload."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.add(target / recipe.ROOTFS[1:], arcname=".")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    blobs = {}

    def blob(kind, data):
        digest = hashlib.sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(data)}

    entry = blob("layer.v1.tar", layer.getvalue())
    config = blob(
        "config.v1+json",
        json.dumps(
            {
                "architecture": machine,
                "os": "linux",
                "config": {"Cmd": ["/bin/sleep", "100000"]},
                "rootfs": {"type": "layers", "diff_ids": [entry["digest"]]},
            }
        ).encode(),
    )
    manifest = blob(
        "manifest.v1+json",
        json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": config,
                "layers": [entry],
            }
        ).encode(),
    )
    manifest["annotations"] = {"io.containerd.image.name": recipe.IMAGE}
    files = {
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "index.json": json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode(),
        **blobs,
    }
    with tarfile.open(target / recipe.ARCHIVE[1:], "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
