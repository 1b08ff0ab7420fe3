# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each cell of the table: what was foretold of a condition is what the restart did."""

import pytest

from differential import catalogue, table


def _name(cell):
    origin, target, condition = cell
    return f"{origin}-{target}-{condition.name}"


@pytest.mark.parametrize("cell", catalogue.cells(), ids=_name)
def test_cell(cell, columns):
    origin, target, condition = cell
    judgements = columns[origin, target].judgements[condition.name]
    assert judgements
    differing = [one for one in judgements if one.verdict == "DIFFERS"]
    assert not differing, table.differences([condition], [columns[origin, target]])


def test_enough_is_tried():
    assert len({one.name for one in catalogue.ROWS}) == len(catalogue.ROWS) >= 60
    assert {(origin, target) for origin, target, _condition in catalogue.cells()} == set(catalogue.PAIRS)
    rows = {condition.name[0] for condition in catalogue.CONDITIONS}
    assert rows >= set("ABCDEFGH")
