# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time without containerd: whose log pipe fills, that nothing of it is lost, and that every log is read again."""

import play
import pytest
import story
import world
from waiting import every

from lab import cri, faults, recipe, workloads

LOGS = "/var/log/shimops-lab"
LINES = 6000
SCRIPT = "/usr/local/sbin/lab-gap"
CHATTY = "/run/shimops-chatty"

# Waits for a file, then writes more than its pipe, its shim and its log pipe can hold, and says when it is through.
ON_DEMAND = (
    "/bin/sh",
    "-c",
    "trap 'exit 0' TERM; while [ ! -e /tmp/go ]; do sleep 0.1; done; i=0; "
    f"while [ $i -lt {LINES} ]; do i=$((i+1)); echo $i of a log that nobody reads while containerd is away; done; "
    ": > /tmp/done; sleep 100000 & wait",
)
# Far above what a pipe takes in the time of a restart, also on a machine that is ten times as slow.
STEADY = (
    "/bin/sh",
    "-c",
    "trap 'exit 0' TERM; while :; do i=0; while [ $i -lt 500 ]; do i=$((i+1)); "
    "echo $i of a log that grows by some hundred thousand bytes per second without end; done; sleep 0.1; done",
)

# The restart: containerd is started only when the container waits in write(2), and the module has looked since then.
# The module is the parent; each of its looks is a wait, and those are counted. It reads nothing from any pipe.
RESTART = f"""#!/usr/bin/python3
import glob, os, select, subprocess, sys, time

init = int(open("{CHATTY}").read())
end = time.monotonic() + 90


def wait(true):
    while not true():
        if time.monotonic() > end:
            sys.exit("it never came")
        time.sleep(0.02)


def full(path):
    # Not by its bytes: a pipe is full when each of its pages has some.
    pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    try:
        return not select.select([], [pipe], [], 0)[1]
    finally:
        os.close(pipe)


def own_end():
    name = os.readlink(f"/proc/{{init}}/fd/1")
    shim = int(next(line for line in open(f"/proc/{{init}}/status") if line.startswith("PPid:")).split()[1])
    links = {{path: os.readlink(path) for path in glob.glob(f"/proc/{{shim}}/fd/*")}}
    assert name in links.values()
    return f"/proc/{{init}}/fd/1"


def looks():
    status = open(f"/proc/{{os.getppid()}}/status").read()
    return int(status.split("voluntary_ctxt_switches:")[1].split()[0])


subprocess.run(["systemctl", "stop", "containerd"], check=True)
open(f"/proc/{{init}}/root/tmp/go", "w").close()
wait(lambda: full(own_end()))
before = looks()
wait(lambda: looks() > before + 30)
subprocess.run(["systemctl", "start", "containerd"], check=True)
"""

# Plain containers whose log is a file, and one whose log pipe nobody has read since its ctr went away.
PLAIN = """
ctr run -d --log-uri file:///run/shimops-file1.log --rootfs "$1" file1 /bin/sleep 100000
ctr run -d --rootfs "$1" fifo1 /bin/sleep 100000
"""


def reconnect(fleet, state, run_id=None, check=False, **options):
    """Each host's result of shim_reconnect."""
    args = {"state": state, "settle": 1, "detail": "full", **({"run_id": run_id} if run_id else {}), **options}
    return play.run(fleet, "shim_reconnect", args, check=check)


def ids(rows):
    """Namespace and id of each row."""
    return [(row["namespace"], row["id"]) for row in rows]


def start(host):
    """Start what the tests need on a host; the id of the chatty container."""
    host.script('rm -rf "$2"\n' + PLAIN, recipe.ROOTFS, LOGS)
    pod = workloads.run_pod(host, "chatty", containers=["talker", "quiet"], start=False, command=ON_DEMAND, logs=LOGS)
    with cri.Client(host) as client:
        for container in pod.containers.values():
            client.start_container(container)
    talker = pod.containers["talker"]
    write = 'printf %s "$2" > "$1"; printf %s "$4" > "$3"; chmod 755 "$3"'
    host.script(write, CHATTY, str(workloads.task(host, talker).pid), SCRIPT, RESTART)
    return talker


@pytest.fixture(scope="module")
def stalled(fleet, hosts):
    """One restart during which one container's log pipe fills up: the results, the chatty ids, the hosts before."""
    play.reset(fleet, hosts.values())
    talkers = play.together(hosts.values(), start)
    tasks = play.together(hosts.values(), world.tasks)
    results = reconnect(
        fleet,
        "restarted",
        "gap-1",
        restart_command=[SCRIPT],
        exec_proof=["default/plain1"],
        exec_command=["/bin/true"],
    )
    return results, talkers, tasks


def test_the_container_that_had_to_wait_is_named_and_no_other(stalled, hosts):
    results, talkers, _tasks = stalled
    for name, result in results.items():
        (row,) = result["stalled"]
        assert (row["namespace"], row["id"], row["stream"]) == ("k8s.io", talkers[name], "stdout"), name
        assert row["waited"] is True and row["pod"]["name"] == "chatty" and row["pod"]["container"] == "talker"
        assert result["log"]["stalled"] == 1
    for host in hosts.values():
        assert world.ledger(host)["stalled"] == results[host.name]["stalled"]


def test_nothing_of_its_log_is_lost(stalled, hosts):
    _results, talkers, _tasks = stalled
    pids = {host.name: int(host.path(CHATTY).read_text()) for host in hosts.values()}
    every(hosts, lambda host: host.path(f"/proc/{pids[host.name]}/root/tmp/done").exists())
    every(hosts, lambda host: len(host.path(f"{LOGS}/talker.log").read_text().splitlines()) >= LINES)
    for host in hosts.values():
        # A line of CRI is: time, stream, F for a whole line, and what was written.
        lines = [line.split(" ", 3) for line in host.path(f"{LOGS}/talker.log").read_text().splitlines()]
        assert [int(line[3].split()[0]) for line in lines] == list(range(1, LINES + 1)), host.name
        assert {(line[1], line[2]) for line in lines} == {("stdout", "F")}


def test_every_log_that_containerd_has_to_read_is_read_again(stalled, hosts):
    results, _talkers, tasks = stalled
    for host in hosts.values():
        result = results[host.name]
        rows = {key: row["log"] for key, row in story.by_key(result["verdicts"]).items()}
        assert set(rows) == set(tasks[host.name])
        with cri.Client(host) as client:
            workers = {("k8s.io", each.id) for each in client.containers()}
        assert {key for key, word in rows.items() if word == "read"} == workers and len(workers) == 6
        assert {rows[key] for key in set(rows) - workers} == {"none"}
        assert {("default", "plain1"), ("default", "file1"), ("default", "fifo1")} < set(rows) - workers
        assert result["unread"] == [] and result["log"]["not_read"] == result["log"]["unknown"] == 0
        assert not result["failed"] and result["gap"] > 0 and result["summary"]["reattached"] == len(rows)


def test_an_exec_goes_through_containerd(stalled):
    for result in stalled[0].values():
        assert result["exec_proof"] == [{"namespace": "default", "id": "plain1", "result": "works", "reason": ""}]


@pytest.mark.matrix
def test_an_exec_that_is_impossible_says_why(stalled, fleet, hosts):
    named = ["default/plain1", "default/nosuch"]
    for name, result in reconnect(fleet, "verified", exec_proof=named, exec_command=["/bin/nosuch"]).items():
        here, gone = result["exec_proof"]
        assert (here["result"], here["reason"]) == ("no_command", "the container has no /bin/nosuch"), name
        assert gone["result"] == "failed" and "exec in default/nosuch failed" in result["msg"] and result["failed"]
    for name, result in reconnect(fleet, "verified", exec_proof=named[:1], exec_command=["/bin/nosuch"]).items():
        assert not result["failed"], name
    play.together(hosts.values(), lambda host: faults.apply(host, "runc_off_path"))
    try:
        # Without runc a shim can start nothing: that is no container without the command.
        for name, result in reconnect(fleet, "verified", exec_proof=named[:1], exec_command=["/bin/true"]).items():
            assert result["exec_proof"][0]["result"] == "failed" and result["failed"], name
    finally:
        play.together(hosts.values(), lambda host: faults.apply(host, "runc_off_path", undo=True))


def test_an_exec_that_does_not_end_is_ended_and_its_container_lives(stalled, fleet, hosts):
    before = play.together(hosts.values(), world.tasks)
    command = ["/bin/sleep", "77777"]
    for name, result in reconnect(fleet, "verified", exec_proof=["default/plain1"], exec_command=command).items():
        assert result["exec_proof"][0]["result"] == "timed_out" and result["failed"], name
    every(hosts, lambda host: host.run(["pgrep", "-f", "^/bin/sleep 77777"], check=False).returncode == 1)
    assert play.together(hosts.values(), world.tasks) == before


def test_check_mode_runs_nothing_in_a_container(stalled, fleet):
    for name, result in reconnect(fleet, "verified", check=True, exec_proof=["default/plain1"]).items():
        assert not result["failed"] and result["exec_proof"] == [], name


def test_who_is_likely_to_stall_is_forecast(fleet, clean):
    def run(host):
        pod = workloads.run_pod(host, "steady", containers=["quiet"])
        with cri.Client(host) as client:
            config = cri.sandbox_config(pod.name, pod.namespace, pod.uid)
            talker = client.create_container(pod.id, config, "talker", STEADY)
            client.start_container(talker)
        return talker

    talkers = play.together(clean.values(), run)
    probed = play.run(fleet, "shim_probe", {"detail": "full"})
    checked = reconnect(fleet, "restarted", "foretold", check=True)
    for name, talker in talkers.items():
        for result in (probed[name], checked[name]):
            (row,) = result["likely_to_stall"]
            assert (row["namespace"], row["id"], row["pod"]["container"]) == ("k8s.io", talker, "talker"), name
            assert row["rate"] > 32768 and row["full_after"] < 2
        assert checked[name]["log"]["likely_to_stall"] == 1 and checked[name]["stalled"] == []


def test_a_log_that_is_not_read_any_more_fails_the_host_unless_asked_otherwise(fleet, clean):
    pods = play.together(clean.values(), lambda host: world.pod(host, "web1"))
    # Somebody cleans up: containerd will make new pipes of these names, and the shims go on with the old ones.
    play.together(
        clean.values(),
        lambda host: host.script(
            'rm "$1"/*/containers/"$2"/io/*/*-stdout', "/run/containerd", pods[host.name]["app"][1]
        ),
    )
    for name, result in reconnect(fleet, "restarted", "unread").items():
        app = pods[name]["app"]
        assert result["failed"] and result["changed"] and ids(result["unread"]) == [app], name
        reported = (
            f"the log of {app[0]}/{app[1][:16]} is not read: containerd does not hold the reading end of its stdout"
        )
        assert reported in result["msg"]
        row = story.by_key(result["verdicts"])[app]
        assert (row["verdict"], row["log"]) == ("reattached", "not_read") and result["summary"]["lost"] == 0
        assert result["log"] == {"read": 3, "not_read": 1, "none": 4, "unknown": 0, "stalled": 0, "likely_to_stall": 0}
    for host in clean.values():
        assert world.ledger(host)["phase"] == "verified", "what was proven is not proven again"
    for name, result in reconnect(fleet, "verified", on_unread="report").items():
        assert not result["failed"] and ids(result["unread"]) == [pods[name]["app"]], name
