# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What endangers a whole host, from what systemd really says."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.host_conditions import HostConditions
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.host_hazards import of_host
from ansible_collections.shimops.containerd.plugins.module_utils._host import command, unit
from ansible_collections.shimops.containerd.plugins.module_utils._host.dockerd import LiveRestore
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import CLASSES
from ansible_collections.shimops.containerd.tests.unit.support import captured

ON = LiveRestore(True, True)


@pytest.fixture
def loaded(monkeypatch, tmp_path):
    """The unit as systemctl showed it on a host."""
    monkeypatch.setattr(unit, "_DIRECTORIES", (str(tmp_path),))

    def load(release, name):
        monkeypatch.setattr(command, "run", lambda argv, deadline: captured.output(release, name))
        return unit.look_up("containerd.service", Deadline(5))

    return load


def of_unit(one, estimate=0.0):
    return of_host(HostConditions(unit=one, state_dir="/run/containerd"), "V17", estimate)


def found(one, estimate=0.0):
    return reported(of_unit(one, estimate))


def reported(hazards):
    for hazard in hazards:
        assert set(hazard.row()) == {"id", "outcome", "reason", "remedy"}
        for sentence in (hazard.reason, hazard.remedy):
            assert sentence and not sentence.endswith(".") and "\n" not in sentence
    return [(hazard.id, hazard.outcome) for hazard in hazards]


def around(release_class="V17", **values):
    return of_host(HostConditions(**values), release_class, 0.0)


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


def test_all_hazards_are_reported(loaded):
    one = loaded("2.1.9", "systemctl-show")._replace(kill_mode="mixed", need_daemon_reload=True)
    assert [hazard.id for hazard in of_unit(one, 100.0)] == ["kill_mode", "unit_not_loaded", "start_timeout"]


def test_without_a_unit_there_is_nothing_to_tell():
    assert of_unit(None, 1e6) == []


# What systemd removes, runs and counts when the unit stops


@pytest.mark.parametrize(
    "directories, kept, state_dir, ids",
    [
        (("/run/containerd",), False, "/run/containerd", ["runtime_directory"]),
        (("/run/containerd",), True, "/run/containerd", []),
        # The sockets are there whatever the state directory is.
        (("/run/other", "/run/containerd"), False, "/data/state", ["runtime_directory"]),
        (("/run/k3s",), False, "/run/k3s/containerd", ["runtime_directory"]),
        (("/run/k3",), False, "/run/k3s/containerd", []),
        (("/run/containerd/other",), False, "/run/containerd", []),
        ((), False, "/run/containerd", []),
    ],
)
def test_a_runtime_directory_that_is_not_preserved(loaded, directories, kept, state_dir, ids):
    one = loaded("2.1.9", "systemctl-show")._replace(runtime_directories=directories, runtime_directories_kept=kept)
    hazards = of_host(HostConditions(unit=one, state_dir=state_dir), "V20b", 0.0)
    assert reported(hazards) == [(name, "dropped") for name in ids]


def test_what_is_run_at_the_stop_is_not_known(loaded):
    one = loaded("2.1.9", "systemctl-show")._replace(stop_commands=("/bin/sh", "/bin/true"))
    assert found(one) == [("stop_command", "unknown")]
    assert "/bin/sh" in of_unit(one)[0].reason


OF_RKE2 = (
    "/bin/sh -c systemd-cgls /system.slice/rke2-server.service | grep -Eo '[0-9]+ (containerd|kubelet)'"
    " | awk '{print $1}' | xargs -r kill"
)


@pytest.mark.parametrize("more, known", [("", True), (" -KILL", False), ("; rm -rf /run/k3s", False)])
def test_what_the_units_of_rke2_run_at_the_stop_ends_no_shim(loaded, more, known):
    one = loaded("2.1.9", "systemctl-show")._replace(stop_commands=(OF_RKE2 + more,))
    assert found(one) == ([] if known else [("stop_command", "unknown")])


@pytest.mark.parametrize(
    "limit, current, outcome", [(1000, 100, None), (132, 100, None), (131, 100, "unknown"), (50, 100, "unknown")]
)
def test_a_limit_of_tasks(loaded, limit, current, outcome):
    one = loaded("2.1.9", "systemctl-show")._replace(tasks_max=limit, tasks_current=current)
    assert found(one) == [("tasks_max", outcome)]
    # Where systemd does not count, we do.
    one = one._replace(tasks_current=None)
    hazards = of_host(HostConditions(unit=one, threads=current), "V17", 0.0)
    assert reported(hazards) == [("tasks_max", outcome)]


# Services that stop too


@pytest.mark.parametrize(
    "services, live_restore, expected",
    [
        ((), None, []),
        (("kubelet.service",), None, [None]),
        (("docker.service",), ON, [None]),
        (("docker.service", "kubelet.service", "mine.service"), ON, [None, None, "unknown"]),
    ],
)
def test_services_that_stop_with_it(services, live_restore, expected):
    hazards = around(stops_with=services, live_restore=live_restore)
    assert reported(hazards) == [("stops_with", outcome) for outcome in expected]
    assert [hazard.reason.split()[0] for hazard in hazards] == list(services)


@pytest.mark.parametrize(
    "found, outcome, words",
    [
        (ON, None, ""),
        (LiveRestore(False, True), "killed", "live-restore is off"),
        (LiveRestore(False, None), "killed", "live-restore is off"),
        (LiveRestore(None, True), "unknown", "does not say whether live-restore is on"),
        (None, "unknown", "does not say whether live-restore is on"),
        (LiveRestore(True, False), "killed", "live-restore is not in /etc/docker/daemon.json"),
        (LiveRestore(True, None), "unknown", "/etc/docker/daemon.json cannot be read"),
    ],
)
def test_dockerd_stops_only_its_own(found, outcome, words):
    for name, values in (
        ("stops_with", {"stops_with": ("docker.service",)}),
        ("supervisor", {"supervisor": "dockerd"}),
    ):
        (hazard,) = around(live_restore=found, **values)
        assert reported([hazard]) == [(name, outcome)] and words in hazard.reason
        assert hazard.namespaces == ("moby", "plugins.moby")
        assert '"live-restore": true in /etc/docker/daemon.json' in hazard.remedy and "reload" in hazard.remedy


@pytest.mark.parametrize(
    "name, expected", [("k3s", []), ("rke2", []), ("k0s", []), ("mine", [("supervisor", "unknown")])]
)
def test_other_programs_that_are_restarted_instead_of_containerd(name, expected):
    assert reported(around(supervisor=name)) == expected


# Files


@pytest.mark.parametrize(
    "release_class, values, expected",
    [
        ("V17", {"metadata": "missing"}, [("metadata_missing", "orphaned")]),
        ("V17", {"metadata": "damaged"}, [("metadata_damaged", "runtime_absent")]),
        ("V17", {"moved": (("/run/a", "/run/b"),)}, [("directory_moved", "orphaned")]),
        ("V20b", {"full": True, "mounts_db": False}, [("state_full", None)]),
        ("V22", {"full": True, "mounts_db": False}, [("state_full", "runtime_absent")]),
        ("V22", {"full": True, "mounts_db": True}, [("state_full", None)]),
        ("V17", {"without_runc": ("default/a",)}, [("runc_missing", None)]),
        ("V16", {"without_runc": ("default/a",), "pids_asked": False}, [("runc_missing", None)]),
        ("V17", {"without_runc": ("default/a",), "pids_asked": False}, [("runc_missing", "orphaned")]),
        ("V23a", {"without_runc": ("default/a",), "pids_asked": False}, [("runc_missing", "orphaned")]),
        ("V23b", {"without_runc": ("default/a",), "pids_asked": False}, [("runc_missing", None)]),
    ],
)
def test_files(release_class, values, expected):
    assert reported(around(release_class, **values)) == expected


@pytest.mark.parametrize("name", CLASSES)
def test_damaged_mounts_are_read_from_2_2_on(name):
    found = of_host(HostConditions(mounts="damaged"), name, 0.0)
    later = CLASSES.index(name) >= CLASSES.index("V22")
    assert [(one.id, one.outcome) for one in found] == ([("mounts_damaged", "runtime_absent")] if later else [])
    assert of_host(HostConditions(mounts="missing"), name, 0.0) == []
