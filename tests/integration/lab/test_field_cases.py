# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as people have them: other paths, units and wrappers, tasks of runtime v1, logs that were not read before."""

import play
import pytest
import world

from lab import workloads

DROP_IN = 'mkdir -p /etc/systemd/system/containerd.service.d; printf "%s" "$1" > '
DROP_IN += (
    "/etc/systemd/system/containerd.service.d/lab-field.conf; systemctl daemon-reload; systemctl restart containerd"
)


def restart(fleet, hosts, run_id, check=False, **options):
    """Restart all these hosts; each host's result by its name."""
    wanted = {"state": "restarted", "run_id": run_id, "settle": 1, "detail": "full", **options}
    return play.run(fleet, "shim_reconnect", wanted, hosts.values(), check)


def verified(results, tasks=8):
    """Every task of every host is reattached, and nothing else was found."""
    for name, result in results.items():
        assert not result["failed"] and result["summary"]["reattached"] == tasks, f"{name}: {result['msg']}"
        assert result["summary"]["tasks"] == tasks and result["changed"]


def refused(hosts, before, results, words):
    """Every host is refused in these words, and nothing was changed."""
    for name, result in results.items():
        assert result["failed"] and not result["changed"] and words in result["msg"], f"{name}: {result['msg']}"
    assert play.together(hosts.values(), world.containerd) == before


@pytest.fixture
def prepared(fleet, hosts):
    """Run a script on the clean hosts, with words; it is undone by a reset at the end."""
    play.reset(fleet, hosts.values())

    def prepare(script, *words, wanted=None):
        chosen = [hosts[release] for release in wanted] if wanted else hosts.values()
        return play.together(chosen, lambda host: host.script(script, *words))

    yield prepare
    undo = (
        "systemctl disable -q --now my-containerd.service 2>/dev/null || true; "
        "rm -f /etc/systemd/system/my-containerd.service; "
        "[ ! -e /usr/bin/ctr.lab ] || mv /usr/bin/ctr.lab /usr/bin/ctr; "
        "[ ! -e /usr/lib/cd/containerd ] || mv /usr/lib/cd/containerd /usr/bin/containerd"
    )
    play.together(hosts.values(), lambda host: host.script(undo))
    play.reset(fleet, hosts.values())


def test_the_state_directory_by_another_name(fleet, hosts, prepared):
    prepared(
        "cd /etc/containerd; "
        """sed -i '1a state = "/var/run/containerd"' config.toml; systemctl restart containerd"""
    )
    verified(restart(fleet, hosts, "var-run"))


def test_a_hardened_unit_has_a_mount_namespace_of_its_own(fleet, hosts, prepared):
    prepared(DROP_IN, "[Service]\nPrivateTmp=yes\n")
    for host in hosts.values():
        pid = world.containerd(host).pid
        apart = host.script('[ "$(readlink /proc/$1/ns/mnt)" = "$(readlink /proc/1/ns/mnt)" ] || echo apart', str(pid))
        assert apart.strip() == "apart"
    verified(restart(fleet, hosts, "private"))


def test_another_directory_in_a_mount_namespace_of_its_own_is_named(fleet, hosts, prepared):
    script = "mkdir -p /opt/lab-other; "
    prepared(script + DROP_IN, "[Service]\nBindPaths=/opt/lab-other:/var/lib/containerd\n")
    before = play.together(hosts.values(), world.containerd)
    refused(hosts, before, restart(fleet, hosts, "other-root"), "has another /var/lib/containerd than this module")


def test_a_host_without_ctr_is_refused_before_anything_is_done(fleet, hosts, prepared):
    before = play.together(hosts.values(), world.containerd)
    prepared("mv /usr/bin/ctr /usr/bin/ctr.lab")
    refused(hosts, before, restart(fleet, hosts, "no-ctr"), "gave no task list")


def test_a_wrapper_in_the_place_of_containerd(fleet, hosts, prepared):
    prepared(
        "mkdir -p /usr/lib/cd; mv /usr/bin/containerd /usr/lib/cd/containerd; "
        """printf '#!/bin/sh\\nexec /usr/lib/cd/containerd "$@"\\n' > /usr/bin/containerd; """
        "chmod 755 /usr/bin/containerd; systemctl restart containerd"
    )
    verified(restart(fleet, hosts, "wrapper"))


def test_a_unit_of_another_name(fleet, hosts, prepared):
    prepared(
        "cp /lib/systemd/system/containerd.service /etc/systemd/system/my-containerd.service; "
        "systemctl stop containerd; systemctl mask -q containerd.service; systemctl daemon-reload; "
        "systemctl start my-containerd"
    )
    verified(restart(fleet, hosts, "own-unit"))


def test_a_unit_that_was_started_too_often(fleet, hosts, prepared):
    prepared("for _ in 1 2 3 4; do systemctl restart containerd; done")
    verified(restart(fleet, hosts, "start-limit"))


def test_logs_that_were_not_read_before_either_fail_no_host(fleet, hosts, prepared):
    prepared(
        "cd /etc/containerd; "
        "case $(sed -n 1p config.toml) in "
        "*3) name=io.containerd.cri.v1.runtime; more=', \"io.containerd.grpc.v1.cri\"';; "
        "*) name=io.containerd.grpc.v1.cri; more=;; esac; "
        """sed -i "1a disabled_plugins = [\\"$name\\"$more]" config.toml; systemctl restart containerd"""
    )
    results = restart(fleet, hosts, "unread")
    verified(results)
    for result in results.values():
        assert len(result["unread"]) == 4 and all(row["before"] for row in result["unread"]), result["unread"]


RUNTIME_V1 = "io.containerd.runtime.v1.linux"


def test_a_task_of_runtime_v1_is_seen_everywhere(fleet, hosts, prepared):
    old = {"1.7": hosts["1.7"]}
    host = old["1.7"]
    workloads.start_plain(host, "old1", ("/bin/sleep", "99999"), ("--runtime", RUNTIME_V1))
    key, before = ("default", "old1"), world.tasks(host)
    assert not host.path("/run/containerd/io.containerd.runtime.v2.task/default/old1").exists()

    def ask(module, **options):
        return play.run(fleet, module, {"detail": "full", **options}, old.values())[host.name]

    facts = ask("shim_bundle_facts")["ansible_facts"]["containerd_shims"]
    (row,) = facts["instances"][0]["other_tasks"]
    assert (row["id"], row["runtime"], row["init_pid"]) == ("old1", RUNTIME_V1, before[key].pid)
    for target, outcome, risk in (("running", "reattached", False), ("2.1.9", "orphaned", True)):
        forecast = ask("shim_probe", target_version=target, audit=True)
        (row,) = [row for row in forecast["shims"] if row["id"] == "old1"]
        assert (row["outcome"], row["at_risk"], row["rule"]) == (outcome, risk, "I1")
        (row,) = forecast["document"]["other_tasks"]
        assert (row["id"], row["outcome"], row["at_risk"]) == ("old1", outcome, risk)
        assert "default/old1" not in str(forecast["document"]["leftovers"])
        assert row["shim_pid"] and ("default/old1" in forecast["refusal"]) == risk
    before_all = play.together(old.values(), world.containerd)
    results = restart(fleet, old, "upgrade", target_version="2.1.9")
    refused(old, before_all, results, "default/old1")
    results = restart(fleet, old, "v1")
    verified(results, 9)
    (row,) = [row for row in results[host.name]["verdicts"] if row["id"] == "old1"]
    assert row["witnesses"]["containerd"] == "yes" and world.tasks(host)[key] == before[key]


def test_containerd_loads_every_shim_before_it_serves(fleet, hosts, prepared):
    """An exit after containerd serves proves that the load did not cause it: the load is over by then."""
    watch = (
        "import os, select, sys, time\n"
        "pid, socket = sys.argv[1:]\n"
        "old = os.stat(socket).st_mtime\n"
        # The kernel says so when it dies; its entry in /proc stays until its shim, which is stopped, takes notice.
        "poll = select.poll()\n"
        "poll.register(os.pidfd_open(int(pid)), select.POLLIN)\n"
        "print('ready', flush=True)\n"
        "poll.poll()\n"
        "gone = time.time()\n"
        "while not os.path.exists(socket) or os.stat(socket).st_mtime == old: time.sleep(0.002)\n"
        "print(gone, os.stat(socket).st_mtime)\n"
    )

    def observe(host):
        pid = str(world.tasks(host)[("default", "plain1")].pid)
        shim = host.script('pgrep -f -- "-id plain1 -address"').split()[0]
        argv = ["/usr/bin/python3", "-c", watch, pid, "/run/containerd/containerd.sock"]
        # A shim that is stopped is waited for, then the load kills its container.
        watcher = host.popen(argv, stdout=-1, text=True)
        assert watcher.stdout.readline() == "ready\n"
        host.script('kill -STOP "$1"; systemctl restart containerd; kill -CONT "$1"', shim)
        return [float(word) for word in watcher.communicate(timeout=60)[0].split()]

    for name, (gone, serves) in play.together(hosts.values(), observe).items():
        assert gone < serves, f"{name}: its container was gone {gone - serves:.3f} s after containerd served"
