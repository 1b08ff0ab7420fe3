# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hazards that are not about one bundle: each foretold, refused, and as foretold when gone through with."""

import functools

import play
import pytest
import story
import world
from conftest import CLASSES

from lab import faults, recipe, workloads

META = "/var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db"
POLICY = "/usr/sbin/policy-rc.d"
ELSEWHERE = "/run/containerd-elsewhere"
UNITS = "/etc/systemd/system"

# Within the state directory's file system, made small for that: it lies in memory.
FILL = """
size=$(df --output=size /run | tail -n 1 | tr -d ' ')
mkdir -p /run/shimops-lab; [ -e /run/shimops-lab/size ] || echo "$size" > /run/shimops-lab/size
used=$(df --output=used /run | tail -n 1 | tr -d ' ')
mount -o "remount,size=$((used + 2048))k" /run
dd if=/dev/zero of=/run/shimops-lab/filler bs=64k 2>/dev/null || true
dd if=/dev/zero of=/run/shimops-lab/filler.rest bs=4k 2>/dev/null || true
"""

CLEAN = """
[ ! -e /run/shimops-lab/size ] || mount -o "remount,size=$(cat /run/shimops-lab/size)k" /run
rm -f /run/shimops-lab/size /run/shimops-lab/filler /run/shimops-lab/filler.rest
for unit in lab-mine.service lab-second.service docker.service kubelet.service; do
    [ -e "$1/$unit" ] || continue
    systemctl kill -s KILL "$unit" 2>/dev/null || true
    systemctl stop "$unit" || true
    rm "$1/$unit"
done
rm -rf /usr/sbin/policy-rc.d "$1/containerd.service.d"
systemctl daemon-reload
"""

SLEEPS = "[Service]\nExecStart=/bin/sleep 100000\n"


def _drop_in(text):
    return lambda host: host.script(
        'mkdir -p "$1"; printf "%s" "$2" > "$1/lab-hazard.conf"; systemctl daemon-reload', faults.DROP_INS, text
    )


def _service(host, name, text):
    host.script('printf "%s" "$2" > "$1"; systemctl daemon-reload; systemctl start "$3"', f"{UNITS}/{name}", text, name)


def _stops_with(host):
    """A service that needs containerd, and one that is a part of it."""
    _service(host, "lab-mine.service", "[Unit]\nRequires=containerd.service\nAfter=containerd.service\n" + SLEEPS)
    _service(host, "lab-second.service", "[Unit]\nPartOf=lab-mine.service\n" + SLEEPS)


def _docker(host):
    """What stands for dockerd: it stops its containers when it is stopped."""
    stop = "ExecStop=/usr/bin/ctr -n moby task kill -s KILL moby1\n"
    text = "[Unit]\nBindsTo=containerd.service\nAfter=containerd.service\n" + SLEEPS + stop
    _service(host, "docker.service", text)


def _moby_container(host):
    workloads.start_plain(host, "moby1", ("/bin/sleep", "9999"), namespace="moby")


def _warnings(host):
    """Only warnings: kubelet, and a limit that is far away."""
    _service(host, "kubelet.service", "[Unit]\nRequires=containerd.service\nAfter=containerd.service\n" + SLEEPS)
    _drop_in("[Service]\nTasksMax=100000\n")(host)


def _moved(host):
    host.script(
        'sed -i "1i state = \'$2\'" "$1"; mkdir -p "$2/io.containerd.runtime.v2.task"',
        recipe.CONTAINERD_CONFIG,
        ELSEWHERE,
    )


def _first(line):
    """A setting of the whole file has to stand before its tables."""
    return lambda host: host.script('sed -i "1i $2" "$1"', recipe.CONTAINERD_CONFIG, line)


def _last(text):
    return lambda host: host.script('printf "%s" "$2" >> "$1"', recipe.CONTAINERD_CONFIG, text)


MAKE = {
    "runtime_directory": _drop_in("[Service]\nRuntimeDirectory=containerd\n"),
    "stop_command": _drop_in('[Service]\nExecStop=/bin/true\nExecStopPost=/bin/sh -c "exit 0"\n'),
    "tasks_max": _drop_in("[Service]\nTasksMax=30\n"),
    "stops_with": _stops_with,
    "docker": _docker,
    "directory_moved": _moved,
    "metadata_missing": lambda host: host.run(["rm", META]),
    "metadata_damaged": lambda host: host.script('rm "$1"; head -c 100000 /dev/urandom > "$1"', META),
    "configuration_invalid": _last("this is { not toml\n"),
    "load_timeout": _last('[timeouts]\n  "io.containerd.timeout.shim.load" = "0s"\n'),
    "runtime_disabled": _first("disabled_plugins = ['io.containerd.runtime.v2.task']"),
    "platforms_invalid": _last('[plugins."io.containerd.runtime.v2.task"]\n  platforms = ["nonsense"]\n'),
    "required_plugin": _first("required_plugins = ['io.containerd.lab.v1.none']"),
    "warnings": _warnings,
    "state_full": lambda host: host.script(FILL),
}
#: What each does to the tasks it concerns, by the forecast and in truth; ``kept`` is more than was promised.
OUTCOMES = {
    "runtime_directory": ("dropped", {"unmanaged"}),
    "stop_command": ("unknown", {"kept"}),
    "tasks_max": ("unknown", {"kept", "unmanaged"}),
    "stops_with": ("unknown", {"kept"}),
    # No dockerd can be asked, so it is not known what is stopped; the real one is in test_docker.py.
    "docker": ("unknown", {"killed"}),
    "directory_moved": ("orphaned", {"unmanaged"}),
    "metadata_missing": ("orphaned", {"unmanaged"}),
    "metadata_damaged": ("runtime_absent", {"unmanaged"}),
    "configuration_invalid": ("runtime_absent", {"unmanaged"}),
    # A shim that answers at once now and then wins the race against a time-out that is over already: seen on 1.7.
    "load_timeout": ("killed", {"killed", "kept"}),
    "runtime_disabled": ("runtime_absent", {"unmanaged"}),
    "platforms_invalid": ("runtime_absent", {"unmanaged"}),
    "required_plugin": ("runtime_absent", {"unmanaged"}),
}
#: In each run one that keeps containerd from starting, one that kills, and one warning; ./dev matrix takes all.
ALWAYS = ("configuration_invalid", "load_timeout", "state_full")
PREPARE = {"docker": _moby_container}
IDS = {"docker": "stops_with"}
WARNINGS = {"warnings": {"stops_with", "tasks_max"}, "state_full": {"state_full"}}


@pytest.fixture(scope="module")
def stories(fleet, hosts):
    """The stories by the hazard's name, each run when it is first asked for."""

    def observe(name):
        def make(host):
            MAKE[name](host)
            return dict.fromkeys(world.tasks(host), name)

        try:
            # What nothing can be proven of is not waited for as long as in earnest.
            return story.enact(fleet, hosts, make, PREPARE.get(name, lambda host: None), restart_timeout=15)
        finally:
            play.together(hosts.values(), lambda host: host.script(CLEAN, UNITS))

    return functools.lru_cache(observe)


@pytest.fixture(params=CLASSES)
def release(request):
    return request.param


class TestHazard:
    """One hazard at a time."""

    @pytest.fixture(
        params=[name if name in ALWAYS else pytest.param(name, marks=pytest.mark.matrix) for name in OUTCOMES]
    )
    def name(self, request):
        return request.param

    @pytest.fixture
    def seen(self, stories, name, release):
        return stories(name)[release]

    @pytest.fixture
    def concerned(self, seen, name):
        return {key for key in seen.rows if name != "docker" or key[0] == "moby"}

    def test_it_is_forecast_with_its_remedy(self, seen, name, concerned):
        found = {hazard["id"]: hazard for hazard in seen.forecast["hazards"]}
        hazard = found[IDS.get(name, name)]
        assert hazard["outcome"] == OUTCOMES[name][0] and hazard["reason"] and hazard["remedy"]
        assert concerned and set(found) == {IDS.get(name, name)}
        for key, row in seen.rows.items():
            if key in concerned and row["rule"] != "A11":
                assert (row["outcome"], row["rule"]) == (hazard["outcome"], hazard["id"]), row
            assert row["at_risk"] is (key in concerned), row

    def test_by_default_the_restart_is_refused_with_the_remedy(self, seen, concerned):
        assert seen.refused["failed"] is True and seen.refused["changed"] is False
        assert seen.between.daemon == seen.before.daemon
        assert set(story.by_key(seen.refused["at_risk"])) == concerned
        (hazard,) = {one["id"]: one for one in seen.forecast["hazards"]}.values()
        if all(row["rule"] == hazard["id"] for row in seen.rows.values() if row["at_risk"]):
            assert hazard["remedy"] in seen.refused["msg"]

    def test_proceeding_ends_as_forecast(self, seen, name, concerned):
        assert seen.after.daemon != seen.before.daemon
        # 1.6 goes on listing a task that has ended.
        ended = {key for key, fate in seen.fates.items() if fate.startswith("listed as None")}
        fates = {"killed" if key in ended else fate for key, fate in seen.fates.items() if key in concerned}
        assert fates and fates <= OUTCOMES[name][1], seen.fates
        assert OUTCOMES[name][0] != "killed" or "killed" in fates, seen.fates
        for key, fate in seen.fates.items():
            assert key in concerned or fate == "kept"


class TestWarning:
    """What is reported and overrules nothing."""

    @pytest.fixture(params=["state_full", pytest.param("warnings", marks=pytest.mark.matrix)])
    def name(self, request):
        return request.param

    @pytest.fixture
    def seen(self, stories, name, release):
        return stories(name)[release]

    def test_it_is_reported(self, seen, name):
        hazards = seen.forecast["hazards"]
        assert {hazard["id"] for hazard in hazards} == WARNINGS[name]
        assert {hazard["outcome"] for hazard in hazards} == {None}
        assert seen.forecast["summary"]["at_risk"] == 0

    def test_the_restart_is_not_refused_and_loses_nothing(self, seen):
        assert seen.refused["failed"] is False and seen.refused["changed"] is True
        assert seen.refused["summary"]["lost"] == 0
        assert seen.refused["summary"]["reattached"] == len(seen.tasks)


@pytest.fixture(scope="module")
def late(fleet, hosts):
    """A stopped shim costs five seconds, and systemd gives containerd four."""
    play.reset(fleet, hosts.values())

    def make(host):
        faults.apply(host, "shim_stopped", "plain1")
        _drop_in("[Service]\nTimeoutStartSec=4\n")(host)
        return world.containerd(host)

    try:
        before = play.together(hosts.values(), make)
        wanted = {"state": "restarted", "run_id": "late", "shim_timeout": 2, "detail": "full"}
        results = play.run(fleet, "shim_reconnect", wanted, hosts.values())
        probed = play.run(fleet, "shim_probe", {"shim_timeout": 2, "detail": "full"}, hosts.values())
        after = play.together(hosts.values(), world.containerd)
    finally:
        play.together(hosts.values(), lambda host: host.script(CLEAN, UNITS))
    return {
        release: (probed[host.name], results[host.name], before[host.name], after[host.name])
        for release, host in hosts.items()
    }


class TestStartTimeout:
    """A start that would take longer than systemd waits is refused; nobody goes through with that."""

    def test_every_task_is_at_risk(self, late, release):
        probed, refused, before, after = late[release]
        assert [(one["id"], one["outcome"]) for one in probed["hazards"]] == [("start_timeout", "hangs")]
        assert probed["start_estimate"] > 4
        assert probed["summary"]["outcomes"] == {"hangs": 7, "killed": 1}
        assert refused["failed"] is True and refused["changed"] is False and before == after


@pytest.fixture(scope="module")
def upgraded(fleet, hosts):
    """On 1.6 one bundle names a shim that 2.1 does not ship; on 1.7 there is no room for bootstrap.json."""
    old = {release: hosts[release] for release in ("1.6", "1.7")}
    play.reset(fleet, old.values())
    before = {release: world.tasks(host) for release, host in old.items()}
    shim = f"{story.shims.STATE}/default/plain1/shim-binary-path"
    old["1.6"].script('printf /usr/bin/containerd-shim-runc-v1 > "$1"', shim)
    wanted = {"target_version": ["2.1.9", "running"], "detail": "full"}
    probed = play.run(fleet, "shim_probe", wanted, [old["1.6"]])
    try:
        # A systemd that has no room in /run does not even load the units of a new package.
        old["1.7"].script('printf "#!/bin/sh\\nexit 101\\n" > "$1"; chmod 755 "$1"', POLICY)
        play.together(old.values(), lambda host: fleet.upgrade(host, "2.1"))
        old["1.7"].script(FILL)
        probed.update(play.run(fleet, "shim_probe", wanted, [old["1.7"]]))
        old["1.7"].run(["systemctl", "restart", "containerd"])
        listed = play.together(old.values(), world.tasks)
        fates = {
            release: {key: story.fate(host, key, was, listed[host.name]) for key, was in before[release].items()}
            for release, host in old.items()
        }
    finally:
        play.together(old.values(), lambda host: host.script(CLEAN, UNITS))
    return {release: (probed[host.name], fates[release]) for release, host in old.items()}


class TestUpgrade:
    """The files as the packages of 2.1 leave them, and as containerd 2.1 would have to write them."""

    def test_a_shim_that_is_not_shipped_any_more(self, upgraded):
        probed, fates = upgraded["1.6"]
        rows = story.by_key(probed["shims"])
        dropped = rows.pop(("default", "plain1"))
        assert (dropped["outcome"], dropped["rule"], dropped["task"]) == ("dropped", "F1", "unmanaged")
        assert "containerd-shim-runc-v1" in dropped["reason"]
        assert {row["outcome"] for row in rows.values()} == {"reattached"}
        assert [target["at_risk"] for target in probed["targets"]] == [1, 0]
        assert fates.pop(("default", "plain1")) == "unmanaged" and set(fates.values()) == {"kept"}

    def test_no_room_for_the_file_that_2_1_writes(self, upgraded):
        probed, fates = upgraded["1.7"]
        assert {(row["outcome"], row["rule"]) for row in probed["shims"]} == {("killed", "C8")}
        assert [target["at_risk"] for target in probed["targets"]] == [8, 0]
        assert [hazard["id"] for hazard in probed["hazards"]] == ["state_full"]
        # Each one that is killed leaves its room to those after it.
        assert "killed" in fates.values() and set(fates.values()) <= {"killed", "kept"}
