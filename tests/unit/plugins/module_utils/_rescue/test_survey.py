# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A forecast at rest: what is at risk only while it is made or deleted refuses no host."""

from __future__ import annotations

import types

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.scan import Entry
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._rescue import survey

NOW = 1700000000.0


@pytest.fixture
def forecast(monkeypatch):
    """Forecast at rest from a list of forecasts, each the ids at risk; gives the ids at last and how many were made."""
    monkeypatch.setattr(survey, "_PAUSE", 0.001)
    monkeypatch.setattr(survey, "wall_clock", lambda: NOW)

    def run(forecasts, age=60.0, hazards=(), rule="D2", seconds=20):
        made = []

        def look():
            made.append(forecasts[min(len(made), len(forecasts) - 1)])
            at_risk = [
                (
                    types.SimpleNamespace(entry=Entry("default", name, "/x/" + name, "bundle", NOW - age)),
                    types.SimpleNamespace(rule=rule),
                )
                for name in made[-1]
            ]
            return [types.SimpleNamespace(at_risk=at_risk, hazards=[types.SimpleNamespace(id=one) for one in hazards])]

        (view,) = survey.at_rest(look, Deadline(seconds))
        return [observed.entry.id for observed, _one in view.at_risk], len(made)

    return run


def test_nothing_at_risk_is_forecast_once(forecast):
    assert forecast([[]]) == ([], 1)


def test_what_stays_at_risk_is_forecast_twice(forecast):
    assert forecast([["a"]]) == (["a"], 2)
    assert forecast([["a", "b"], ["b"], []]) == (["b"], 2)


def test_what_comes_and_goes_is_waited_for(forecast):
    assert forecast([["a"], ["b"], ["c"], []]) == ([], 4)


def test_what_is_young_is_waited_for_as_long_as_there_is_time(forecast):
    assert forecast([["a"], ["a"], ["a"], []], age=1.0) == ([], 4)
    found, made = forecast([["a"]], age=1.0, seconds=0.05)
    assert found == ["a"] and made > 2


def test_a_hazard_of_the_host_does_not_pass(forecast):
    assert forecast([["a"], []], hazards=["kill_mode"], rule="kill_mode") == (["a"], 1)
