# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What could be mended before a restart, by the row of its forecast."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._recovery.forecast import forecast
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.releases import ReleaseClass
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.rescuable import rescuable
from ansible_collections.shimops.containerd.tests.unit.plugins.module_utils._recovery.cases import (
    ADDRESS,
    HERE,
    SHIM,
    a_bundle,
    a_case,
    parameters,
    said,
    silent,
)

DAMAGED = a_bundle("{", ADDRESS)
OLD = a_bundle(None, ADDRESS)


@pytest.mark.parametrize(
    "bundle, heard, known, expected",
    [
        (DAMAGED, said("v2"), {}, True),
        (a_bundle("", None), said("v2"), {}, True),
        (a_bundle(None, None), said("v2"), {}, True),
        (a_bundle(parameters(4), ADDRESS), said("v2"), {}, True),
        (OLD, said("v2"), {"runtime_resolves": False}, True),
        (a_bundle(None, ADDRESS, SHIM + "\n"), said("v2"), {"runtime_resolves": False}, True),
        # Nothing to mend, nobody to mend it for, nobody who answers, or nothing that a file could mend.
        (OLD, said("v2"), {}, False),
        (DAMAGED._replace(init=None), silent("D2"), {}, False),
        (DAMAGED, silent("D3"), {}, False),
        (OLD, silent("D2"), {}, False),
        (OLD, silent("D2"), {"runtime_resolves": False}, False),
        (OLD, said("v3"), {}, False),
    ],
)
def test_into_2_1(bundle, heard, known, expected):
    case = a_case(bundle, {HERE: heard}, "V20b", **known)
    assert rescuable(case, forecast(case, ReleaseClass("V20b", True, ("V20b",)), 5.0)) is expected


def test_a_container_of_2_x_cannot_be_mended_for_1_x():
    case = a_case(a_bundle(parameters(3), None), {HERE: said("v3")}, "V17")
    found = forecast(case, ReleaseClass("V17", True, ("V17",)), 5.0)
    assert found.at_risk and not rescuable(case, found)
