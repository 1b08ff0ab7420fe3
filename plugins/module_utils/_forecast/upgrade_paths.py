# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Upgrade paths: which upgrades of containerd are supported, and why not. Pure. Internal to the collection.

Sources: containerd's RELEASES.md (supported upgrades), recovery-spec (what was run), and containerd's issues by their
numbers.
"""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import Number, number, upstream

Line = Tuple[int, int]


class UpgradePath(NamedTuple):
    """What is said of going from one release to another.

    ``refusal`` is empty or one sentence naming the safe target; ``notes`` are sentences to show before an upgrade;
    ``backward`` says that the target is older, so that the forecast has to allow it too; ``id`` is the hazard's.
    """

    allowed: bool
    refusal: str
    notes: Tuple[str, ...] = ()
    backward: bool = False
    id: str = ""


class Bad(NamedTuple):
    """Releases of one line, first and last patch, that are worse than others; ``safe`` is what to take instead."""

    line: Line
    first: int
    last: int
    id: str
    reason: str
    source: str
    safe: str


# The lines this collection knows, oldest first, with the newest patch that was read of each (recovery-spec 0.1).
NEWEST = (
    ((1, 6), "1.6.39"),
    ((1, 7), "1.7.34"),
    ((2, 0), "2.0.11"),
    ((2, 1), "2.1.9"),
    ((2, 2), "2.2.7"),
    ((2, 3), "2.3.4"),
    # Read and run up to its first beta.
    ((2, 4), "2.4.0"),
)
_LINES = tuple(line for line, _newest in NEWEST)

# Upgrades that skip a line. Each is a rollback in the other direction, where the forecast allows it.
OVER = (
    ((1, 7), (2, 3), "RELEASES.md: from one LTS release to the next"),
    ((1, 7), (2, 1), "run on 1.7.24 and 2.1.9: every plain container and pod was kept (recovery-spec 2.3)"),
)

# Releases that no host should run. The daemon that runs is not judged by them: it has to be left somehow.
BAD = (
    Bad(
        (1, 6),
        9,
        14,
        "pod_addresses",
        "loses the address of every pod in a restart, so that kubelet makes all pods anew",
        "containerd#7843, fixed in 1.6.15",
        "1.6.39",
    ),
    Bad(
        (2, 0),
        0,
        5,
        "pod_shims",
        "loses containers that were started in a pod of 1.7, at the restart after the next",
        "containerd#11793 and #11916, fixed in 2.0.6",
        "2.0.11",
    ),
    Bad(
        (2, 1),
        0,
        1,
        "pod_shims",
        "loses containers that were started in a pod of 1.7, at the restart after the next",
        "containerd#11916, fixed in 2.1.2",
        "2.1.9",
    ),
)

# Shown, and not refused: whether they matter depends on the host.
NOTED = (
    Bad(
        (2, 0),
        6,
        11,
        "pod_addresses",
        "erases the bundles of runtimes with sandboxer shim, and kubelet makes pods with hostUsers: false anew",
        "recovery-spec 1.6, containerd#10363",
        "2.1.9",
    ),
    Bad(
        (1, 7),
        0,
        10,
        "dead_shims",
        "waits up to 100 s in its start for each dead shim that spoke gRPC",
        "recovery-spec 1.7, fixed in 1.7.11",
        "1.7.34",
    ),
    Bad(
        (2, 2),
        0,
        99,
        "cri_configuration",
        "does not load its CRI when the configuration has mirrors as well as config_path",
        "containerd#12612",
        "2.2.7",
    ),
    Bad(
        (2, 4),
        0,
        99,
        "cri_registry",
        "does not read mirrors, configs and auths of the CRI's registry any more, only config_path",
        "RELEASES.md, deprecated config properties",
        "2.3.4",
    ),
    Bad(
        (2, 4),
        0,
        99,
        "unread",
        "is judged by what was read and run of its first beta",
        "recovery-spec 10.6",
        "2.3.4",
    ),
)

_RELEASE = re.compile(r"(\d+)\.(\d+)\.(\d+)$")


def judge(running: Optional[str], installed: Optional[str], target: str) -> UpgradePath:
    """Whether a host may go to a release, from the one in memory and from the one on disk.

    :param running: the release of the daemon's process, or None when none runs.
    :param installed: the release on disk, or None when it could not be determined.
    :param target: the release to go to, such as ``2.1.9``.
    """
    wanted = _parse(target)
    if wanted is None:
        return _refuse(
            "unsupported_upgrade", "{0} is not a released version of containerd".format(target), _go(NEWEST[-1][1])
        )
    line = wanted[:2]
    if line not in _LINES:
        sentence = "{0}.{1} is not among the lines this collection knows ({2} to {3})"
        return _refuse(
            "unsupported_upgrade",
            sentence.format(line[0], line[1], _name(_LINES[0]), _name(_LINES[-1])),
            _go(_nearest(running)),
        )
    for bad in BAD:
        if bad.line == line and bad.first <= wanted[2] <= bad.last:
            return _refuse(bad.id, "{0} {1} ({2})".format(target, bad.reason, bad.source), _go(bad.safe))
    starts = [start for start in (_parse(running), _parse(installed)) if start]
    if not starts:
        return _refuse(
            "unsupported_upgrade",
            "neither the running nor the installed release of containerd is known",
            "start containerd",
        )
    for start in dict.fromkeys(starts):
        if not _connected(start[:2], line):
            sentence = (
                "from {0}.{1}.{2} to {3} is not a supported upgrade path and was not tested (RELEASES.md)".format(
                    *(start + (target,))
                )
            )
            return _refuse("unsupported_upgrade", sentence, _step(start[:2], line))
    return UpgradePath(True, "", tuple(_notes(wanted, target)), backward=any(wanted < start for start in starts))


def _refuse(identifier: str, why: str, remedy: str) -> UpgradePath:
    return UpgradePath(False, "path: {0}; {1}.".format(why, remedy), id=identifier)


def _go(version: str) -> str:
    return "go to {0}".format(version)


def _parse(version: Optional[str]) -> Optional[Number]:
    match = _RELEASE.match(upstream(version or ""))
    return number(match.group()) if match else None


def _name(line: Line) -> str:
    return "{0}.{1}".format(*line)


def _connected(start: Line, end: Line) -> bool:
    """Whether an upgrade between two lines is supported, in either direction."""
    if start not in _LINES:
        return False
    first, last = sorted((start, end))
    near = _LINES.index(last) - _LINES.index(first) <= 1
    return near or any((first, last) == path[:2] for path in OVER)


def _step(start: Line, end: Line) -> str:
    """Where to go first: the newest release of the farthest line on the way that can be reached."""
    low, high = sorted((start, end))
    between = [line for line in _LINES if low < line < high and _connected(start, line)]
    if not between:
        return "drain the host and install {0} anew".format(_name(end))
    return "go to {0} first".format(dict(NEWEST)[(max if end > start else min)(between)])


def _nearest(running: Optional[str]) -> str:
    """The newest patch of the line that runs, or of the newest line."""
    start = _parse(running)
    return dict(NEWEST).get(start[:2] if start else _LINES[-1], NEWEST[-1][1])


def _notes(wanted: Tuple[int, int, int], target: str) -> List[str]:
    line, notes = wanted[:2], []
    for one in NOTED:
        if one.line == line and one.first <= wanted[2] <= one.last:
            notes.append("{0}: {1} {2} ({3})".format(one.id, target, one.reason, one.source))
    if wanted > number(dict(NEWEST)[line]):
        notes.append("{0} is newer than what was read of its line ({1})".format(target, dict(NEWEST)[line]))
    return notes
