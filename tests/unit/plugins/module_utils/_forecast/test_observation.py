# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an observation says of a task by what its files and its shim say."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import CLASSES
from ansible_collections.shimops.containerd.plugins.module_utils._shim.status import NOT_FOUND, OK
from ansible_collections.shimops.containerd.tests.unit.support.observations import (
    HERE,
    a_bundle,
    a_case,
    parameters,
    said,
    silent,
)


@pytest.mark.parametrize(
    "answers, being_made",
    [
        (said(status="running", state_code=OK), False),
        (said(status="stopped", state_code=OK), False),
        (said(status="created", state_code=OK), True),
        # runc made its process, and the shim enters it only when runc is done.
        (said(status=None, task_pid=None, pids=None, state_code=NOT_FOUND), True),
        # A shim that says nothing may have a task that runs.
        (silent("D3"), False),
    ],
)
def test_a_task_that_its_shim_has_not_started_is_being_made(answers, being_made):
    observed = a_case(a_bundle(parameters(3)), {HERE: answers}, CLASSES[-1])
    assert observed.being_made == being_made
    assert observed.status == (answers.status or "running")
