# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Managers: the package managers there are, and whose a program is. Internal to the collection."""

from __future__ import annotations

from typing import Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._packages import dpkg, rpm
from ansible_collections.shimops.containerd.plugins.module_utils._packages.apt import Apt
from ansible_collections.shimops.containerd.plugins.module_utils._packages.dnf import Dnf
from ansible_collections.shimops.containerd.plugins.module_utils._packages.package_manager import Manager

ALL = (Manager("apt", dpkg, Apt), Manager("dnf", rpm, Dnf))


def of_kind(kind: str) -> Optional[Manager]:
    """The package manager of a plan; None for a plan of another kind."""
    return next((one for one in ALL if one.kind == kind), None)


def of_program(path: str, deadline: Deadline) -> Tuple[Optional[Manager], Optional[str]]:
    """The package manager that installed a program, and its package; None and None for a program of no package."""
    for one in ALL:
        owner = one.database.owner(path, deadline)
        if owner:
            return one, owner
    return None, None


def of_package(name: str, deadline: Deadline) -> Manager:
    """The package manager of a package that was named for a program of no package: whose it is, else the first."""
    return next((one for one in ALL if one.database.package(name, deadline)), ALL[0])
