# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrades of hosts whose containerd is an rpm package, with real dnf and rpm."""

import play
import pytest
import upgrades
import world
from upgrades import Upgrade

from lab import kinds

BATCHES = [1, "100%"]
#: Holds rpm's lock until its file is gone.
HOLD = """
import fcntl, os, time
with open("/var/lib/rpm/.rpm.lock", "a") as lock:
    fcntl.lockf(lock, fcntl.LOCK_EX)
    open("/run/lab-locked", "w").close()
    while os.path.exists("/run/lab-locked"): time.sleep(0.1)
"""


@pytest.fixture
def hosts(rpm_hosts):
    """The same hosts, with the release and the containers they began with."""
    hosts = list(rpm_hosts.hosts.values())
    play.reset(rpm_hosts, hosts)
    return hosts


def go(fleet, hosts, place, run_id, release, *words, status=0, **options):
    """One run of the playbook to its end, by the host's own repositories; what it printed, and the documents."""
    with Upgrade(fleet, hosts, place, run_id, release, *words, batches=BATCHES, directory="", **options) as one:
        assert one.ended() == status, one.output()
        return one, one.documents()


def packages_of(host):
    """Every installed package, containerd aside, and the services that run."""
    named = host.script("rpm -qa | sort; dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n'").splitlines()
    sshd = host.script("systemctl show -p MainPID --value ssh")
    return [name for name in named if not name.startswith("containerd-")], sshd


def stage(fleet, host, **options):
    """Stage a release on one host."""
    return play.run(fleet, "containerd_package", {"version": "2.1.9", **options}, [host])[host.name]


def test_there_and_back(rpm_hosts, hosts, tmp_path, covers):
    covers(hosts[:1], "upgrade to 2.1.9 and back, dnf")
    before, others = upgrades.see_all(hosts), {host.name: packages_of(host) for host in hosts}
    one, _documents = go(rpm_hosts, hosts, tmp_path, "check", "2.1", "--check")
    assert upgrades.see_all(hosts) == before and "containerd 1.7.24 would be restarted into 2.1.9" in one.output()
    _one, documents = go(rpm_hosts, hosts, tmp_path, "there", "2.1")
    after = upgrades.see_all(hosts)
    for host in hosts:
        upgrades.check_moved(before[host.name], after[host.name], "2.1")
        upgrades.check_proven(documents[host.name], before[host.name].tasks)
        assert packages_of(host) == others[host.name]
        document = documents[host.name]
        assert document["staged"]["package"]["kind"] == "dnf"
        assert document["staged"]["rollback"]["version"] == "1.7.24-1" and not document["staged"]["rollback"]["reason"]
    first = hosts[0]
    back = {"state": "rolled_back", "run_id": "there.1", "settle": 1}
    back["package_dir"] = documents[first.name]["staged"]["rollback"]["path"]
    done = play.run(rpm_hosts, "shim_reconnect", back, [first])[first.name]
    assert not done["failed"] and done["summary"]["reattached"] == len(before[first.name].tasks), done["msg"]
    upgrades.check_moved(after[first.name], upgrades.see(first), "1.7")


def test_a_package_of_its_own_restarts_containerd_and_staged_it_does_not(rpm_hosts, hosts):
    """What is held back is real: the same package, installed by hand, restarts containerd."""
    first = hosts[0]
    before = world.containerd(first)
    first.script(f"rpm --upgrade {kinds.RPMS}/*/containerd-2.1.9-1.*.rpm", timeout=120)
    assert world.containerd(first) != before


@pytest.mark.matrix
def test_dockers_own_package_brings_containerd_and_a_newer_runc_together(rpm_hosts, hosts, covers):
    covers(hosts[:1], "upgrade of containerd.io to 2.1.9, dnf", runtime="runc, replaced by a newer one")
    first = hosts[0]
    swap = "rpm --erase --nodeps $(rpm -qa containerd containerd.io runc); rpm --install $1; systemctl start containerd"
    try:
        first.script(swap, f"{kinds.IO_RPMS}/containerd.io-1.7.24-1.*.rpm", timeout=120)
        before, old = upgrades.see(first), first.script("runc --version")
        staged = stage(rpm_hosts, first, directory=kinds.IO_RPMS)
        assert not staged["failed"] and staged["package"]["name"] == "containerd.io", staged["msg"]
        wanted = {"state": "restarted", "run_id": "io", "settle": 1, "target_version": "2.1.9"}
        done = play.run(rpm_hosts, "shim_reconnect", {**wanted, "package_dir": staged["staged"]}, [first])[first.name]
        assert not done["failed"] and done["summary"]["reattached"] == len(before.tasks), done["msg"]
        upgrades.check_moved(before, upgrades.see(first), "2.1")
        assert first.script("runc --version") != old
    finally:
        first.script(swap, f"{kinds.RPMS}/*/runc-*.rpm {kinds.RPMS}/*/containerd-1.7.24-1.*.rpm", timeout=120)


@pytest.mark.matrix
def test_a_script_that_fails_changes_nothing(rpm_hosts, hosts, tmp_path):
    first = hosts[0]
    first.script("touch /run/lab-fails")
    try:
        before = upgrades.see(first)
        _one, documents = go(rpm_hosts, [first], tmp_path, "fails", "2.1", status=2)
        assert upgrades.see(first) == before
    finally:
        first.script("rm /run/lab-fails")
    message = documents[first.name]["message"]
    assert "was not installed (rpm --upgrade failed: " in message and "containerd is as it was" in message
    go(rpm_hosts, [first], tmp_path, "fails", "2.1")
    upgrades.check_moved(before, upgrades.see(first), "2.1")


# It waits as long as an installation may: two minutes.
@pytest.mark.matrix
def test_a_database_that_is_locked(rpm_hosts, hosts, tmp_path):
    first = hosts[0]
    before = upgrades.see(first)
    holder = first.popen(["/usr/bin/python3", "-c", HOLD])
    try:
        first.script("n=0; until [ -e /run/lab-locked ] || [ $n -gt 100 ]; do sleep 0.1; n=$((n+1)); done")
        _one, documents = go(rpm_hosts, [first], tmp_path, "locked", "2.1", status=2)
        assert upgrades.see(first) == before
    finally:
        first.script("rm -f /run/lab-locked")
        holder.wait(30)
    assert "holds /var/lib/rpm/.rpm.lock; wait for it to end" in documents[first.name]["message"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"version": "2.1.8"}, "containerd 2.1.8 is not in the host's dnf repositories, which has 1.7.24-1, 2.1.9-1;"),
        ({"directory": "/srv"}, "directory /srv has no repodata in it; make it with createrepo_c"),
        ({"directory": "/srv/nothing"}, "directory /srv/nothing cannot be read"),
        ({"repository": "file:///srv/nothing"}, "looking for containerd failed (Error: "),
        ({"package": "runc"}, "runc 2.1.9 is not in"),
        (
            {"tarball": "/srv/x.tar.gz", "checksum": "0" * 64},
            "belongs to the package containerd; upgrade that with dnf",
        ),
    ],
)
def test_bad_input_is_one_sentence(rpm_hosts, hosts, options, sentence):
    before = upgrades.see(hosts[0])
    result = stage(rpm_hosts, hosts[0], **options)
    assert result["failed"] and not result["changed"] and sentence in result["msg"], result["msg"]
    assert "\n" not in result["msg"] and upgrades.see(hosts[0]) == before


def test_a_package_of_the_right_name_with_another_binary_in_it(rpm_hosts, hosts):
    first = hosts[0]
    script = kinds.BUILD_RPM.replace(kinds.RPMS, "/srv/wrong")
    script += "mkdir -p /tmp/wrong/usr/bin /srv/wrong; cp /bin/true /tmp/wrong/usr/bin/containerd\n"
    script += "build containerd 2.1.9 runc /tmp/wrong; createrepo_c --quiet /srv/wrong\n"
    first.script(script, timeout=120)
    before = upgrades.see(first)
    result = stage(rpm_hosts, first, directory="/srv/wrong")
    assert result["failed"] and "holds another program than containerd (true (GNU coreutils)" in result["msg"], result[
        "msg"
    ]
    assert upgrades.see(first) == before
