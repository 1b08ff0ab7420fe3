# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Version: which package version is meant by a pinned one. Pure. Internal to the collection."""

from __future__ import annotations

import re
from typing import Iterable, List

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError

# deb-version(7): an optional epoch, then what upstream calls it, then what the distribution adds.
_PINNED = re.compile(r"(?:\d+:)?v?(\d+\.\d+\.\d+)(?![\d.])([A-Za-z0-9.+~-]*)")
# Debian writes a pre-release 2.2.0~rc1, upstream 2.2.0-rc.1.
_EARLY = re.compile(r"[~-](?:alpha|beta|rc)")


def pinned(version: str) -> str:
    """The version as it was given; raises ShimError unless it names one release, such as 2.1.9 or 2.1.9+ds1-5."""
    match = _PINNED.fullmatch(version)
    if match is None:
        raise ShimError(
            "package",
            "version {0!r}".format(version),
            "does not name one release of containerd",
            "pin it, such as 2.1.9 or the whole version of the package",
        )
    return version


def release_of(version: str) -> str:
    """The containerd release in a version of a package: 2.1.9 of 2.1.9+ds1-5; empty for a pre-release or none."""
    match = _PINNED.fullmatch(version)
    return "" if match is None or _EARLY.match(match.group(2)) else match.group(1)


def choose(wanted: str, there: Iterable[str], name: str, where: str) -> str:
    """The one version of a package that is meant.

    :param wanted: a release such as 2.1.9, or the whole version of a package.
    :param there: the versions there are; ``name`` and ``where`` say of what and where.
    Raises ShimError when none fits, or several do.
    """
    there = list(dict.fromkeys(there))
    if wanted in there:
        return wanted
    fitting: List[str] = [one for one in there if wanted.lstrip("v") == release_of(one)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise ShimError(
            "package",
            "{0} {1}".format(name, wanted),
            "can be any of {0} in {1}".format(", ".join(fitting), where),
            "name the one you mean",
        )
    raise ShimError(
        "package",
        "{0} {1}".format(name, wanted),
        "is not in {0}, which has {1}".format(where, ", ".join(there[:5]) or "none"),
        "bring it there, or name another version",
    )
