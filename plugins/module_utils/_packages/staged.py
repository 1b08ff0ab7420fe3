# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Staged: one release of containerd on the disk of a host, ready to be installed. Internal to the collection.

A directory of root's alone with the files and, written last, plan.json: without it the directory is half done.
"""

from __future__ import annotations

import json
import os
import re
from typing import List, NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._packages import files

SCHEMA = 1
PLAN = "plan.json"
KINDS = ("apt", "dnf", "tarball", "nothing")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~_%:-]{0,199}")
_LARGEST_PLAN = 64 * 1024


class Staged(NamedTuple):
    """What will be installed.

    ``kind`` is apt, dnf, tarball, or nothing when it is on the disk already. ``release`` is containerd's own,
    ``version`` the package's. ``files`` are names in ``directory``. ``executable`` is where containerd will be found.
    ``config`` is the name of a configuration in ``directory`` that takes the place of ``config_path``, or None.
    """

    directory: str
    kind: str
    release: str
    version: str
    package: Optional[str]
    files: Tuple[str, ...]
    executable: str
    config_path: Optional[str] = None
    config: Optional[str] = None

    def paths(self) -> List[str]:
        """The files with their directory."""
        return [os.path.join(self.directory, name) for name in self.files]


def save(plan: Staged) -> None:
    """Write the plan; from then on the directory is whole."""
    data = dict(plan._asdict(), schema=SCHEMA, files=list(plan.files))
    del data["directory"]
    files.write(os.path.join(plan.directory, PLAN), json.dumps(data, indent=1, sort_keys=True).encode("utf-8"), 0o600)


def load(directory: str) -> Staged:
    """The plan of a staged release; raises ShimError when there is none, or it cannot be trusted."""
    path = os.path.join(directory, PLAN)
    if not os.path.lexists(path):
        raise ShimError("package", path, "is not there", "stage the release first with containerd_package")
    files.require_ours(path, "package")
    with files.opened(path) as stream:
        data = stream.read(_LARGEST_PLAN + 1)
    try:
        if len(data) > _LARGEST_PLAN:
            raise ValueError("too large")
        plan = json.loads(data.decode("utf-8"))
        if plan.pop("schema") != SCHEMA:
            raise ValueError("another schema")
        found = Staged(directory=directory, **dict(plan, files=tuple(plan["files"])))
        names = list(found.files) + ([found.config] if found.config else [])
        if found.kind not in KINDS or not all(_NAME.fullmatch(name) for name in names):
            raise ValueError("a name")
        if not os.path.isabs(found.executable):
            raise ValueError("a path")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ShimError("package", path, "is damaged", "stage the release again") from error
    return found


def present(directory: str) -> Optional[Staged]:
    """The same, or None when the directory is not whole or cannot be trusted."""
    try:
        return load(directory)
    except ShimError:
        return None
