# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which containerd releases recover shims alike: the key of every rule. Pure. Internal to the collection.

Source: recovery-spec 0.1, read from every tag of containerd and checked by running the daemons.
"""

from __future__ import annotations

import re
from typing import Iterable, NamedTuple, Optional, Tuple

CLASSES = ("V16", "V17", "V20a", "V20b", "V22", "V23a", "V23b", "V23c")

# (major, minor), first and last patch of the releases that were read or run, class.
_TABLE = (
    ((1, 6), 0, 39, "V16"),
    ((1, 7), 0, 34, "V17"),
    ((2, 0), 0, 5, "V20a"),
    ((2, 0), 6, 11, "V20b"),
    ((2, 1), 0, 1, "V20a"),
    ((2, 1), 2, 9, "V20b"),
    ((2, 2), 0, 7, "V22"),
    ((2, 3), 0, 3, "V23a"),
    ((2, 3), 4, 4, "V23b"),
)

# The shims in the packages of each line: 2.0 dropped those of the older runtimes (recovery-spec 2.3).
_SHIMS_1_X = ("containerd-shim", "containerd-shim-runc-v1", "containerd-shim-runc-v2")
_SHIMS_2_X = ("containerd-shim-runc-v2",)

_VERSION = re.compile(r"^v?(\d+)\.(\d+)\.(\d+)(.*)$")
# Debian's rebuilds were run and behave as the release they name; any other suffix is a vendor's build.
_DEBIAN = re.compile(r"(?:[~+]ds\d*(?:-\d+)?)?(?:(?:-\d+)?[~+]deb\d+u\d+)?(?:\+unknown)?$")


class ReleaseClass(NamedTuple):
    """How a release recovers shims.

    ``name`` is the class it is taken for; ``candidates`` are the classes whose worst outcome counts;
    ``sure`` is false for a release outside the table and for a vendor's build.
    """

    name: str
    sure: bool
    candidates: Tuple[str, ...]


def classify(version: Optional[str]) -> Optional[ReleaseClass]:
    """The release class of a version such as ``1.7.24`` or ``2.1.9~ds1``; None when it is not a version."""
    match = _VERSION.match(upstream(version or ""))
    if not match:
        return None
    line, patch = (int(match.group(1)), int(match.group(2))), int(match.group(3))
    for table_line, first, last, name in _TABLE:
        if table_line == line and first <= patch <= last:
            if not match.group(4):
                return ReleaseClass(name, True, (name,))
            return ReleaseClass(name, False, _with_neighbours(name))
    known = [name for table_line, first, _last, name in _TABLE if (table_line, first) <= (line, patch)]
    if not known:
        return ReleaseClass(CLASSES[0], False, _with_neighbours(CLASSES[0]))
    # Newer than what is known of its line, so of that class or a later one: fixes are not taken back.
    place = CLASSES.index(known[-1])
    return ReleaseClass(known[-1], False, CLASSES[place : place + 2])


def candidates(versions: Iterable[Optional[str]]) -> Tuple[str, ...]:
    """Every class whose outcome counts for one of these versions, in order; what is no version is passed over."""
    found = {name for one in map(classify, versions) if one for name in one.candidates}
    return tuple(name for name in CLASSES if name in found)


def upstream(version: str) -> str:
    """A version without the marks of Debian's rebuilds, be it containerd's own word or that of the package.

    2.1.9+unknown and 2.1.9+ds1-5 become 2.1.9, 1.6.20~ds1 and 1.6.20~ds1-1+deb12u3 become 1.6.20.
    """
    return _DEBIAN.sub("", version).lstrip("v")


class Number(NamedTuple):
    """A release as numbers, which compare in the order of releases."""

    major: int
    minor: int
    patch: int


def number(version: str) -> Number:
    """Major, minor and patch of a version, for putting releases in order; zeros for what is not a version."""
    match = _VERSION.match(upstream(version))
    return Number(*map(int, match.groups()[:3])) if match else Number(0, 0, 0)


def line_before(version: str) -> Optional[str]:
    """The newest release of the line before, where shims were started otherwise; None before 1.7."""
    found = classify(version)
    if found is None or found.name == "V16":
        return None
    return "{0}.{1}.{2}".format(*_newest("V16" if found.name == "V17" else "V17"))


def _newest(name: str) -> Number:
    return max(Number(*line, last) for line, _first, last, known in _TABLE if known == name)


def at_least(name: str, other: str) -> bool:
    """Whether class ``name`` is ``other`` or a later one."""
    return CLASSES.index(name) >= CLASSES.index(other)


def ships(name: str, path: str) -> bool:
    """Whether the packages of a class bring the shim binary at that path."""
    shims = _SHIMS_2_X if at_least(name, "V20a") else _SHIMS_1_X
    return path.rpartition("/")[2] in shims


def _with_neighbours(name: str) -> Tuple[str, ...]:
    place = CLASSES.index(name)
    return CLASSES[max(0, place - 1) : place + 2]
