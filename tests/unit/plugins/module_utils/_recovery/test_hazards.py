# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What endangers a whole host, from what systemd really says."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import command, unit
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.hazards import of_unit
from ansible_collections.shimops.containerd.tests.unit.plugins.module_utils._recovery import captured


@pytest.fixture
def loaded(monkeypatch, tmp_path):
    """The unit as systemctl showed it on a host."""
    monkeypatch.setattr(unit, "_DIRECTORIES", (str(tmp_path),))

    def load(release, name):
        monkeypatch.setattr(command, "run", lambda argv, deadline: captured.output(release, name))
        return unit.look_up("containerd.service", Deadline(5))

    return load


def found(one, estimate=0.0):
    return [(hazard.id, hazard.outcome) for hazard in of_unit(one, estimate)]


@pytest.mark.parametrize("release", captured.RELEASES)
def test_debian_has_no_hazard(loaded, release):
    assert found(loaded(release, "systemctl-show")) == []


@pytest.mark.parametrize("release", captured.RELEASES)
def test_a_loaded_kill_mode_kills(loaded, release):
    # The drop-in of that host is not on this one, which is a hazard as well.
    one = loaded(release, "systemctl-show-killmode_control_group")._replace(need_daemon_reload=False)
    assert found(one) == [("kill_mode", "killed")]


@pytest.mark.parametrize("mode", ["control-group", "mixed", "none", ""])
def test_only_kill_mode_process_stops_containerd_alone(loaded, mode):
    one = loaded("2.1.9", "systemctl-show")._replace(kill_mode=mode)
    (hazard,) = of_unit(one, 0.0)
    assert hazard.outcome == "killed" and "KillMode=" + mode in hazard.reason and "daemon-reload" in hazard.remedy


def test_what_is_not_loaded_is_unknown(loaded):
    one = loaded("2.1.9", "systemctl-show")._replace(need_daemon_reload=True)
    assert found(one) == [("unit_not_loaded", "unknown")]


@pytest.mark.parametrize(
    "estimate, ids", [(89.9, []), (90.0, [("start_timeout", "hangs")]), (1e6, [("start_timeout", "hangs")])]
)
def test_loading_longer_than_systemd_waits(loaded, estimate, ids):
    one = loaded("1.7.24", "systemctl-show")
    assert one.timeout_start == 90.0
    assert found(one, estimate) == ids
    assert found(one._replace(timeout_start=None), estimate) == []


def test_all_hazards_are_told(loaded):
    one = loaded("2.1.9", "systemctl-show")._replace(kill_mode="mixed", need_daemon_reload=True)
    assert [hazard.id for hazard in of_unit(one, 100.0)] == ["kill_mode", "unit_not_loaded", "start_timeout"]


def test_without_a_unit_there_is_nothing_to_tell():
    assert of_unit(None, 1e6) == []
