# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is held, what is only reported, and what is put back: by values alone."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._interference import rules
from ansible_collections.shimops.containerd.plugins.module_utils._interference.rules import Item, Seen, UnitState

OWN = ("containerd.service",)


def unit(name, active="active", loaded="loaded", file_state="enabled", command="", pulled_by=()):
    return UnitState(name, loaded, active, file_state, command, pulled_by)


def seen(*units, **rest):
    given = {"packages": {}, "needrestart": False, "snippet": None, "snaps": {}, "live_restore": None}
    return Seen(**dict(given, **dict(rest, units={one.name: one for one in units})))


def planned(what, custom=()):
    items, reported = rules.plan(what, custom, OWN)
    return [(one.kind, one.name, one.how) for one in items], {row.name: row for row in reported}


def test_nothing_there_is_nothing_held():
    assert planned(seen()) == ([], {})


@pytest.mark.parametrize("name", rules.UPGRADE_TIMERS)
def test_upgrade_timers_are_stopped(name):
    assert planned(seen(unit(name)))[0] == [("unattended_upgrades", name, "stop")]


@pytest.mark.parametrize("name", rules.HEALTH_CHECKERS)
def test_health_checkers_are_stopped(name):
    assert planned(seen(unit(name)))[0] == [("health_checker", name, "stop")]


@pytest.mark.parametrize("name", rules.UPGRADE_SERVICES)
def test_a_running_upgrade_is_never_stopped(name):
    assert planned(seen(unit(name, "activating")))[0] == []


@pytest.mark.parametrize(
    "command", ["/opt/npd/node-problem-detector --config=x", "/bin/bash /opt/bin/health-monitor.sh kubelet"]
)
def test_a_health_checker_is_known_by_its_program(command):
    assert planned(seen(unit("acme.service", command=command)))[0] == [("health_checker", "acme.service", "stop")]
    assert planned(seen(unit("acme.service", command="/bin/echo no-health-monitor.sh.bak")))[0] == []


@pytest.mark.parametrize(
    "state", [{"active": "inactive"}, {"active": "failed"}, {"loaded": "masked"}, {"loaded": "not-found"}]
)
def test_what_is_off_is_left_alone(state):
    assert planned(seen(unit("apt-daily.timer", **state))) == ([], {})


@pytest.mark.parametrize("active", ["active", "activating", "reloading"])
def test_what_waits_to_run_again_is_on(active):
    assert planned(seen(unit("containerd-monitor.service", active)))[0]


def test_timers_stop_before_what_they_start():
    found = planned(seen(unit("containerd-monitor.service"), unit("containerd-monitor.timer")))[0]
    assert [name for _kind, name, _how in found] == ["containerd-monitor.timer", "containerd-monitor.service"]


def test_custom_units_each_get_an_answer():
    custom = ["run.service", "off.service", "masked.service", "none.service", "apt-daily.timer"]
    here = seen(
        unit("run.service"),
        unit("off.service", "inactive"),
        unit("masked.service", "inactive", "masked"),
        unit("apt-daily.timer"),
    )
    items, reported = planned(here, custom)
    assert items == [("custom", "run.service", "stop"), ("unattended_upgrades", "apt-daily.timer", "stop")]
    assert {name: (row.held, row.reason) for name, row in reported.items()} == {
        "off.service": (True, "it does not run"),
        "masked.service": (True, "it is masked"),
        "none.service": (True, "there is no such unit here"),
    }


def test_what_containerd_starts_again_cannot_be_held():
    items, reported = planned(seen(unit("containerd-monitor.service", pulled_by=OWN)))
    assert items == [] and reported["containerd-monitor.service"].held is False
    assert "containerd.service starts it again" in reported["containerd-monitor.service"].reason
    assert planned(seen(unit("containerd-monitor.service", pulled_by=("multi-user.target",))))[0]


def test_packages_are_put_on_hold_and_their_earlier_mark_kept():
    items, _reported = rules.plan(
        seen(packages={"runc": "hold", "containerd": "install", "gone": "deinstall"}), (), OWN
    )
    assert [(one.name, one.before) for one in items] == [
        ("containerd", {"selection": "install"}),
        ("runc", {"selection": "hold"}),
    ]


def test_the_snippet_of_needrestart_is_never_written_over():
    assert planned(seen(needrestart=True))[0] == [("needrestart", rules.SNIPPET, "snippet")]
    for text, held in ((rules.SNIPPET_TEXT, True), ("# ours", False)):
        items, reported = planned(seen(needrestart=True, snippet=text))
        assert items == [] and reported[rules.SNIPPET].held is held
    assert "qr(^containerd\\.service$)} = 0;" in rules.SNIPPET_TEXT


def test_snaps_are_held_unless_they_are():
    items, reported = planned(seen(snaps={"microk8s": False, "docker": True}))
    assert items == [("snap", "microk8s", "refresh_hold")] and reported["docker"].held is True


def test_what_can_only_be_reported():
    reported = planned(seen(live_restore=False, foreign_checkers=[("node-problem-de", 77)]))[1]
    assert not reported["dockerd"].held and "live-restore" in reported["dockerd"].reason
    assert not reported["node-problem-de"].held and "pid 77" in reported["node-problem-de"].reason
    assert planned(seen(live_restore=True)) == ([], {})


def test_busy_names_who_holds_which_lock_or_what_runs():
    assert rules.busy({}, []) == ""
    assert rules.busy({}, [("/var/lib/dpkg/lock", 7, "dpkg")]) == "dpkg (pid 7) holds /var/lib/dpkg/lock"
    assert rules.busy({}, [("/l", 0, "")]) == "a process (pid 0) holds /l"
    running = {"apt-daily-upgrade.service": unit("apt-daily-upgrade.service", "activating")}
    assert rules.busy(running, []) == "apt-daily-upgrade.service runs"
    assert rules.busy({"apt-daily-upgrade.service": unit("apt-daily-upgrade.service", "inactive")}, []) == ""


ITEM = Item("custom", "x.service", "stop", {"file_state": "enabled"})


@pytest.mark.parametrize(
    "state, same_boot, needed",
    [
        (unit("x.service", "inactive"), True, True),
        (unit("x.service", "failed"), True, True),
        (unit("x.service", "deactivating"), True, True),
        (unit("x.service", "inactive"), False, False),
        (unit("x.service", "active"), True, False),
        (unit("x.service", "inactive", "masked"), True, False),
        (unit("x.service", "inactive", "not-found"), True, False),
        (unit("x.service", "inactive", file_state="disabled"), True, False),
        (None, True, False),
    ],
)
def test_only_what_is_still_as_we_left_it_is_started_again(state, same_boot, needed):
    started, reason = rules.put_back(ITEM, state, same_boot)
    assert started is needed and reason


def test_a_unit_that_was_never_enabled_is_started_again():
    item = ITEM._replace(before={"file_state": "disabled"})
    assert rules.put_back(item, unit("x.service", "inactive", file_state="disabled"), True)[0]
