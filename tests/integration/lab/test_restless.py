# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""containerd_hold against the real needrestart and unattended-upgrades: each restarts containerd but for the hold."""

import packages
import play
import pytest
import world

# containerd runs from a file that is gone now, as after an upgrade of its package.
OUTDATE = "cp -p /usr/bin/containerd /usr/bin/containerd.new; mv /usr/bin/containerd.new /usr/bin/containerd"
NEEDRESTART = "needrestart -v -r a -l"
REPOSITORY = f"""
echo 'deb [trusted=yes] file:{packages.DIRECTORY} ./' > /etc/apt/sources.list.d/lab.list
echo 'Unattended-Upgrade::Origins-Pattern {{ "origin="; }};' > /etc/apt/apt.conf.d/99lab
apt-get -q update
"""
UPGRADE = "unattended-upgrade -d"
CLEAN = "rm -f /etc/apt/sources.list.d/lab.list /etc/apt/apt.conf.d/99lab"


@pytest.fixture
def host(restless):
    (host,) = restless.hosts.values()
    play.reset(restless, [host])
    yield host
    host.script(CLEAN)
    play.run(restless, "containerd_hold", {"state": "released"})


def hold(fleet, state):
    """Hold, or release what was held; the result."""
    (result,) = play.run(fleet, "containerd_hold", {"state": state, "run_id": "hold", "detail": "full"}).values()
    assert not result["failed"], result["msg"]
    return result


def is_restarted(host, script):
    """Whether containerd is another process after it; its tasks stay in any case."""
    before, tasks = world.containerd(host), world.tasks(host)
    print(host.script(script, timeout=300))
    after = world.containerd(host)
    assert after and world.tasks(host) == tasks
    return after != before


def test_needrestart(restless, host):
    hold(restless, "held")
    host.script(OUTDATE)
    assert not is_restarted(host, NEEDRESTART)
    hold(restless, "released")
    assert is_restarted(host, NEEDRESTART)


def test_unattended_upgrades(restless, host):
    packages.put(host, packages.deb("2.1"))
    packages.index(host)
    host.script(REPOSITORY)
    hold(restless, "held")
    installed = host.installed()
    assert not is_restarted(host, UPGRADE) and host.installed() == installed
    hold(restless, "released")
    assert is_restarted(host, UPGRADE) and host.installed() == packages.version(packages.deb("2.1"))
