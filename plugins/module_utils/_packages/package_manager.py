# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Package manager: what an upgrade needs of one. Pure. Internal to the collection.

A new one is two files, as dpkg.py and apt.py or rpm.py and dnf.py, and a row in managers.py.
"""

from __future__ import annotations

from typing import ContextManager, Dict, List, NamedTuple, Optional, Protocol

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError


class Package(NamedTuple):
    """An installed package. ``whole`` is false for one that could not be set up."""

    name: str
    version: str
    whole: bool


class File(NamedTuple):
    """What a package file says of itself; ``size`` is what it takes when it is installed, in bytes."""

    package: str
    version: str
    size: int


class Change(NamedTuple):
    """One package the transaction would change; ``old`` is None for a new one."""

    name: str
    old: Optional[str]
    new: str


class Source(NamedTuple):
    """Where packages come from: a directory of package files, another repository, or what the host is set up for.

    ``repository`` is an apt source line, or the URL of a dnf repository.
    """

    directory: Optional[str] = None
    repository: Optional[str] = None
    update: bool = False


def require_kept(removed: List[str], package: str, exact: str, manager: str) -> None:
    """Refuse a transaction that would remove packages; raises ShimError.

    :param removed: their names.
    :param manager: the program with which that can be solved first.
    """
    if removed:
        subject = "{0} {1}".format(package, exact)
        problem = "would remove {0}".format(", ".join(removed))
        raise ShimError("package", subject, problem, "solve that with {0} first".format(manager))


class Database(Protocol):
    """The packages that are installed on the host. Every function that takes a path or installs raises ShimError."""

    def owner(self, path: str, deadline: Deadline) -> Optional[str]:
        """The package that a file belongs to; None when it belongs to none, or there is no such package manager."""

    def package(self, name: str, deadline: Deadline) -> Optional[Package]:
        """An installed package; None when it is not installed."""

    def described(self, path: str, deadline: Deadline) -> File:
        """What a package file is."""

    def extract(self, path: str, wanted: Dict[str, str]) -> List[str]:
        """Take programs out of a package file, to try them without installing anything; gives those that are in it.

        :param wanted: by the path below the root, such as usr/bin/containerd, where to write it.
        """

    def undisturbed(self, deadline: Deadline) -> ContextManager[None]:
        """Within this no other package manager works on the host, and no package restarts a service."""

    def install(self, paths: List[str]) -> None:
        """Install package files together, also over a newer release; within undisturbed(). Nothing is killed."""

    def finish(self, deadline: Deadline) -> None:
        """Do what an installation left for later; within undisturbed()."""


class Repository(Protocol):
    """Where packages come from, with everything that is written on the way below one directory."""

    where: str

    def version(self, package: str, wanted: str) -> str:
        """The one version of the package that is meant; raises ShimError."""

    def changes(self, package: str, exact: str, again: bool) -> List[Change]:
        """What installing it would change, dependencies checked. Raises ShimError when it would remove something.

        :param again: the package is to be installed even if that version is there.
        """

    def fetch(self, package: str, exact: str, again: bool) -> List[str]:
        """Fetch the package and what it needs; the paths of the package files. Raises ShimError, first for room."""

    def cached(self, package: str, exact: str) -> Optional[str]:
        """The package file as it was kept when the release was installed, or None."""


class NewRepository(Protocol):
    """How a repository is opened."""

    def __call__(self, room: str, source: Source, deadline: Deadline) -> Repository:
        """The repository, read; raises ShimError when it cannot be."""


class Manager(NamedTuple):
    """One package manager; ``kind`` is its name in a plan."""

    kind: str
    database: Database
    repository: NewRepository
