# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of a unit's journal, for a failure's result. Internal to the collection."""

from __future__ import annotations

from typing import List

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import command

_LINES, _WIDTH = 5, 160


def tail(unit: str, deadline: Deadline) -> List[str]:
    """The last few lines, each cut to a bounded width; empty when there is no journal."""
    argv = ["journalctl", "--no-pager", "--quiet", "--output=cat", "--lines={0}".format(_LINES), "--unit=" + unit]
    answer = command.run(argv, deadline.within(10))
    return [line[:_WIDTH] for line in answer.stdout.splitlines()] if answer.code == 0 else []
