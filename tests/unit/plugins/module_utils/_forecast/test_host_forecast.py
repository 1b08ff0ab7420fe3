# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hazard of the host makes of the forecasts of its bundles."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._forecast.configuration_hazards import Start
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.host_conditions import HostConditions
from ansible_collections.shimops.containerd.plugins.module_utils._host.configuration import USUAL
from ansible_collections.shimops.containerd.plugins.module_utils._rescue.survey import forecast_host
from ansible_collections.shimops.containerd.tests.unit.support.observations import (
    ADDRESS,
    HERE,
    a_bundle,
    a_case,
    a_daemon,
    said,
    silent,
)

OLD = a_bundle(None, ADDRESS)
KEPT = a_case(OLD, {HERE: said("v2")}, "V17")
DEAD = a_case(OLD, {HERE: silent("D2")}, "V17")
EXITED = a_case(a_bundle(None, ADDRESS, init=None), {HERE: said("v2", status="stopped", pids=[])}, "V17")


def outcomes(*observations, **around):
    view = forecast_host(a_daemon(), list(observations), "1.7.24", HostConditions(**around))
    return [(one.outcome, one.task, one.at_risk) for _case, one in view.forecasts]


def test_without_a_hazard_each_bundle_is_judged_by_itself():
    assert outcomes(KEPT, DEAD, EXITED) == [
        ("reattached", "kept", False),
        ("killed", "killed", True),
        ("reaped", "gone_before", False),
    ]


def test_where_the_runtime_does_not_load_no_bundle_is_touched():
    assert outcomes(KEPT, DEAD, EXITED, metadata="damaged") == [
        ("runtime_absent", "unmanaged", True),
        ("runtime_absent", "unmanaged", True),
        ("runtime_absent", "gone_before", False),
    ]


@pytest.mark.parametrize("observed, outcome", [(KEPT, "hangs"), (DEAD, "killed"), (EXITED, "reaped")])
def test_a_start_that_hangs_is_worse_only_for_what_would_have_been_kept(observed, outcome):
    stuck = a_case(OLD, {HERE: said("v2", pids=None, pids_failure=(None, "no answer"))}, "V17")
    assert outcomes(observed, stuck)[0][0] == outcome


@pytest.mark.parametrize(
    "installed, wanted, expected",
    [
        ("1.7.24", "installed", "runtime_absent"),
        ("1.7.24", "1.7.34", "runtime_absent"),
        # What is on disk does not run: that is the end of it only where nothing else is put in its place.
        (None, "installed", "runtime_absent"),
        (None, "running", "runtime_absent"),
        (None, "1.7.34", "reattached"),
    ],
)
def test_a_program_that_does_not_run_matters_only_where_it_would_be_started(installed, wanted, expected):
    broken = USUAL._replace(start_failure="it cannot be run")
    around = HostConditions(start=Start(broken, ADDRESS, (), False))
    view = forecast_host(a_daemon(installed=installed, configured=broken), [KEPT], wanted, around)
    assert [one.outcome for _case, one in view.forecasts] == [expected]
