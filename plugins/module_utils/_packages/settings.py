# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings: whether a release can read the configuration that is there, and what it would make of it. Internal."""

from __future__ import annotations

import glob
import os
import re
from typing import List, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import command, configuration
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import at_least, classify
from ansible_collections.shimops.containerd.plugins.module_utils._packages import files

DEFAULT = configuration.DEFAULT
_VERSION = re.compile(r"^\s*version\s*=\s*(\d+)", re.MULTILINE)
_LARGEST = 1024 * 1024
#: What the name of a replaced configuration ends in, with the release that replaced it.
BACKUP = ".before-"


def place(arguments: List[str]) -> str:
    """The configuration file of a containerd with these arguments."""
    return configuration.named(arguments) or DEFAULT


def read(path: str) -> Optional[str]:
    """What is in it; None when it is not there. Raises ShimError when it is no sane file."""
    if not os.path.exists(path):
        return None
    with files.opened(os.path.realpath(path)) as stream:
        data: bytes = stream.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ShimError("package", path, "is too large to be a configuration", "check it")
    return data.decode("utf-8", "replace")


def check(program: str, release: str, path: str, deadline: Deadline) -> None:
    """Refuse before anything is touched when the new release cannot read the configuration.

    :param program: the containerd of that release, not installed yet.
    """
    text = read(path)
    if text is None:
        return
    found = classify(release)
    number = _VERSION.search(text)
    # 1.6 reads a newer one without complaint, and passes over what is in it.
    if number and int(number.group(1)) >= 3 and found and not at_least(found.name, "V20a"):
        raise _unreadable(path, release, "it has version = {0}, and 1.x knows 2".format(number.group(1)))
    said = command.run([program, "--config", path, "config", "dump"], deadline)
    if said.code != 0:
        raise _unreadable(path, release, " ".join((said.stderr or said.stdout).split())[-200:].rstrip("."))


def migrated(program: str, path: str, deadline: Deadline) -> Optional[str]:
    """The configuration as the new release writes it; None when it has no such command, or there is no file."""
    if read(path) is None:
        return None
    said = command.run([program, "--config", path, "config", "migrate"], deadline)
    # 1.x does not know the command, says so on stdout and exits with 0.
    return said.stdout if said.code == 0 and _VERSION.search(said.stdout) else None


def _unreadable(path: str, release: str, why: str) -> ShimError:
    kept = sorted(glob.glob(glob.escape(path) + BACKUP + "*"))
    remedy = "put {0} in its place".format(kept[0]) if kept else "correct it"
    return ShimError("package", path, "cannot be read by containerd {0} ({1})".format(release, why), remedy)
