# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule and hazard that a host can be refused for is in the pages for people."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._forecast import (
    configuration_hazards,
    host_forecast,
    host_hazards,
)
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.forecast import RUNTIME_V1, forecast
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import CLASSES, ReleaseClass
from ansible_collections.shimops.containerd.tests.unit.support.decision_table import GRPC_ROWS, ROWS, world
from ansible_collections.shimops.containerd.tests.unit.support.observations import a_case, a_listed_task

SOURCES = (configuration_hazards, host_hazards, host_forecast)
DOCS = Path(__file__).resolve().parents[5] / "docs"


def page(name):
    if not DOCS.is_dir():
        pytest.skip("the pages are not here")
    return (DOCS / name).read_text(encoding="utf-8")


def reported():
    """Every rule of the decision table under every class, and whether it ever puts a task at risk."""
    found = {}
    for row in ROWS + GRPC_ROWS:
        for name in CLASSES:
            one = forecast(a_case(row.bundle, world(row), name, **row.known), ReleaseClass(name, True, (name,)), 5.0)
            found[one.rule] = found.get(one.rule, False) or one.at_risk
    for observed in (a_listed_task(RUNTIME_V1), a_listed_task("other"), a_listed_task("other", "stopped")):
        one = forecast(observed, ReleaseClass("V20b", True, ("V20b",)), 5.0)
        found[one.rule] = one.at_risk
    return found


def hazard_ids():
    """The ids in the sources of hazards: their calls name them first."""
    sources = "".join(Path(module.__file__).read_text(encoding="utf-8") for module in SOURCES)
    return set(re.findall(r'Hazard\(\s*"(\w+)"', sources))


def test_the_forecast_page_has_every_rule_and_hazard():
    listed = set(re.findall(r"^\| `(\w+)` \|", page("forecast.md"), re.MULTILINE))
    assert set(reported()) | hazard_ids() <= listed
    classes = {"open", "closing", "closed"}
    assert listed - classes <= set(reported()) | hazard_ids() | {"B16", "F8"}


def test_every_one_that_can_refuse_has_its_section():
    sections = set(re.findall(r"^### (\w+):", page("after-a-refusal.md"), re.MULTILINE))
    assert {rule for rule, refuses in reported().items() if refuses} | hazard_ids() <= sections
    assert len(hazard_ids()) == 24
