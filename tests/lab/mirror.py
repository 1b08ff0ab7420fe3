# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages from suites other than the machine's own, without touching the machine's apt."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from lab.command import run
from lab.errors import LabError

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SUITES = {"1.6": "bookworm", "1.7": "trixie", "2.1": "forky"}
#: Packages that are fetched and left to be installed by tests.
EXTRAS = {"runc": "forky"}
APT_SOURCES = Path("/etc/apt")


def releases():
    """The containerd release lines there are hosts for."""
    return list(SUITES)


def _deb822_entries(text):
    for stanza in re.split(r"\n\s*\n", text):
        fields, name = {}, None
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace() and name:
                fields[name] += " " + line.strip()
            elif ":" in line:
                name, _colon, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() != "no":
            for uri in fields.get("uris", "").split():
                yield uri, fields.get("suites", "").split(), fields.get("components", "").split()


def _classic_entries(text):
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[[^]]*]\s+)?(\S+)\s+(\S+)\s+([^#]+)", line)
        if match:
            yield match[1], [match[2]], match[3].split()


def machine_mirror(root=APT_SOURCES):
    """The mirror the machine's own apt takes Debian from."""
    entries = []
    for path in sorted([root / "sources.list", *root.glob("sources.list.d/*")]):
        if path.suffix == ".sources" and path.is_file():
            entries += _deb822_entries(path.read_text(encoding="utf-8"))
        elif path.suffix == ".list" and path.is_file():
            entries += _classic_entries(path.read_text(encoding="utf-8"))
    wanted = {*SUITES.values(), "stable", "testing", "sid"}
    found = [uri.rstrip("/") for uri, suites, components in entries if "main" in components and wanted & set(suites)]
    # Others than Debian use its suites' names too; a mirror of Debian ends in the archive's name.
    for uri in sorted(found, key=lambda uri: not uri.endswith("/debian")):
        return uri
    raise LabError("No Debian mirror in the machine's apt sources; name one with --mirror or SHIMOPS_MIRROR.")


def chosen_mirror(option=None):
    """The mirror to use: the option, the environment's word, or the machine's own."""
    return (option or os.environ.get("SHIMOPS_MIRROR") or machine_mirror()).rstrip("/")


@dataclass
class Suites:
    """Private package lists of the wanted suites, below one directory."""

    directory: Path
    mirror: str
    wanted: tuple

    def _apt(self):
        return [
            "-o",
            f"Dir::Etc::sourcelist={self.directory}/sources.list",
            "-o",
            "Dir::Etc::sourceparts=/dev/null",
            "-o",
            f"Dir::State::Lists={self.directory}/lists",
            "-o",
            f"Dir::Cache={self.directory}/cache",
            "-o",
            f"Dir::State::status={self.directory}/status",
            "-o",
            "APT::Sandbox::User=root",
        ]

    def update(self):
        """Fetch the lists: one small index per suite, nothing else."""
        for part in ("lists/partial", "cache/archives/partial"):
            (self.directory / part).mkdir(parents=True, exist_ok=True)
        (self.directory / "status").touch()
        lines = [f"deb [target=Packages signed-by={KEYRING}] {self.mirror} {SUITES[r]} main\n" for r in self.wanted]
        (self.directory / "sources.list").write_text("".join(lines), encoding="utf-8")
        run(["apt-get", *self._apt(), "update", "--error-on=any"], "Reading the package lists")

    def version(self, release):
        """The version of containerd of that release line in its suite."""
        found = run(["apt-cache", *self._apt(), "madison", "containerd"], "Looking for containerd")
        for line in found.splitlines():
            _name, version, source = (part.strip() for part in line.split("|"))
            if version.startswith(release + ".") and f" {SUITES[release]}/main " in source:
                return version
        suite = SUITES[release]
        raise LabError(f"Debian {suite} no longer has a containerd {release}: the lab needs another suite for it.")

    def closure(self, status, base, suite, packages):
        """Fetch packages of a suite with all that they need where the packages of that dpkg status are; the files.

        What they need comes from the suite ``base`` where that has it.
        """
        shutil.copy(status, self.directory / "status")
        pins = f"Package: *\nPin: release n={base}\nPin-Priority: 900\n\n"
        pins += f"Package: {' '.join(packages)}\nPin: release n={suite}\nPin-Priority: 990\n"
        (self.directory / "preferences").write_text(pins, encoding="utf-8")
        command = ["install", "--download-only", "--yes", "--no-install-recommends", *packages]
        place = ["-o", f"Dir::Etc::preferences={self.directory}/preferences"]
        run(["apt-get", *self._apt(), *place, *command], f"Downloading {' '.join(packages)}")
        return sorted((self.directory / "cache/archives").glob("*.deb"))

    def download(self, release, target):
        """Fetch the containerd package of that release line and put it at the path ``target``."""
        self._download(f"containerd={self.version(release)}", target)

    def download_extra(self, name, target):
        """Fetch one of EXTRAS and put it at the path ``target``."""
        self._download(f"{name}/{EXTRAS[name]}", target)

    def _download(self, what, target):
        room = self.directory / f"download-{target.name}"
        room.mkdir()
        run(["apt-get", *self._apt(), "download", what], f"Downloading {what}", cwd=room)
        (package,) = room.glob("*.deb")
        shutil.move(package, target)
