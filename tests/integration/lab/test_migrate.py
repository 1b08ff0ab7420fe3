# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles of 1.x made ready for 2.1: what is written is what a real containerd 2.1 writes, and what it reads."""

import json
from types import SimpleNamespace

import play
import pytest
import story
import world

from lab import faults
from lab.shims import STATE

#: With it a result has its diff too, which Ansible otherwise shows to people only.
WHOLE = {"ANSIBLE_VERBOSITY": "3"}
LEGACY = ("1.6", "1.7")
TARGET = "2.1.9"
BUNDLES = f"cd {STATE}; find . -mindepth 3 -maxdepth 3 -printf '%p %s %m %U %G %T@\\n' | sort"


def _file(host, key, name="bootstrap.json"):
    """Content, mode, owner and group of a file of a bundle; None where it is not."""
    path = host.path(f"{STATE}/{key[0]}/{key[1]}/{name}")
    if not path.exists():
        return None
    status = path.stat()
    return path.read_bytes(), oct(status.st_mode & 0o7777), status.st_uid, status.st_gid


def _rows(result, name):
    return {(row["namespace"], row["id"]): row["reason"] for row in result[name]}


@pytest.fixture(scope="module")
def reported(fleet, hosts):
    """What was seen of a whole migration, by release: two shims do not answer, and one bundle is left to containerd."""
    play.reset(fleet, hosts.values())
    found = {release: SimpleNamespace(host=host, results={}) for release, host in hosts.items()}

    def migrate(step, only=None, check=False, **options):
        wanted = {"target_version": TARGET, "detail": "full", "shim_timeout": 2, **options}
        chosen = [found[release] for release in only or found]
        results = play.run(fleet, "shim_migrate", wanted, [one.host for one in chosen], check, WHOLE)
        for one in chosen:
            one.results[step] = results[one.host.name]

    def fault(host):
        faults.apply(host, "shim_stopped", "plain1")
        faults.apply(host, "socket_missing", "plain2")

    for one in found.values():
        one.tasks = world.tasks(one.host)
        one.before = one.host.script(BUNDLES)
    migrate("check", check=True)
    for one in found.values():
        one.after_check = one.host.script(BUNDLES)
    play.together([found[release].host for release in LEGACY], fault)
    migrate("dead", LEGACY, namespaces=["default"])
    for release in LEGACY:
        found[release].after_dead = found[release].host.script(BUNDLES)
        for name in ("shim_stopped", "socket_missing"):
            faults.apply(found[release].host, name, "plain1" if name == "shim_stopped" else "plain2", undo=True)
    migrate("pods", namespaces=["k8s.io"])
    migrate("plain1", ids=["plain1"])
    migrate("again", ids=["plain1"])
    for one in found.values():
        one.files = {key: _file(one.host, key) for key in one.tasks}
        one.addresses = {key: _file(one.host, key, "address") for key in one.tasks}
    wanted = {"state": "restarted", "run_id": "old", "settle": 1, "detail": "full"}
    for name, result in play.run(fleet, "shim_reconnect", wanted, [found[each].host for each in LEGACY]).items():
        next(one for one in found.values() if one.host.name == name).results["restart"] = result
    return found


@pytest.fixture(scope="module")
def upgraded(fleet, reported):
    """The hosts of 1.x after their package was replaced by that of 2.1 and containerd restarted."""
    hosts = [reported[release].host for release in LEGACY]
    play.together(hosts, lambda host: fleet.upgrade(host, "2.1"))
    for release in LEGACY:
        reported[release].upgraded = world.containerd(reported[release].host)
    wanted = {"state": "restarted", "run_id": "upgrade", "settle": 1, "detail": "full"}
    results = play.run(fleet, "shim_reconnect", wanted, hosts)
    for release in LEGACY:
        one = reported[release]
        one.results["upgrade"] = results[one.host.name]
        one.after = story.observe(one.host)
        one.daemon_version = one.host.run(["ctr", "version"]).stdout
        one.files_after = {key: _file(one.host, key) for key in one.tasks}
    return reported


@pytest.fixture(params=LEGACY)
def one(request, reported):
    return reported[request.param]


def test_check_mode_writes_nothing_and_shows_every_file(one):
    result = one.results["check"]
    assert result["changed"] is True and not result["failed"]
    assert one.after_check == one.before
    assert set(_rows(result, "migrated")) == set(one.tasks) and result["refused"] == []
    shown = {diff["after_header"]: json.loads(diff["after"]) for diff in result["diff"]}
    for key in one.tasks:
        address = _file(one.host, key, "address")[0].decode()
        path = f"{STATE}/{key[0]}/{key[1]}/bootstrap.json"
        assert shown.pop(path) == {"version": 2, "address": address, "protocol": "ttrpc"}
    assert not shown


def test_a_shim_that_does_not_answer_is_refused_with_its_reason(one):
    result = one.results["dead"]
    assert result["changed"] is False and result["migrated"] == []
    refused = _rows(result, "refused")
    assert set(refused) == {("default", "plain1"), ("default", "plain2")}
    assert "does not answer" in refused[("default", "plain1")]
    assert "socket" in refused[("default", "plain2")] or "No such file" in refused[("default", "plain2")]
    assert one.after_dead == one.before


def test_only_what_was_named_is_written_and_the_second_run_changes_nothing(one):
    pods = {key for key in one.tasks if key[0] == "k8s.io"}
    assert set(_rows(one.results["pods"], "migrated")) == pods and one.results["pods"]["changed"] is True
    assert set(_rows(one.results["plain1"], "migrated")) == {("default", "plain1")}
    assert one.results["again"]["changed"] is False and one.results["again"]["migrated"] == []
    assert {key for key, file in one.files.items() if file} == pods | {("default", "plain1")}


def test_the_old_containerd_still_finds_everything(one):
    result = one.results["restart"]
    assert result["failed"] is False and result["changed"] is True, result.get("msg")
    assert set(story.by_key(result["verdicts"])) == set(one.tasks)
    assert result["summary"]["reattached"] == len(one.tasks)


@pytest.mark.parametrize("release", LEGACY)
def test_containerd_2_1_writes_the_same_bytes_mode_and_owner(upgraded, release):
    one = upgraded[release]
    address = one.addresses[("default", "plain2")][0]
    written, *status = one.files_after[("default", "plain2")]
    ours, *our_status = one.files[("default", "plain1")]
    assert one.files[("default", "plain2")] is None
    assert ours.replace(one.addresses[("default", "plain1")][0], address) == written
    assert our_status == status
    # containerd does not touch what was written for it.
    assert {key: one.files_after[key] for key in one.files if one.files[key]} == {
        key: file for key, file in one.files.items() if file
    }


@pytest.mark.parametrize("release", LEGACY)
def test_containerd_2_1_takes_every_migrated_bundle_back(upgraded, release):
    one = upgraded[release]
    result = one.results["upgrade"]
    assert result["failed"] is False and result["changed"] is True, result.get("msg")
    assert one.after.daemon != one.upgraded
    verdicts = story.by_key(result["verdicts"])
    assert set(verdicts) == set(one.tasks)
    for key, was in one.tasks.items():
        assert (verdicts[key]["verdict"], verdicts[key]["witnesses"]) == ("reattached", story.YES)
        assert one.after.listed[key] == was
    assert one.daemon_version.count("2.1.9") == 2, one.daemon_version


def test_bundles_of_2_1_need_nothing(reported):
    one = reported["2.1"]
    assert one.after_check == one.before
    for step in ("check", "pods", "plain1"):
        assert one.results[step]["changed"] is False
        assert one.results[step]["migrated"] == [] and one.results[step]["refused"] == []
