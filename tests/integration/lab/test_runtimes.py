# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other OCI runtimes below the shim of runc: crun, a newer runc, and gVisor's runsc."""

import time

import packages
import play
import pytest
import world

from lab import workloads

# runsc without a network, which it would share with the host, and without cgroups, as the lab has those of version 1.
GVISOR = "/usr/local/bin/runsc-lab"
RUNTIMES = {"crun": "/usr/bin/crun", "newer": "/opt/newer/usr/sbin/runc", "gvisor": GVISOR}
PREPARE = f"""
printf '#!/bin/sh\\nexec /usr/bin/runsc --network=none --ignore-cgroups --overlay2=none "$@"\\n' > {GVISOR}
chmod 755 {GVISOR}
[ ! -e /usr/bin/crun.gone ] || mv /usr/bin/crun.gone /usr/bin/crun
"""


def begin(host, name):
    """Start a container with the runtime of that name."""
    workloads.start_plain(host, name, ("/bin/sleep", "100000"), ("--runc-binary", RUNTIMES[name]))


def until_gvisor_runs(host):
    """Start gVisor's container again where gVisor panicked right after the start, as it does on a busy machine.

    Its words: "panic: running on goroutine … (task goroutine for kernel.Task … is 0)".
    """
    for _try in range(5):
        time.sleep(1)
        if world.tasks(host)["default", "gvisor"]:
            return
        workloads.delete(host, "gvisor")
        begin(host, "gvisor")
    pytest.fail("gVisor panicked five times in its start")


class One:
    """One host with a container of each runtime."""

    def __init__(self, fleet, host):
        self.fleet, self.host = fleet, host

    def run(self, module, **options):
        """The result of one module."""
        return play.run(self.fleet, module, {"detail": "full", **options}, [self.host])[self.host.name]

    def restart(self, run_id, **options):
        """The result of a restart."""
        return self.run("shim_reconnect", state="restarted", run_id=run_id, settle=1, **options)


@pytest.fixture(params=[pytest.param("runtimes-1.7", marks=pytest.mark.matrix), "runtimes-2.1"])
def one(runtime_hosts, request):
    (host,) = (host for host in runtime_hosts.hosts.values() if host.kind == request.param)
    host.script(PREPARE)
    play.reset(runtime_hosts, [host])
    for name in RUNTIMES:
        begin(host, name)
    until_gvisor_runs(host)
    yield One(runtime_hosts, host)
    host.script(PREPARE)


def test_each_shim_answers_as_containerd_lists_its_task(one):
    result = one.run("shim_probe", pids=True)
    assert not result["failed"] and result["summary"]["at_risk"] == 0, result
    rows = {row["id"]: row for row in result["shims"]}
    tasks = world.tasks(one.host)
    for name in RUNTIMES:
        answered = rows[name]
        assert tasks["default", name], f"{name} does not run: {one.host.run(['ctr', 'task', 'ls']).stdout}, {answered}"
        assert answered["task_pid"] == tasks["default", name].pid and answered["status"] == "running"
        # gVisor numbers the processes in its sandbox itself.
        listed = one.host.run(["ctr", "task", "ps", name]).stdout.split()[2::2]
        assert listed == (["1"] if name == "gvisor" else [str(answered["task_pid"])])
        options = one.host.path(f"/run/containerd/io.containerd.runtime.v2.task/default/{name}/options.json")
        assert RUNTIMES[name] in options.read_text(encoding="utf-8")


def test_a_restart_keeps_them_and_says_so(one, covers):
    for program in ("crun", RUNTIMES["newer"], "runsc"):
        name, _version, release = one.host.script("$1 --version", program).split()[:3]
        covers([one.host], "restart", runtime=f"{name} {release}", clients="ctr")
    before = world.tasks(one.host)
    result = one.restart("kept")
    assert not result["failed"] and result["summary"]["reattached"] == len(before), result["msg"]
    assert world.tasks(one.host) == before


def test_a_runtime_that_is_gone_orphans_its_task_alone(one):
    before = world.tasks(one.host)
    one.host.script("mv /usr/bin/crun /usr/bin/crun.gone")
    result = one.restart("gone")
    assert result["refused"] and "default/crun" in result["msg"] and world.tasks(one.host) == before
    blind = one.run("shim_probe", pids=False)
    assert {row["id"]: row["outcome"] for row in blind["hazards"]} == {"runc_missing": "orphaned"}
    result = one.restart("gone-2", on_risk="proceed")
    assert result["summary"]["orphaned"] == 1 and result["summary"]["reattached"] == len(before) - 1, result["msg"]
    after = world.tasks(one.host)
    assert {key: after.get(key) for key in before if key != ("default", "crun")} == {
        key: task for key, task in before.items() if key != ("default", "crun")
    }
    assert world.process(one.host, before["default", "crun"].pid) == before["default", "crun"]


# Debian has nothing newer than 2.1.
@pytest.mark.parametrize("one", ["runtimes-1.7"], indirect=True)
def test_a_runtime_that_is_replaced_by_an_upgrade(one, covers):
    covers([one.host], "upgrade to 2.1.9, apt", runtime="runc, replaced by a newer one", clients="ctr")
    """runc first and then containerd, while crun and gVisor stay: the tasks of the old runc are kept by the new one."""
    before, old = world.tasks(one.host), one.host.script("runc --version")
    runcs = packages.newer_runc(), packages.cached(one.host, "runc")
    packages.put(one.host, packages.deb("1.7"), packages.deb("2.1"), *runcs)
    staged = one.run("containerd_package", version="2.1.9", directory=packages.DIRECTORY)
    assert not staged["failed"], staged["msg"]
    one.host.script("dpkg --install $1/runc.deb", packages.DIRECTORY, timeout=60)
    try:
        done = one.restart("both", target_version="2.1.9", package_dir=staged["staged"])
        assert not done["failed"] and done["summary"]["reattached"] == len(before), done["msg"]
        assert world.tasks(one.host) == before and one.host.script("runc --version") != old
    finally:
        one.host.script("dpkg --install --force-downgrade $1/runc_*.deb", packages.DIRECTORY, timeout=60)
