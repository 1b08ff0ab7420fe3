# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""apt: find, check and fetch one version of the package, without installing it. Internal to the collection.

A Repository of package_manager.py. A local directory is made into an apt source of its own, so that apt checks
dependencies and sums there too.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import List, Optional, Tuple
from urllib.parse import quote, unquote

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import command
from ansible_collections.shimops.containerd.plugins.module_utils._packages import dpkg, files, version
from ansible_collections.shimops.containerd.plugins.module_utils._packages.package_manager import (
    Change,
    Source,
    require_kept,
)

_CHANGE = re.compile(r"^(Inst|Remv) (\S+) (?:\[([^]]*)\] )?\((\S+)", re.MULTILINE)
_REMOVAL = re.compile(r"^Remv (\S+)", re.MULTILINE)
_URI = re.compile(r"^'([^']+)' (\S+) (\d+)", re.MULTILINE)
_CACHE = "/var/cache/apt/archives"
_FILE = re.compile(r"[A-Za-z0-9.+~_%:-]+\.deb")
_INSTALL = ["--assume-yes", "--no-install-recommends", "--allow-downgrades", "--allow-change-held-packages", "install"]


class Apt:
    """apt with everything it writes below one directory."""

    def __init__(self, room: str, source: Source, deadline: Deadline):
        self._room, self._deadline = room, deadline
        self.where = source.directory or source.repository or "the host's apt lists"
        self.archives = os.path.join(room, "archives")
        for name in ("archives/partial", "lists/partial"):
            os.makedirs(os.path.join(room, name), mode=0o700, exist_ok=True)
        settings = [
            'Dir::Cache::archives "{0}/";'.format(self.archives),
            'Dir::Cache::pkgcache "";',
            'Dir::Cache::srcpkgcache "";',
            'APT::Sandbox::User "root";',
            'APT::Keep-Downloaded-Packages "true";',
        ]
        line = source.repository
        if source.directory:
            self._index(source.directory)
            line = "deb [trusted=yes] copy:{0} ./".format(quote(os.path.join(room, "index")))
        if line:
            files.write(os.path.join(room, "sources.list"), (line + "\n").encode("utf-8"), 0o600)
            settings += [
                'Dir::Etc::SourceList "{0}/sources.list";'.format(room),
                'Dir::Etc::SourceParts "/dev/null";',
                'Dir::State::Lists "{0}/lists/";'.format(room),
            ]
        files.write(os.path.join(room, "apt.conf"), ("\n".join(settings) + "\n").encode("utf-8"), 0o600)
        if line or source.update:
            self._run("apt-get", ["--error-on=any", "update"], "reading the package lists failed")

    def version(self, package: str, wanted: str) -> str:
        """See Repository.version()."""
        said = self._run("apt-cache", ["madison", package], "looking for {0} failed".format(package))
        rows = [[part.strip() for part in line.split("|")] for line in said.splitlines()]
        there = [row[1] for row in rows if len(row) == 3 and row[2].endswith(" Packages")]
        return version.choose(wanted, there, package, self.where)

    def changes(self, package: str, exact: str, again: bool) -> List[Change]:
        """See Repository.changes()."""
        said = self._apt_get(["--simulate"], package, exact, again)
        require_kept(_REMOVAL.findall(said), package, exact, "apt")
        return [Change(name, old or None, new) for kind, name, old, new in _CHANGE.findall(said) if kind == "Inst"]

    def fetch(self, package: str, exact: str, again: bool) -> List[str]:
        """See Repository.fetch(). Sums are checked by apt."""
        wanted = _URI.findall(self._apt_get(["--print-uris"], package, exact, again))
        files.require_space([(os.path.dirname(self._room), sum(int(size) for _uri, _name, size in wanted))])
        self._apt_get(["--download-only"], package, exact, again)
        # apt leaves the files of a file: source where they are.
        for uri, name, _size in wanted:
            if uri.startswith("file:"):
                source = unquote(uri[len("file:") :])
                files.copy(re.sub("^/+", "/", source), os.path.join(self.archives, name), 0o600)
        return sorted(os.path.join(self.archives, name) for name in os.listdir(self.archives) if name.endswith(".deb"))

    def cached(self, package: str, exact: str) -> Optional[str]:
        """See Repository.cached()."""
        prefix = "{0}_{1}_".format(package, quote(exact, safe="+~").replace("%3A", "%3a"))
        for name in sorted(os.listdir(_CACHE)) if os.path.isdir(_CACHE) else ():
            if name.startswith(prefix) and name.endswith(".deb"):
                return os.path.join(_CACHE, name)
        return None

    def _apt_get(self, words: List[str], package: str, exact: str, again: bool) -> str:
        argv = words + (["--reinstall"] if again else []) + _INSTALL + ["{0}={1}".format(package, exact)]
        return self._run("apt-get", argv, "{0} {1} cannot be installed here".format(package, exact))

    def _run(self, program: str, words: List[str], what: str) -> str:
        argv = ["/usr/bin/env", "APT_CONFIG={0}/apt.conf".format(self._room), "DEBIAN_FRONTEND=noninteractive", program]
        said = command.run(argv + ["--quiet=2" if words[-1] == "update" else "--quiet=1"] + words, self._deadline)
        if said.code is None:
            raise ShimError("package", program, "did not end in time", "raise stage_timeout")
        if said.code != 0:
            raise ShimError("package", what, "({0})".format(_complaint(said)), "check the host's apt")
        return said.stdout

    def _index(self, directory: str) -> None:
        """An index of package files in a directory, as dpkg-scanpackages writes it; the host need not have that."""
        files.require_ours(directory, "directory")
        place = os.path.join(self._room, "index")
        os.makedirs(place, mode=0o700, exist_ok=True)
        entries = []
        for name in sorted(os.listdir(directory)):
            path = os.path.join(directory, name)
            # Other names could not be separated from what surrounds them in an index.
            if _FILE.fullmatch(name) and os.path.isfile(path) and not os.path.islink(path):
                size, digest = _sum(path)
                sentence = "Filename: ./{0}\nSize: {1}\nSHA256: {2}\n".format(name, size, digest)
                entries.append("{0}\n{1}".format(dpkg.control(path, self._deadline), sentence))
                os.symlink(path, os.path.join(place, name))
        if not entries:
            raise ShimError("package", "directory " + directory, "has no package files in it", "copy them there first")
        files.write(os.path.join(place, "Packages"), "\n".join(entries).encode("utf-8"), 0o600)


def _sum(path: str) -> Tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with files.opened(path) as stream:
        for block in iter(lambda: stream.read(1024 * 1024), b""):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def _complaint(said: command.Output) -> str:
    """The lines of apt that say what is wrong, in one."""
    lines = (said.stderr + "\n" + said.stdout).splitlines()
    sentence = [line for line in lines if line.startswith(("E:", "dpkg:")) or " : Depends: " in line]
    return " ".join(" ".join(sentence or lines[-2:]).split())[:300].rstrip(".")
