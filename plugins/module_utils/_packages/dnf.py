# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""dnf: find, check and fetch one version of the package, without installing it. Internal to the collection.

A Repository of package_manager.py. What dnf fetched is what it would install, and all that it prints is read of that.
"""

from __future__ import annotations

import glob
import os
from typing import Dict, List, Optional, Tuple
from urllib.parse import quote

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import command
from ansible_collections.shimops.containerd.plugins.module_utils._packages import files, rpm, version
from ansible_collections.shimops.containerd.plugins.module_utils._packages.package_manager import (
    Change,
    Source,
    require_kept,
)

_OURS = "shimops"
_CACHE = "/var/cache/dnf"


class Dnf:
    """dnf with everything it writes below one directory."""

    def __init__(self, room: str, source: Source, deadline: Deadline):
        self._room, self._deadline = room, deadline
        self._fetched: Dict[Tuple[str, str, bool], List[str]] = {}
        self.where = source.directory or source.repository or "the host's dnf repositories"
        self._options = [
            "--setopt=cachedir={0}/cache".format(room),
            "--setopt=logdir={0}".format(room),
            "--setopt=install_weak_deps=False",
            "--setopt=excludepkgs=",
        ]
        if source.directory:
            _require_index(source.directory)
            self._add("file://" + quote(os.path.realpath(source.directory)))
            # Only root writes there.
            self._options.append("--setopt={0}.gpgcheck=0".format(_OURS))
        elif source.repository:
            self._add(source.repository)
        elif not source.update:
            self._options.append("--setopt=metadata_expire=-1")

    def _add(self, url: str) -> None:
        """Use this repository alone."""
        self._options += ["--repofrompath={0},{1}".format(_OURS, url), "--repo={0}".format(_OURS)]
        # One that cannot be read is not an empty one.
        self._options.append("--setopt={0}.skip_if_unavailable=0".format(_OURS))

    def version(self, package: str, wanted: str) -> str:
        """See Repository.version()."""
        words = ["repoquery", "--queryformat", "%{evr}\n", package]
        there = self._run(words, "looking for {0} failed".format(package)).split()
        return version.choose(wanted, [one[2:] if one.startswith("0:") else one for one in there], package, self.where)

    def changes(self, package: str, exact: str, again: bool) -> List[Change]:
        """See Repository.changes()."""
        changes = []
        for path in self.fetch(package, exact, again):
            found = rpm.described(path, self._deadline)
            there = rpm.package(found.package, self._deadline)
            others = [name for name in rpm.obsoletes(path, self._deadline) if name != found.package]
            removed = [name for name in others if rpm.package(name, self._deadline)]
            require_kept(removed, package, exact, "dnf")
            changes.append(Change(found.package, there.version if there else None, found.version))
        return changes

    def fetch(self, package: str, exact: str, again: bool) -> List[str]:
        """See Repository.fetch()."""
        key = (package, exact, again)
        if key not in self._fetched:
            self._fetched[key] = self._download(package, exact, again)
        return self._fetched[key]

    def cached(self, package: str, exact: str) -> Optional[str]:
        """See Repository.cached()."""
        plain = exact.rpartition(":")[2]
        name = "{0}-{1}.*.rpm".format(glob.escape(package), glob.escape(plain))
        found = sorted(glob.glob(os.path.join(_CACHE, "*", "packages", name)))
        return found[0] if found else None

    def _download(self, package: str, exact: str, again: bool) -> List[str]:
        there = rpm.package(package, self._deadline)
        here = there is not None and there.version == exact
        if here and not again:
            return []
        # What is installed in that version is only fetched as a reinstallation.
        verb = "reinstall" if here else "install"
        words = ["repoquery", "--queryformat", "%{downloadsize}\n", "{0}-{1}".format(package, exact)]
        sizes = [int(one) for one in self._run(words, "looking for {0} failed".format(package)).split()]
        files.require_space([(os.path.dirname(self._room), max(sizes + [0]))])
        target = os.path.join(self._room, "{0}-{1}".format(verb, quote(exact, safe="+~")))
        files.make_room(target)
        words = ["--assumeyes", "--downloadonly", "--destdir={0}".format(target), verb]
        self._run(words + ["{0}-{1}".format(package, exact)], "{0} {1} cannot be installed here".format(package, exact))
        return sorted(os.path.join(target, name) for name in os.listdir(target) if name.endswith(".rpm"))

    def _run(self, words: List[str], what: str) -> str:
        said = command.run(["dnf", "--quiet"] + self._options + words, self._deadline)
        if said.code is None:
            raise ShimError("package", "dnf", "did not end in time", "raise stage_timeout")
        if said.code != 0:
            raise ShimError("package", what, "({0})".format(_complaint(said)), "check the host's dnf")
        return said.stdout


def _require_index(directory: str) -> None:
    """Refuse a directory that is no repository; one of root's alone."""
    files.require_ours(directory, "directory")
    if not os.path.isfile(os.path.join(directory, "repodata", "repomd.xml")):
        raise ShimError(
            "package", "directory " + directory, "has no repodata in it", "make it with createrepo_c, and copy both"
        )


def _complaint(said: command.Output) -> str:
    """The lines of dnf that say what is wrong, in one."""
    lines = [line.strip() for line in (said.stderr + "\n" + said.stdout).splitlines() if line.strip()]
    wrong = [line for line in lines if line.startswith(("Error", "Problem", "- ", "No match"))]
    return " ".join(" ".join(wrong or lines[-2:]).split())[:300].rstrip(".")
