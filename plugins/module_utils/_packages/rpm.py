# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""rpm: what it has installed, and installing without a service being restarted. Internal to the collection.

A Database of package_manager.py.
"""

from __future__ import annotations

import contextlib
import os
from typing import Dict, Iterator, List, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import command
from ansible_collections.shimops.containerd.plugins.module_utils._packages import cpio, files
from ansible_collections.shimops.containerd.plugins.module_utils._packages.package_manager import File, Package

# An epoch is part of a version where there is one, as dnf prints it.
_FORM = "%{NAME} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE} %{LONGSIZE}\n"
# systemctl then enables and disables units, and starts, stops and restarts none (systemctl(1), SYSTEMD_OFFLINE).
_ENVIRONMENT = ["SYSTEMD_OFFLINE=1", "NEEDRESTART_SUSPEND=1"]
# How long a package's scripts may take before they are left alone, in seconds.
_PATIENCE = 600


def owner(path: str, deadline: Deadline) -> Optional[str]:
    """See Database.owner()."""
    said = command.run(["rpm", "--query", "--file", "--queryformat", "%{NAME}\n", path], deadline)
    return said.stdout.split()[0] if said.code == 0 and said.stdout.strip() else None


def package(name: str, deadline: Deadline) -> Optional[Package]:
    """See Database.package()."""
    said = command.run(["rpm", "--query", "--queryformat", _FORM, "--", name], deadline)
    words = said.stdout.split()
    return Package(words[0], words[1], True) if said.code == 0 and len(words) == 3 else None


def described(path: str, deadline: Deadline) -> File:
    """See Database.described()."""
    said = command.run(["rpm", "--query", "--queryformat", _FORM, "--package", path], deadline)
    words = said.stdout.split()
    if said.code != 0 or len(words) != 3 or not words[2].isdigit():
        raise ShimError("package", path, "is not a package file of rpm", "bring it again")
    return File(words[0], words[1], int(words[2]))


def obsoletes(path: str, deadline: Deadline) -> List[str]:
    """The names of packages that a package file takes the place of."""
    said = command.run(["rpm", "--query", "--queryformat", "[%{OBSOLETENAME}\n]", "--package", path], deadline)
    return said.stdout.split() if said.code == 0 else []


def extract(path: str, wanted: Dict[str, str]) -> List[str]:
    """See Database.extract()."""
    found = []
    try:
        with files.piped(["rpm2cpio", path]) as stream:
            for member in cpio.members(stream):
                inside = os.path.normpath(member.name).lstrip("/")
                if member.regular and inside in wanted:
                    files.write_stream(wanted[inside], member.content, 0o755)
                    found.append(inside)
    except ValueError as error:
        raise ShimError("package", path, "cannot be read ({0})".format(error), "bring it again") from error
    return found


@contextlib.contextmanager
def undisturbed(deadline: Deadline) -> Iterator[None]:
    """See Database.undisturbed().

    rpm takes its lock itself and waits for it without end, so it is only waited for here.
    """
    said = command.run(["rpm", "--eval", "%{?_rpmlock_path}%{!?_rpmlock_path:%{_dbpath}/.rpm.lock}"], deadline)
    path = said.stdout.strip()
    if not path:
        raise ShimError("package", "rpm", "does not say where its lock is", "look at rpm's database")
    with files.locked(path, 0o644, "look at rpm's database", deadline):
        pass
    yield


def install(paths: List[str]) -> None:
    """See Database.install(). Raises ShimError with what rpm said."""
    words = ["rpm", "--upgrade", "--oldpackage", "--replacepkgs"]
    try:
        command.complete(["/usr/bin/env"] + _ENVIRONMENT + words + paths, "package", "rpm --upgrade", _PATIENCE)
    finally:
        # What the scripts of a package would have asked systemd for.
        command.run(["systemctl", "daemon-reload"], Deadline(30))


def finish(deadline: Deadline) -> None:
    """See Database.finish(): rpm leaves nothing for later."""
