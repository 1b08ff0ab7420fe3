# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in the middle of an upgrade: nothing lost that was not forecast, an exact record, a resume that finishes."""

import packages
import play
import pytest
import rolls
import upgrades
import world
from upgrades import Upgrade

from lab import faults

ORDER = {"batches": [1, "100%"]}


@pytest.fixture
def two(four):
    """Two fresh hosts of 1.6, in the order the playbook takes them."""
    hosts = list(four.hosts.values())[:2]
    for host in hosts:
        # The package the base was made of is still in apt's cache, and would be a rollback.
        host.script("rm -f /run/lab-fails /var/cache/apt/archives/*.deb /usr/sbin/policy-rc.d")
    play.reset(four, hosts)
    yield hosts
    rolls.go(hosts)


@pytest.fixture
def bring(two):
    """Put package files on both hosts."""

    def put(*paths):
        play.together(two, lambda host: packages.put(host, *paths))

    return put


def run(four, two, place, run_id, *words, status, release="1.7", **options):
    """One run of the playbook to its end, and each host's document."""
    with Upgrade(four, two, place, run_id, release, *words, **{**ORDER, **options}) as one:
        assert one.ended() == status
        return one, one.documents()


def check_untouched(before, two):
    """The second host was not touched."""
    assert upgrades.see(two[1]) == before[two[1].name]
    assert world.ledger(two[1]) is None


def test_package_that_fails_to_install_is_taken_back_and_the_same_run_finishes(four, two, bring, tmp_path):
    bad = packages.failing(tmp_path, "1.7")
    bring(bad, packages.deb("1.6"))
    first = two[0]
    first.script('touch /run/lab-fails; printf "#!/bin/sh\\nexit 104\\n" > "$1"; chmod 755 "$1"', upgrades.POLICY)
    before = upgrades.see_all(two)
    one, documents = run(four, two, tmp_path, "fails", status=2)
    reported = documents[first.name]["message"]
    assert "was not installed (dpkg --install failed: " in reported and "lab: cannot be set up" in reported
    assert reported.endswith("was put back and containerd is as it was.")
    assert documents[first.name]["state"] == "failed" and one.states()[two[1].name] == "untouched"
    after = upgrades.see(first)
    assert (after.daemon, after.tasks, after.policy) == (
        before[first.name].daemon,
        before[first.name].tasks,
        before[first.name].policy,
    )
    assert after.installed == before[first.name].installed
    book = world.ledger(first)
    assert book["phase"] == "recorded" and "lab: cannot be set up" in book["package"]["failed"]
    assert upgrades.hold(first) is None, "nothing was lost, so nobody has to look"
    check_untouched(before, two)

    first.script("rm /run/lab-fails")
    _one, documents = run(four, two, tmp_path, "fails", status=0)
    for name, seen in upgrades.see_all(two).items():
        upgrades.check_moved(before[name], seen, "1.7")
        upgrades.check_proven(documents[name], before[name].tasks)
    assert documents[first.name]["attempts"] == 2


@pytest.mark.matrix
def test_package_that_fails_and_cannot_be_taken_back_is_reported_and_finished(four, two, bring, tmp_path):
    """Without the old package the disk is left as dpkg left it; that is said, and the same run repairs it."""
    bring(packages.failing(tmp_path, "1.7"))
    first = two[0]
    before = upgrades.see(first)
    first.script("touch /run/lab-fails")
    _one, documents = run(four, [first], tmp_path, "half", status=2)
    reported = documents[first.name]["message"]
    assert "and the disk no longer fits the containerd that runs; no new container may start until" in reported
    assert "is not in /srv/packages" in documents[first.name]["staged"]["rollback"]["reason"]
    seen = upgrades.see(first)
    assert (seen.daemon, seen.tasks) == (before.daemon, before.tasks) and seen.installed.startswith("1.7.24")
    status = first.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", "containerd"]).stdout
    assert status == "half-configured"
    first.script("rm /run/lab-fails")
    _one, documents = run(four, [first], tmp_path, "half", status=0)
    upgrades.check_moved(before, upgrades.see(first), "1.7")
    upgrades.check_proven(documents[first.name], before.tasks)
    assert first.run(["dpkg", "--audit"]).stdout == ""


def test_crash_loop_holds_the_host_and_it_can_be_taken_back(four, two, bring, tmp_path):
    bring(packages.crashing(tmp_path, "1.7"), packages.deb("1.6"))
    first = two[0]
    before = upgrades.see_all(two)
    one, documents = run(four, two, tmp_path, "crash", status=2)
    document = documents[first.name]
    assert document["state"] == "failed" and "containerd did not come back" in document["message"]
    assert any("containerd.service" in line for line in document["journal_tail"]), document["journal_tail"]
    assert one.states()[two[1].name] == "untouched"
    check_untouched(before, two)
    # What ran runs on, whatever containerd does.
    for key, process in before[first.name].tasks.items():
        assert world.process(first, process.pid) == process, key
    held = upgrades.hold(first)
    assert held["run_id"] == one.run_id and "containerd did not come back" in held["reason"]
    assert "lab1 is held by /etc/shimops/hold" in one.output() and "ctr --namespace default tasks list" in one.output()

    # Nobody acts on it, be it the same run or another one.
    one, documents = run(four, two, tmp_path, "crash", status=2)
    assert one.states() == {first.name: "failed", two[1].name: "untouched"} and upgrades.hold(first) == held
    check_untouched(before, two)
    for run_id in (one.run_id, "other"):
        arguments = {"state": "restarted", "run_id": run_id, "settle": 1}
        denied = play.run(four, "shim_reconnect", arguments, [first])[first.name]
        assert denied["failed"] and "/etc/shimops/hold holds this host" in denied["msg"]

    # By hand, where a task would be lost in the rollback: refused, with it.
    staged = document["staged"]["rollback"]["path"]
    back = {"state": "rolled_back", "run_id": one.run_id, "package_dir": staged, "settle": 1}
    faults.apply(first, "shim_stopped", "plain1")
    refused = play.run(four, "shim_reconnect", back, [first])[first.name]
    assert refused["failed"] and refused["refused"] and [row["id"] for row in refused["at_risk"]] == ["plain1"]
    faults.apply(first, "shim_stopped", "plain1", undo=True)
    done = play.run(four, "shim_reconnect", back, [first])[first.name]
    assert not done["failed"], done["msg"]
    assert done["summary"]["reattached"] == len(before[first.name].tasks) and done["summary"]["lost"] == 0
    seen = upgrades.see(first)
    assert seen.tasks == before[first.name].tasks and seen.installed == before[first.name].installed
    assert upgrades.hold(first) is None and world.ledger(first)["run_id"] == one.run_id + "-back"


@pytest.mark.matrix
def test_crash_loop_is_taken_back_by_itself_when_asked(four, two, bring, tmp_path):
    bring(packages.crashing(tmp_path, "1.7"), packages.deb("1.6"))
    first = two[0]
    before = upgrades.see_all(two)
    one, documents = run(four, two, tmp_path, "auto", status=2, auto_rollback=True)
    assert one.states()[two[1].name] == "untouched"
    check_untouched(before, two)
    document = documents[first.name]
    assert document["state"] == "failed" and document["rolled_back"]["summary"]["lost"] == 0
    assert document["rolled_back"]["package"]["release"] == "1.6.20"
    seen = upgrades.see(first)
    assert seen.tasks == before[first.name].tasks and seen.daemon != before[first.name].daemon
    assert seen.running.startswith("1.6.20") and seen.installed == before[first.name].installed
    assert upgrades.hold(first) is None


def test_way_back_is_required_for_going_back_by_itself(four, two, bring, tmp_path):
    bring(packages.deb("1.7"))
    before = upgrades.see_all(two)
    _one, documents = run(four, two, tmp_path, "noway", status=2, auto_rollback=True)
    assert "package: the rollback cannot be staged (" in documents[two[0].name]["message"]
    assert upgrades.see_all(two) == before


def test_full_disk_before_and_in_the_middle(four, two, bring, tmp_path):
    bring(packages.deb("1.7"), packages.deb("1.6"))
    first = two[0]
    before = upgrades.see(first)
    # Too little room for what would be staged: known before anything is fetched.
    first.script("mkdir -p /var/lib/shimops; mount -t tmpfs -o size=30m tmpfs /var/lib/shimops")
    try:
        arguments = {"version": "1.7.24", "directory": packages.DIRECTORY}
        small = play.run(four, "containerd_package", arguments, [first])[first.name]
        assert small["failed"] and small["msg"].startswith("package: the file system of /var/lib/shimops/packages has ")
        assert small["msg"].endswith("; make room, then run this again.")
    finally:
        first.script("umount /var/lib/shimops")
    # dpkg's own records: full when it installs, with more room when the run is resumed.
    first.script(
        "cp -a /var/lib/dpkg /root/dpkg; mount -t tmpfs -o size=60m tmpfs /var/lib/dpkg; "
        "cp -a /root/dpkg/. /var/lib/dpkg/; rm -r /root/dpkg; cat /dev/zero > /var/lib/dpkg/filler 2>/dev/null || true"
    )
    try:
        _one, documents = run(four, [first], tmp_path, "full", status=2)
        reported = documents[first.name]["message"]
        assert "was not installed (dpkg --install failed: " in reported and "No space left on device" in reported
        seen = upgrades.see(first)
        assert (seen.daemon, seen.tasks) == (before.daemon, before.tasks)
        assert "No space left" in world.ledger(first)["package"]["failed"]
        first.script("rm /var/lib/dpkg/filler")
        _one, documents = run(four, [first], tmp_path, "full", status=0)
        upgrades.check_moved(before, upgrades.see(first), "1.7")
        upgrades.check_proven(documents[first.name], before.tasks)
    finally:
        # What dpkg knows now goes back to where it belongs.
        first.script(
            "rm -f /var/lib/dpkg/filler; cp -a /var/lib/dpkg /root/dpkg; umount /var/lib/dpkg; "
            "cp -a /root/dpkg/. /var/lib/dpkg/; rm -r /root/dpkg"
        )


@pytest.mark.parametrize("way", ["ssh cut", pytest.param("controller killed", marks=pytest.mark.matrix)])
def test_cut_in_the_middle(four, two, bring, tmp_path, way):
    bring(packages.deb("1.7"), packages.deb("1.6"))
    first = two[0]
    rolls.ways(two, {first.name: "waits"})
    before = upgrades.see_all(two)
    options = {"command": [rolls.RESTART], "timeout": 600}
    with Upgrade(four, two, tmp_path, "cut", "1.7", **ORDER, **options) as one:
        # The package is there, the restart waits.
        one.until(lambda: (world.ledger(first) or {}).get("package"), "an installed package")
        if way == "ssh cut":
            first.script("pkill -KILL -x sshd; systemctl restart ssh")
            one.until(lambda: "UNREACHABLE!" in one.output(), "a cut connection")
        else:
            one.kill()
        held = upgrades.see(first)
        assert held.daemon == before[first.name].daemon and held.installed.startswith("1.7.24")
        check_untouched(before, two)
        rolls.go(two)
        rolls.ended_alone(first)
        if way == "ssh cut":
            # What was held is put back by this very run, as soon as the host is done.
            assert one.ended() == 2
            assert not first.path("/var/lib/shimops/held.json").exists()
        check_untouched(before, two)
    mid = upgrades.see(first)
    upgrades.check_moved(before[first.name], mid, "1.7")
    assert mid.policy == ""

    _one, documents = run(four, two, tmp_path, "cut", status=0, **options)
    assert rolls.restarts(two) == {host.name: 1 for host in two}, "no host is restarted twice, none is left out"
    assert upgrades.see(first).daemon == mid.daemon
    for name, seen in upgrades.see_all(two).items():
        upgrades.check_moved(before[name], seen, "1.7")
        assert documents[name]["state"] == "verified"
        assert not two[0].path("/var/lib/shimops/held.json").exists(), "what was held is put back by the next run"


@pytest.mark.matrix
def test_container_lost_on_the_canary_stops_the_roll(four, two, bring, tmp_path):
    bring(packages.deb("1.7"), packages.deb("1.6"))
    first = two[0]
    rolls.ways(two, {first.name: "loses"})
    before = upgrades.see_all(two)
    one, documents = run(four, two, tmp_path, "loss", status=2, command=[rolls.RESTART])
    assert documents[first.name]["state"] == "lost" and documents[first.name]["summary"]["lost"] > 0
    assert one.states()[two[1].name] == "untouched"
    check_untouched(before, two)
    assert upgrades.hold(first)["run_id"] == one.run_id


@pytest.mark.matrix
def test_tarball_without_a_package(four, two, tmp_path):
    """containerd as released upstream, in /usr/local/bin: checked, unpacked, renamed into place, rolled back."""
    first = two[0]
    path, digest = packages.tarball(tmp_path, "1.7")
    packages.put(first, path)
    first.script(
        "cp /usr/bin/containerd* /usr/bin/ctr /usr/local/bin; mkdir -p /etc/systemd/system/containerd.service.d; "
        'printf "[Service]\\nExecStart=\\nExecStart=/usr/local/bin/containerd\\n" '
        "> /etc/systemd/system/containerd.service.d/t.conf; systemctl daemon-reload; systemctl restart containerd"
    )
    try:
        before = upgrades.see(first)
        options = {"directory": "", "tarball": f"{packages.DIRECTORY}/{path.name}"}
        wrong = {"version": "1.7.24", "tarball": options["tarball"], "checksum": "sha256:" + "0" * 64}
        refused = play.run(four, "containerd_package", wrong, [first])[first.name]
        assert refused["failed"] and digest in refused["msg"] and "which is not its checksum" in refused["msg"]
        _one, documents = run(four, [first], tmp_path, "tar", status=0, checksum=f"sha256:{digest}", **options)
        seen = upgrades.see(first)
        assert seen.daemon != before.daemon and seen.running.startswith("1.7.24") and seen.tasks == before.tasks
        upgrades.check_proven(documents[first.name], before.tasks)
        replaced = documents[first.name]["package"]["replaced"]
        assert replaced == ["/usr/local/bin/containerd", "/usr/local/bin/containerd-shim-runc-v2"]
        back = documents[first.name]["staged"]["rollback"]["path"]
        arguments = {"state": "restarted", "run_id": "tar-back", "target_version": "1.6.20", "settle": 1}
        done = play.run(four, "shim_reconnect", {**arguments, "package_dir": back}, [first])[first.name]
        assert not done["failed"], done["msg"]
        seen = upgrades.see(first)
        assert seen.running.startswith("1.6.20") and seen.tasks == before.tasks
        assert seen.installed == before.installed, "dpkg's containerd was never touched"
    finally:
        first.script(
            "rm -r /etc/systemd/system/containerd.service.d; systemctl daemon-reload; systemctl restart containerd; "
            "rm -f /usr/local/bin/containerd* /usr/local/bin/ctr"
        )


@pytest.mark.matrix
def test_tasks_of_ones_own_install_it(four, two, bring, tmp_path):
    """Also where the package restarts containerd by itself: what was recorded before is verified, and no second one."""
    bring(packages.deb("1.7"))
    first = two[0]
    book = tmp_path / "install.yml"
    book.write_text(
        "- name: Install as people do\n  ansible.builtin.command:\n"
        f"    cmd: dpkg --install {packages.DIRECTORY}/{packages.deb('1.7').name}\n"
    )
    rolls.ways(two, {})
    before = upgrades.see(first)
    options = {"install_tasks": str(book), "command": [rolls.RESTART]}
    _one, documents = run(four, [first], tmp_path, "own", status=0, **options)
    seen = upgrades.see(first)
    upgrades.check_moved(before, seen, "1.7")
    assert documents[first.name]["state"] == "verified" and documents[first.name]["summary"]["lost"] == 0
    assert rolls.restarts(two)[first.name] == 0, "the package had restarted it already"
