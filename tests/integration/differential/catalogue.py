# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All conditions that there are, and the columns of the table."""

from differential import answers, containers, entries, files, hosts
from differential.stage import VERSIONS

CONDITIONS = files.CONDITIONS + answers.CONDITIONS + entries.CONDITIONS + containers.CONDITIONS
#: The lines of the table: conditions of a bundle, then those of a host.
ROWS = CONDITIONS + hosts.SETTINGS
RELEASES = tuple(VERSIONS)
#: A restart of each release, then every upgrade and every rollback.
PAIRS = tuple((release, release) for release in RELEASES) + tuple(
    (origin, target) for origin in RELEASES for target in RELEASES if origin != target
)


def cells():
    """Every cell: (origin, target, condition). What hangs a start and what is of a host is tried in restarts alone."""
    return [
        (origin, target, condition)
        for origin, target in PAIRS
        for condition in ROWS
        if origin == target or (condition in CONDITIONS and target not in condition.hangs)
    ]
