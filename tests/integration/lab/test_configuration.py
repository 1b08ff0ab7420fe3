# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration that cannot be read, that a newer containerd wrote, or that moves the socket; the daemon is real."""

import functools

import play
import pytest
import story
import world
from conftest import CLASSES

from dev import place
from lab import recipe

REAL = "/usr/lib/lab-containerd"
#: A script in containerd's place: only what it answers to ``config dump`` is not containerd's own.
WRAPPER = (
    """#!/bin/sh
case "$*" in *"config dump"*) {0};; esac
exec """
    + REAL
    + """/containerd "$@"
"""
)
PUT = """
mkdir -p "$1"; cp -p /usr/bin/containerd "$1/containerd"; rm /usr/bin/containerd
printf '%s' "$2" > /usr/bin/containerd; chmod 755 /usr/bin/containerd; printf '%s' "$3" > "$1/dump"
systemctl restart containerd
"""
BACK = """
[ -e "$1/containerd" ] || exit 0
mv -f "$1/containerd" /usr/bin/containerd; rm -r "$1"; systemctl reset-failed containerd || true
"""
VERSION_4 = (place.ROOT / "tests/unit/fixtures/commands/2.3.4/config-dump.txt").read_text(encoding="utf-8")
MANNERS = {
    "fails": 'echo "containerd: failed to load it: lab" >&2; exit 1',
    "version_4": f"exec cat {REAL}/dump",
    "nothing": "exit 0",
    "hangs": "exec sleep 600",
}
# In each run; ./dev matrix takes all.
ALWAYS = ("fails",)
#: The hazard of each, its outcome, and what the sentence quotes.
HAZARDS = {
    "fails": ("configuration_invalid", "runtime_absent", "failed to load it: lab"),
    "nothing": ("configuration_unknown", "unknown", "printed no whole configuration"),
    "hangs": ("configuration_unknown", "unknown", "did not end in time"),
}
#: One of the releases in each run, all in ./dev matrix.
OF_ONE = ["1.7", *(pytest.param(release, marks=pytest.mark.matrix) for release in ("1.6", "2.1"))]
ADDRESS = "/run/containerd/containerd.sock"
MOVED = "/run/containerd/moved.sock"
MOUNTS = "/run/containerd/io.containerd.mount-manager.v1.bolt"


@pytest.fixture(params=CLASSES)
def release(request):
    return request.param


@pytest.fixture(scope="module")
def stories(fleet, hosts):
    """What was seen behind each wrapper: the story, facts, audit, verification, and facts of the stopped daemon."""

    def observe(manner):
        def make(host):
            host.script(PUT, REAL, WRAPPER.format(MANNERS[manner]), VERSION_4)
            return {}

        try:
            seen = story.enact(fleet, hosts, make)
            facts = play.run(fleet, "shim_bundle_facts", {"detail": "full"}, hosts.values())
            audit = play.run(fleet, "shim_probe", {"audit": True}, hosts.values())
            verified = play.run(fleet, "shim_reconnect", {"state": "verified", "detail": "full"}, hosts.values())
            play.together(hosts.values(), lambda host: host.run(["systemctl", "stop", "containerd"]))
            stopped = play.run(fleet, "shim_bundle_facts", {"detail": "full"}, hosts.values())
        finally:
            play.together(hosts.values(), lambda host: host.script(BACK, REAL))
        return seen, facts, audit, verified, stopped

    return functools.lru_cache(observe)


class TestWrapper:
    """Whatever the dump is worth, what does not depend on it works."""

    @pytest.fixture(
        params=[name if name in ALWAYS else pytest.param(name, marks=pytest.mark.matrix) for name in MANNERS]
    )
    def manner(self, request):
        return request.param

    def test_facts_audit_and_verification_work(self, stories, hosts, manner, release):
        seen, facts, audit, verified, _stopped = stories(manner)
        name = hosts[release].name
        (instance,) = facts[name]["ansible_facts"]["containerd_shims"]["instances"]
        daemon = instance["daemon"]
        assert (daemon["state_dir"], daemon["root_dir"]) == ("/run/containerd", "/var/lib/containerd")
        assert daemon["address"] == ADDRESS and daemon["pid"] == seen[release].after.daemon.pid
        assert len(instance["bundles"]) == len(seen[release].tasks)
        assert daemon["configuration"]["version"] == {"version_4": 4}.get(manner)
        assert bool(daemon["configuration"]["problem"]) is (manner in HAZARDS)
        document = audit[name]["document"]
        assert document["counts"]["tasks"] == len(seen[release].tasks) and not audit[name]["failed"]
        assert {hazard["id"] for hazard in audit[name]["hazards"]} == {
            HAZARDS[one][0] for one in HAZARDS if one == manner
        }
        assert {row["verdict"] for row in verified[name]["verdicts"]} == {"reattached"}

    def test_a_stopped_daemon_is_known_all_the_same(self, stories, hosts, manner, release):
        seen, *_others, stopped = stories(manner)
        (instance,) = stopped[hosts[release].name]["ansible_facts"]["containerd_shims"]["instances"]
        daemon = instance["daemon"]
        assert (daemon["pid"], daemon["running"], daemon["address"]) == (None, None, ADDRESS)
        assert daemon["installed_class"] == CLASSES[release]
        assert bool(daemon["configuration"]["problem"]) is (manner in HAZARDS)
        assert len(instance["bundles"]) == len(seen[release].tasks)

    def test_what_depends_on_it_is_one_sentence_with_the_remedy(self, stories, manner, release):
        seen = stories(manner)[0][release]
        if manner == "version_4":
            assert seen.forecast["hazards"] == [] and seen.forecast["summary"]["at_risk"] == 0
            assert seen.refused["failed"] is False and seen.refused["summary"]["reattached"] == len(seen.tasks)
            return
        identifier, outcome, words = HAZARDS[manner]
        (hazard,) = seen.forecast["hazards"]
        assert (hazard["id"], hazard["outcome"]) == (identifier, outcome)
        assert words in hazard["reason"] and "config dump" in hazard["remedy"]
        story.check_untouched(seen)
        assert seen.refused["failed"] is True and words in seen.refused["msg"]
        assert seen.refused["msg"].endswith(hazard["remedy"] + ".")

    def test_gone_through_with_every_task_is_proven(self, stories, manner, release):
        seen = stories(manner)[0][release]
        if manner != "version_4":
            story.check_restarted(seen)
        story.check_verdicts(seen, {})


@pytest.mark.parametrize("release", OF_ONE)
def test_a_containerd_on_disk_that_does_not_run(fleet, clean, release):
    """Nothing but the restart depends on it, and that is refused."""
    host = clean[release]
    try:
        host.script(
            'cp -p "$2" "$2.lab"; printf "#!/nowhere/sh\\n" > "$1"; mv "$1" "$2"',
            "/usr/bin/lab-broken",
            "/usr/bin/containerd",
        )
        host.run(["chmod", "755", "/usr/bin/containerd"])
        probed = play.run(fleet, "shim_probe", {"detail": "full"}, [host])[host.name]
        facts = play.run(fleet, "shim_bundle_facts", {"detail": "full"}, [host])[host.name]
        refused = play.run(fleet, "shim_reconnect", {"state": "restarted", "run_id": "x"}, [host])[host.name]
    finally:
        host.run(["mv", "-f", "/usr/bin/containerd.lab", "/usr/bin/containerd"])
    assert [one["id"] for one in probed["hazards"]] == ["configuration_invalid"] and probed["summary"]["at_risk"] == 8
    assert "/usr/bin/containerd cannot be run" in probed["hazards"][0]["reason"]
    assert len(facts["ansible_facts"]["containerd_shims"]["instances"][0]["bundles"]) == 8
    assert refused["failed"] and not refused["changed"] and "cannot be run" in refused["msg"]


@pytest.mark.parametrize("release", OF_ONE)
def test_an_address_that_moves_is_refused_and_found(fleet, clean, release):
    """The next start would listen elsewhere: clients would not find it, and we do."""
    host = clean[release]
    before = world.tasks(host)
    host.script('printf "[grpc]\\n  address = \\"%s\\"\\n" "$2" >> "$1"', recipe.CONTAINERD_CONFIG, MOVED)
    wanted = {"state": "restarted", "run_id": "moved", "settle": 1, "detail": "full"}
    refused = play.run(fleet, "shim_reconnect", wanted, [host])[host.name]
    assert refused["failed"] and not refused["changed"]
    assert ADDRESS in refused["msg"] and MOVED in refused["msg"] and "address_moved" in refused["msg"]
    done = play.run(fleet, "shim_reconnect", {**wanted, "on_risk": "proceed"}, [host])[host.name]
    assert not done["failed"], done["msg"]
    assert done["summary"]["reattached"] == len(before)
    assert {row["after"]["pid"] for row in done["verdicts"]} == {one.pid for one in before.values()}


def test_a_damaged_database_of_mounts(fleet, clean):
    """Only 2.2 and later read it, and none of those is a package here: the forecast is shown, not the restart."""
    host = clean["2.1"]
    host.script('mkdir -p "$1"; head -c 40000 /dev/urandom > "$1/mounts.db"', MOUNTS)
    try:
        wanted = {"target_version": ["2.2.7", "2.3.4", "2.4.0", "running"], "detail": "full"}
        probed = play.run(fleet, "shim_probe", wanted, [host])[host.name]
    finally:
        host.run(["rm", "-r", MOUNTS])
    assert [target["at_risk"] for target in probed["targets"]] == [8, 8, 8, 0]
    assert [(one["id"], one["outcome"]) for one in probed["hazards"]] == [("mounts_damaged", "runtime_absent")]


@pytest.mark.parametrize("release", OF_ONE)
def test_the_daemon_is_found_without_its_configuration(fleet, clean, release):
    """Removed since the start, and containerd started with directories of its own."""
    host = clean[release]
    host.run(["mv", recipe.CONTAINERD_CONFIG, recipe.CONTAINERD_CONFIG + ".lab"])
    try:
        probed = play.run(fleet, "shim_probe", {"detail": "full"}, [host])[host.name]
    finally:
        host.run(["mv", recipe.CONTAINERD_CONFIG + ".lab", recipe.CONTAINERD_CONFIG])
    # containerd starts without the file, so this is no hazard.
    assert probed["hazards"] == [] and probed["summary"]["outcomes"] == {"reattached": 8}
