# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""dpkg: what it has installed, and installing without anybody coming between. Internal to the collection.

A Database of package_manager.py.
"""

from __future__ import annotations

import contextlib
import os
import tarfile
from typing import Dict, Iterator, List, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import command
from ansible_collections.shimops.containerd.plugins.module_utils._packages import files, policy
from ansible_collections.shimops.containerd.plugins.module_utils._packages.package_manager import File, Package

_LOCK = "/var/lib/dpkg/lock-frontend"
# No question is asked: a changed conffile stays, one that nobody changed follows the package.
_OPTIONS = ["--force-confdef", "--force-confold", "--force-downgrade"]
_ENVIRONMENT = ["DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1", "DPKG_FRONTEND_LOCKED=1"]
# How long a package's scripts may take before they are left alone, in seconds.
_PATIENCE = 600


def owner(path: str, deadline: Deadline) -> Optional[str]:
    """See Database.owner()."""
    said = command.run(["dpkg-query", "--search", "--", path], deadline)
    if said.code != 0:
        return None
    # Diversions are reported in lines of their own.
    lines = [line for line in said.stdout.splitlines() if not line.startswith("diversion")]
    return lines[0].rpartition(": ")[0].split(",")[0].split(":")[0] if lines else None


def package(name: str, deadline: Deadline) -> Optional[Package]:
    """See Database.package()."""
    form = "${db:Status-Status} ${Version}\n"
    said = command.run(["dpkg-query", "--show", "--showformat", form, "--", name], deadline)
    words = said.stdout.split()
    if said.code != 0 or len(words) != 2 or words[0] in ("not-installed", "config-files"):
        return None
    return Package(name, words[1], words[0] == "installed")


def described(path: str, deadline: Deadline) -> File:
    """See Database.described()."""
    said = command.run(["dpkg-deb", "--field", path], deadline)
    found: Dict[str, str] = dict(
        line.split(": ", 1) for line in said.stdout.splitlines() if ": " in line and line[0] != " "
    )
    if said.code != 0 or not {"Package", "Version", "Architecture"}.issubset(found):
        raise ShimError("package", path, "is not a package file of dpkg", "bring it again")
    return File(found["Package"], found["Version"], 1024 * int(found.get("Installed-Size", 0)))


def control(path: str, deadline: Deadline) -> str:
    """The control file of a package file, as an index of packages wants it."""
    return command.run(["dpkg-deb", "--field", path], deadline).stdout.rstrip("\n")


def extract(path: str, wanted: Dict[str, str]) -> List[str]:
    """See Database.extract()."""
    found = []
    with files.piped(["dpkg-deb", "--fsys-tarfile", path]) as stream:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                inside = os.path.normpath(member.name)
                if member.isreg() and inside in wanted:
                    files.write_stream(wanted[inside], archive.extractfile(member), 0o755)
                    found.append(inside)
    return found


@contextlib.contextmanager
def undisturbed(deadline: Deadline) -> Iterator[None]:
    """See Database.undisturbed(): the lock of package managers, which unattended upgrades and apt wait for."""
    # As apt does; dpkg itself is not kept out, as it gets DPKG_FRONTEND_LOCKED.
    with files.locked(_LOCK, 0o640, "look at dpkg's directory", deadline), policy.denied():
        yield


def install(paths: List[str]) -> None:
    """See Database.install(). Raises ShimError with what dpkg said."""
    # Triggers, such as those of man-db, wait until containerd was restarted.
    argv = ["/usr/bin/env"] + _ENVIRONMENT + ["dpkg"] + _OPTIONS + ["--no-triggers", "--install"] + paths
    command.complete(argv, "package", "dpkg --install", _PATIENCE)


def finish(deadline: Deadline) -> None:
    """See Database.finish(): the triggers."""
    command.run(["/usr/bin/env"] + _ENVIRONMENT + ["dpkg", "--triggers-only", "--pending"], deadline)
