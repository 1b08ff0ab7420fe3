# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rollback to an older release: where it leads, and what rules it out."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._forecast.rollback import (
    Rollback,
    destination,
    rollback,
)
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import CLASSES
from ansible_collections.shimops.containerd.tests.unit.support.observations import (
    ADDRESS,
    HERE,
    a_bundle,
    a_case,
    parameters,
    said,
    silent,
)

OLD, NEW = a_bundle(None, ADDRESS), a_bundle(parameters(3), None)
MIGRATED = a_bundle(parameters(2), ADDRESS)


def observations(*reported):
    """A case of each (bundle, answers), with what every class would hear."""
    found = []
    for bundle, heard in reported:
        answers = {}
        for name in CLASSES:
            answers.update(a_case(bundle, {HERE: heard}, name).answers)
        found.append(a_case(bundle, {HERE: heard}, "V17")._replace(answers=answers))
    return found


@pytest.mark.parametrize(
    "versions, to",
    [
        (["1.7.24", "1.7.24", "2.1.9"], "1.7.24"),
        (["2.1.9", "1.7.24", "1.7.24"], "1.7.24"),
        (["2.1.9", "2.1.9", "2.2.7"], "2.1.9"),
        (["2.1.9", "2.1.9"], "1.7.34"),
        (["1.7.24", "1.7.30"], "1.6.39"),
        (["1.6.20", "1.6.20"], None),
        ([None, "2.1.9"], "1.7.34"),
        ([None, None], None),
        (["banana"], None),
    ],
)
def test_where_it_leads(versions, to):
    assert destination(versions) == to


@pytest.mark.parametrize(
    "versions, reported, word",
    [
        (["1.7.24", "1.7.24"], [(OLD, said("v2"))], "open"),
        (["1.6.20", "1.6.20"], [(OLD, said("v2"))], "open"),
        # What runs now could go back; what 2.1 would start could not.
        (["1.7.24", "2.1.9"], [(OLD, said("v2"))], "closing"),
        (["2.1.9", "2.1.9"], [(MIGRATED, said("v2"))], "closing"),
        (["2.1.9", "2.1.9"], [], "closing"),
        (["2.1.9", "2.2.7"], [(NEW, said("v3"))], "open"),
        (["2.1.9", "2.1.9"], [(NEW, said("v3"))], "closed"),
        (["2.1.9", "2.1.9", "1.7.24"], [(MIGRATED, said("v2")), (NEW, said("v3"))], "closed"),
        # 2.0.5 does not go back to v2 on a shim whose file says 3.
        (["2.0.5", "2.1.9"], [(a_bundle(parameters(3), ADDRESS), said("v2"))], "closed"),
        # A dead task rules out nothing, and neither does a shim that is dead to every release.
        (["2.1.9", "2.1.9"], [(NEW._replace(init=None), silent("D2"))], "closing"),
        (["1.7.24", "1.7.24"], [(OLD, silent("D2"))], "open"),
        # Garbled, and started by 2.x: repairing the file does not make the rollback possible.
        (["2.1.9", "2.1.9"], [(a_bundle("{", None), said("v3"))], "closed"),
    ],
)
def test_how_open_it_is(versions, reported, word):
    found = rollback(versions, observations(*reported), 5.0)
    assert found.state == word
    assert found.containers == (["default/plain1"] if word == "closed" else [])
    assert found.to == destination(versions)


def test_what_is_reported():
    assert Rollback("open", None, []).row() == {"class": "open", "to": None, "containers": []}
