# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts without protobuf: they are named, and prepared with apt and with dnf."""

import packages
import play
import pytest
import world

from lab import kinds

PLAYBOOK = "shimops.containerd.prepare_hosts"
PLACE = "/srv/protobuf"
#: What is installed, by dpkg and by rpm.
INSTALLED = """
dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' | grep -v ' not-installed$\\| config-files$'
rpm -qa | sort
"""
FOR_DNF = (
    kinds.BUILD_RPM.replace(kinds.RPMS, PLACE)
    + f"""
dpkg-deb --extract {PLACE}/*.deb /tmp/protobuf
rm -rf /tmp/protobuf/usr/share
build python3-protobuf 3.21.12 "" /tmp/protobuf
rm -rf /tmp/protobuf
createrepo_c --quiet {PLACE}
printf '[protobuf]\\nname=protobuf\\nbaseurl=file://{PLACE}\\ngpgcheck=0\\n' > /etc/yum.repos.d/protobuf.repo
"""
)
FOR_APT = f"""
echo 'deb [trusted=yes] file:{PLACE} ./' > /etc/apt/sources.list.d/protobuf.list
apt-get -q update
"""
AS_BEFORE = f"""
if rpm -q python3-protobuf; then rpm --erase --nodeps python3-protobuf; fi
dpkg --install {PLACE}/*.deb
rm -rf {PLACE} /etc/yum.repos.d/protobuf.repo /etc/apt/sources.list.d/protobuf.list
"""


@pytest.fixture
def host(rpm_hosts):
    """A host from which python3-protobuf was taken; both package managers work on it."""
    host = list(rpm_hosts.hosts.values())[0]
    play.reset(rpm_hosts, [host])
    packages.put(host, packages.cached(host, "python3-protobuf"), directory=PLACE)
    try:
        host.script("dpkg --purge --force-depends python3-protobuf", timeout=60)
        yield host
    finally:
        host.script(AS_BEFORE, timeout=60)


def prepare(fleet, host, manager, *words):
    """Run the playbook; what it printed."""
    options = ("--limit", host.name, "-e", f"prepare_hosts_package_manager={manager}", *words)
    done = play.book(fleet, PLAYBOOK, *options)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("manager", [pytest.param("apt", marks=pytest.mark.matrix), "dnf"])
def test_what_the_modules_need_is_installed_and_nothing_else(rpm_hosts, host, manager):
    if manager == "apt":
        packages.index(host, PLACE)
    host.script(FOR_APT if manager == "apt" else FOR_DNF, timeout=60)
    sentence = (
        "ask: this host has no Python library protobuf; install python3-protobuf on it, as the role prepare_hosts"
    )
    assert play.run(rpm_hosts, "shim_probe", {"timeout": 30}, [host])[host.name]["msg"].startswith(sentence)
    before, containerd = set(host.script(INSTALLED).splitlines()), world.containerd(host)
    assert "changed=1 " in prepare(rpm_hosts, host, manager, "--check")
    assert set(host.script(INSTALLED).splitlines()) == before
    assert "changed=1 " in prepare(rpm_hosts, host, manager)
    (more,) = set(host.script(INSTALLED).splitlines()) - before
    assert more.startswith("python3-protobuf") and not before - set(host.script(INSTALLED).splitlines())
    assert "changed=0 " in prepare(rpm_hosts, host, manager)
    assert world.containerd(host) == containerd
    assert not play.run(rpm_hosts, "shim_probe", {"timeout": 30}, [host])[host.name]["failed"]


def test_a_package_manager_that_is_not_known_is_named(rpm_hosts):
    done = play.book(rpm_hosts, PLAYBOOK, "--limit", "lab1", "-e", "__prepare_hosts_manager=pacman")
    assert done.returncode == 2 and "the package manager pacman is not known to this role" in done.stdout
