# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damaged bundles: without a rescue a restart loses their containers, with one it keeps them.

All damage of a release is done at once, twice: first containerd is restarted as things are, then after a rescue.
Last the packages of the older hosts are replaced by those of 2.1, for which other bundles were rescued before.
"""

from types import SimpleNamespace

import damage
import play
import pytest
import story
import world

from lab import shims

WHOLE = {"ANSIBLE_VERBOSITY": "3"}
TARGET = "2.1.9"
LEGACY = ("1.6", "1.7")
RESCUE = {"rescue": True, "detail": "full"}
ASKED = [(release, name) for name, one in damage.DAMAGES.items() for release in one.releases]
ASKED += [(release, "/".join(pod)) for pod in damage.PODS for release in damage.RELEASES]


def _lost(host, seen):
    """Restart containerd with everything damaged; what became of each task."""
    hurt = damage.hurt(host)
    host.script("systemctl restart containerd", timeout=120)
    listed = world.tasks(host)
    seen[host.release].lost = hurt
    seen[host.release].fates = {key: story.fate(host, key, was, listed) for key, was in hurt.tasks.items()}


def _kept(host, seen):
    """What is there after the restart, and what is left of a bundle when its container is deleted."""
    one = seen[host.release]
    listed = world.tasks(host)
    one.kept_fates = {key: story.fate(host, key, was, listed) for key, was in one.hurt.tasks.items()}
    one.kept_files = {key: victim and damage.look(host, key, victim.name) for key, victim in one.hurt.victims.items()}
    for namespace, name in one.hurt.victims:
        if namespace == "default":
            host.run(["ctr", "task", "rm", "--force", name], check=False)
    one.left = host.script(f"ls -A {shims.STATE}/default").split()


def _files(host, one):
    return {key: damage.look(host, key, victim.name) for key, victim in one.hurt.victims.items()}


def _everywhere(fleet, hosts, seen, step, module, wanted, check=False):
    for name, result in play.run(fleet, module, wanted, hosts, check, WHOLE).items():
        next(one for one in seen.values() if one.host.name == name).results[step] = result


@pytest.fixture(scope="module")
def reported(fleet, hosts):
    """What was seen on each release's host, with and without a rescue."""
    seen = {release: SimpleNamespace(host=host, results={}) for release, host in hosts.items()}
    play.reset(fleet, hosts.values())
    play.together(hosts.values(), lambda host: _lost(host, seen))
    play.reset(fleet, hosts.values())
    for name, hurt in play.together(hosts.values(), damage.hurt).items():
        one = next(each for each in seen.values() if each.host.name == name)
        one.hurt, one.before = hurt, damage.listing(one.host)
    everyone = list(hosts.values())
    _everywhere(fleet, everyone, seen, "probe", "shim_probe", {"detail": "full"})
    _everywhere(fleet, everyone, seen, "check", "shim_migrate", RESCUE, check=True)
    play.together(everyone, lambda host: host.script("mkdir -p /etc/shimops; touch /etc/shimops/hold"))
    _everywhere(fleet, everyone, seen, "held", "shim_migrate", RESCUE)
    play.together(everyone, lambda host: host.script("rm /etc/shimops/hold"))
    for one in seen.values():
        one.after_check = damage.listing(one.host)
    _everywhere(fleet, everyone, seen, "rescue", "shim_migrate", RESCUE)
    for one in seen.values():
        one.files, one.after_rescue = _files(one.host, one), damage.listing(one.host)
        one.set_aside = {
            key: damage.look(one.host, key, damage.KEPT + victim.name) for key, victim in one.hurt.victims.items()
        }
    _everywhere(fleet, everyone, seen, "again", "shim_migrate", RESCUE)
    for one in seen.values():
        one.after_again = damage.listing(one.host)
    restart = {"state": "restarted", "run_id": "rescued", "settle": 1, "detail": "full"}
    _everywhere(fleet, everyone, seen, "restart", "shim_reconnect", restart)
    play.together(everyone, lambda host: _kept(host, seen))
    return seen


@pytest.fixture(params=ASKED, ids="-".join)
def case(request, reported):
    release, name = request.param
    one = reported[release]
    return SimpleNamespace(one=one, lost=one.lost.at(name), victim=one.hurt.at(name))


def test_without_a_rescue_the_restart_loses_the_container(case):
    lost = case.lost
    # 1.6 keeps the bundle on the shim that does not have the task.
    unmanaged = lost.name == damage.SHIM_PATH or (lost.damage, case.one.host.release) == ("other-shim", "1.6")
    assert case.one.fates[lost.key] == ("unmanaged" if unmanaged else "killed")


def test_with_a_rescue_the_restart_keeps_the_container(case):
    key = case.victim.key
    assert case.one.kept_fates[key] == "kept"
    verdict = story.by_key(case.one.results["restart"]["verdicts"])[key]
    assert (verdict["verdict"], verdict["witnesses"]) == ("reattached", story.YES), verdict
    was = case.one.hurt.tasks[key]
    assert (verdict["after"]["pid"], verdict["after"]["start_time"]) == (was.pid, was.started)


def test_the_forecast_says_that_it_can_be_rescued(case):
    row = story.by_key(case.one.results["probe"]["shims"])[case.victim.key]
    assert row["at_risk"] and row["task"] != "kept", row


def test_the_file_is_as_containerd_wrote_it(case):
    before, after = case.victim.before, case.one.files[case.victim.key]
    if case.victim.damage == "path-pruned":
        assert before.data == damage.PRUNED.encode()
        before = damage.File(before.kind, f"/usr/bin/{shims.SHIM}".encode(), before.mode, before.owner)
    assert after == before


def test_the_damaged_file_is_kept_in_the_bundle(case):
    kept, damaged = case.one.set_aside[case.victim.key], case.victim.damaged
    assert kept == damaged
    reason = story.by_key(case.one.results["rescue"]["rescued"])[case.victim.key]["reason"]
    assert (damage.KEPT + case.victim.name in reason) is (damaged is not None)


@pytest.fixture(params=damage.RELEASES)
def one(request, reported):
    return reported[request.param]


def test_the_forecast_counts_what_can_be_rescued(one):
    summary = one.results["probe"]["summary"]
    assert summary["rescuable"] == summary["at_risk"] == len(one.hurt.victims)


def test_check_mode_writes_nothing_and_shows_every_file(one):
    result = one.results["check"]
    assert result["changed"] is True and one.after_check == one.before
    assert set(story.by_key(result["rescued"])) == set(one.hurt.victims) and result["refused"] == []
    shown = {diff["after_header"]: diff for diff in result["diff"]}
    for key, victim in one.hurt.victims.items():
        diff = shown.pop(f"{shims.STATE}/{key[0]}/{key[1]}/{victim.name}")
        assert diff["after"] == one.files[key].data.decode() + "\n"
    assert not shown


def test_a_held_host_is_not_touched(one):
    result = one.results["held"]
    assert result["failed"] and "/etc/shimops/hold holds this host" in result["msg"] and result["changed"] is False
    assert one.after_check == one.before


def test_all_are_rescued_and_nothing_else_is_written(one):
    result = one.results["rescue"]
    assert result["changed"] is True and result["refused"] == [] and result["migrated"] == []
    assert set(story.by_key(result["rescued"])) == set(one.hurt.victims)
    entries = {line.split()[0]: line for line in one.before.splitlines()}
    changed = {line.split()[0] for line in one.after_rescue.splitlines() if entries.get(line.split()[0]) != line}
    wanted = set()
    for (namespace, name), victim in one.hurt.victims.items():
        bundle = f"./{namespace}/{name}"
        wanted |= {bundle, f"{bundle}/{victim.name}"}
        wanted |= {f"{bundle}/{damage.KEPT}{victim.name}"} if victim.damaged else set()
    assert changed == wanted


def test_the_second_run_changes_nothing(one):
    result = one.results["again"]
    assert (result["changed"], result["rescued"], result["refused"]) == (False, [], [])
    assert one.after_again == one.after_rescue


def test_the_restart_is_not_refused_and_loses_nothing(one):
    result = one.results["restart"]
    assert result["failed"] is False and result["changed"] is True, result.get("msg")
    assert set(one.kept_fates.values()) == {"kept"} and set(one.kept_fates) == set(one.hurt.tasks)
    assert result["summary"]["reattached"] == len(one.hurt.tasks)
    assert one.kept_files == one.files


def test_a_rescued_bundle_can_be_deleted(one):
    assert sorted(one.left) == ["plain1", "plain2"]


@pytest.fixture(scope="module")
def upgraded(fleet, hosts, reported):
    """The hosts of 1.x, rescued for 2.1, after their package was replaced by that of 2.1."""
    old = [hosts[release] for release in LEGACY]
    play.reset(fleet, old)
    seen = {release: SimpleNamespace(host=hosts[release], results={}) for release in LEGACY}
    for name, hurt in play.together(old, damage.hurt).items():
        next(one for one in seen.values() if one.host.name == name).hurt = hurt
    wanted = {**RESCUE, "target_version": TARGET}
    _everywhere(fleet, old, seen, "rescue", "shim_migrate", wanted)
    for one in seen.values():
        one.files = {
            key: (damage.look(one.host, key, "bootstrap.json"), damage.look(one.host, key, "address"))
            for key in one.hurt.victims
        }
    play.together(old, lambda host: fleet.upgrade(host, "2.1"))
    restart = {"state": "restarted", "run_id": "upgraded", "settle": 1, "detail": "full"}
    _everywhere(fleet, old, seen, "restart", "shim_reconnect", restart)
    for one in seen.values():
        listed = world.tasks(one.host)
        one.fates = {key: story.fate(one.host, key, was, listed) for key, was in one.hurt.tasks.items()}
    return seen


@pytest.mark.parametrize("release", LEGACY)
def test_bundles_of_1_x_are_rescued_for_2_1(upgraded, release):
    one = upgraded[release]
    assert one.results["rescue"]["refused"] == []
    assert set(story.by_key(one.results["rescue"]["rescued"])) == set(one.hurt.victims)
    for key, victim in one.hurt.victims.items():
        written, address = one.files[key]
        if victim.name == "address":
            # Only the file that 2.1 reads is written; what 1.x would read stays as it is.
            assert (
                written.data.startswith(b'{"version":2,"address":"unix:///run/containerd/s/') and written.mode == 0o644
            )
            assert address == victim.damaged


@pytest.mark.parametrize("release", LEGACY)
def test_containers_of_1_x_survive_the_upgrade(upgraded, release):
    one = upgraded[release]
    assert one.results["restart"]["failed"] is False, one.results["restart"].get("msg")
    assert set(one.fates.values()) == {"kept"}
