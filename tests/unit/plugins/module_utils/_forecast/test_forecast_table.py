# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole decision table of recovery-spec 10.2: every row under every class."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._forecast.forecast import OUTCOMES, forecast
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import CLASSES, ReleaseClass
from ansible_collections.shimops.containerd.tests.unit.support.decision_table import GRPC_ROWS, ROWS, WORDS, world
from ansible_collections.shimops.containerd.tests.unit.support.observations import a_case

EVERY = ROWS + GRPC_ROWS


def reported(row, name):
    observed = a_case(row.bundle, world(row), name, **row.known)
    return observed, forecast(observed, ReleaseClass(name, True, (name,)), 5.0)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("row", EVERY, ids=["{0} {1}".format(row.id, row.what) for row in EVERY])
def test_row(row, name):
    observed, found = reported(row, name)
    expected = WORDS[row.cells[CLASSES.index(name)]]
    assert found.outcome == expected, found
    assert found.rule in (row.rules or row.id).split(), found
    assert found.reason and found.reason[0].islower() and not found.reason.endswith("."), found
    if observed.live:
        lost = expected != "reattached" or row.id == "D9"
        assert found.at_risk == lost and (found.task == "kept") == (not lost)
    else:
        assert (found.task, found.at_risk) == ("gone_before", False)


@pytest.mark.parametrize("row", [row for row in EVERY if row.spec], ids=lambda row: row.id)
def test_where_the_forecast_differs_from_the_table_it_is_more_careful_and_says_why(row):
    assert row.why
    worse = {"R": "U", "K": "U", "D": "K"}
    for told_cell, spec_cell in zip(row.cells, row.spec):
        assert told_cell in (spec_cell, worse[spec_cell] if spec_cell in worse else None)


def test_the_table_has_every_row_that_can_be_seen_from_outside():
    promised = []
    for letter, last in (("A", 11), ("B", 19), ("C", 8), ("D", 9), ("E", 8), ("F", 10), ("G", 5), ("H", 10), ("X", 1)):
        promised += [letter + str(number) for number in range(1, last + 1)]
    # A mode is nothing to root, and who keeps a mount busy or how long a delete takes cannot be seen.
    unseen = {"D8", "G1", "G2", "G4"}
    # The one id that is no row of the specification: found by restarting the real daemon.
    assert set(promised) - unseen == {row.id for row in EVERY} - {"runc_missing"}
    assert {WORDS[cell] for row in EVERY for cell in row.cells} == set(WORDS.values()) == set(OUTCOMES)
    assert {len(row.cells) for row in EVERY} == {8}
