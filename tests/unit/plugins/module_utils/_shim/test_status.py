# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._shim import status


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "OK"),
        (1, "Cancelled"),
        (2, "Unknown"),
        (4, "DeadlineExceeded"),
        (5, "NotFound"),
        (8, "ResourceExhausted"),
        (9, "FailedPrecondition"),
        (12, "Unimplemented"),
        (14, "Unavailable"),
        (16, "Unauthenticated"),
        (17, "Code(17)"),
        (-1, "Code(-1)"),
    ],
)
def test_codes_have_the_names_of_google_rpc(number, name):
    assert status.code_name(number) == name


def test_the_constants_are_the_codes_they_are_named_for():
    names = [status.code_name(number) for number in (status.OK, status.NOT_FOUND, status.UNIMPLEMENTED)]
    assert names == ["OK", "NotFound", "Unimplemented"]


@pytest.mark.parametrize(
    ("number", "name"), [(0, "unknown"), (1, "created"), (2, "running"), (3, "stopped"), (5, "pausing"), (6, "unknown")]
)
def test_task_statuses_have_the_names_of_containerd(number, name):
    assert status.task_status_name(number) == name
    assert status.task_status_name(-1) == "unknown"
