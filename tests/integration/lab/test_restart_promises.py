# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What shim_reconnect promises of a restart, compared with what really happened on the hosts."""

import concurrent.futures
import contextlib
import json
import time

import play
import pytest
import world

from lab import cri, faults, recipe, workloads

LARGEST = 2048
#: With it a result has the arguments of the module too: all that Ansible holds of it.
WHOLE = {"ANSIBLE_VERBOSITY": "3"}
OTHER_COUNTS = ("tasks", "lost", "truncated")
SCRIPT = "/usr/local/sbin/lab-restart"

# Waits for a phase of a run in its ledger, then runs a command in the host.
WHEN = """
import json, subprocess, sys, time
path, run_id, phase, *command = sys.argv[1:]
end = time.monotonic() + 60
while time.monotonic() < end:
    try:
        book = json.load(open(path))
    except (OSError, ValueError):
        book = {}
    if (book.get("run_id"), book.get("phase")) == (run_id, phase):
        sys.exit(subprocess.call(command))
    time.sleep(0.005)
sys.exit("phase " + phase + " never came")
"""


def reconnect(fleet, state, run_id=None, hosts=None, check=False, **options):
    """Each host's result of shim_reconnect; one that is a summary is small."""
    args = {"state": state, "settle": 1, **({"run_id": run_id} if run_id else {}), **options}
    results = play.run(fleet, "shim_reconnect", args, hosts, check, WHOLE)
    for name, result in results.items():
        size = len(json.dumps(result).encode())
        assert options.get("detail") or size <= LARGEST, f"{name}: {size} bytes are no small result"
    return results


def view(host):
    """What stands on a host: containerd's process, its tasks, every file of the bundles and of the ledger.

    The lock is none of it: whoever acts takes it before anything is decided, and it stays there empty-handed.
    """
    script = (
        "cd /run/containerd/io.containerd.runtime.v2.task; find . -xdev -type f -printf '%p %i %s %C@\\n' | sort\n"
        "[ ! -e /var/lib/shimops ] || find /var/lib/shimops -type f ! -name lock -printf '%p %i %s %C@\\n' | sort\n"
    )
    return {"containerd": world.containerd(host), "tasks": world.tasks(host), "files": host.script(script)}


def views(hosts):
    """The same of all hosts at once, by the host's name."""
    return play.together(hosts.values(), view)


def ledgers(hosts):
    """Each host's ledger, by the host's name."""
    return play.together(hosts.values(), world.ledger)


def counts(result):
    """The verdicts that were given at all, with their numbers."""
    return {word: number for word, number in result["summary"].items() if number and word not in OTHER_COUNTS}


def script(hosts, text):
    """Put a restart command on the hosts; its argv."""
    write = 'printf "#!/bin/sh\\n%s" "$2" > "$1"; chmod 755 "$1"'
    play.together(hosts.values(), lambda host: host.script(write, SCRIPT, text))
    return [SCRIPT]


def wait(hosts, true, patience=30):
    """Wait until something is true of every host."""
    end = time.monotonic() + patience
    for host in hosts.values():
        while not true(host):
            assert time.monotonic() < end, f"{host.name}: still not so after {patience} s"
            time.sleep(0.1)


@contextlib.contextmanager
def when(hosts, run_id, phase, *command):
    """Run a command in each host as soon as its run is in that phase."""
    argv = ["/usr/bin/python3", "-c", WHEN, world.LEDGER, run_id, phase, *command]
    watchers = [host.popen(argv, stderr=-1, text=True) for host in hosts.values()]
    try:
        yield
        for watcher in watchers:
            _out, errors = watcher.communicate(timeout=60)
            assert watcher.returncode == 0, errors
    finally:
        for watcher in watchers:
            if watcher.poll() is None:
                watcher.kill()
                watcher.wait()


@pytest.fixture
def sound(fleet, hosts):
    """The same hosts; one that another test left in another state than it found it in is put back first."""
    play.reset(fleet, [host for host in hosts.values() if not is_sound(host)])
    return hosts


def is_sound(host):
    """Whether containerd and its eight tasks run, and no run is unfinished."""
    broken = host.path(faults.DROP_INS).exists() or not world.containerd(host)
    return not broken and len(world.tasks(host)) == 8 and (world.ledger(host) or {}).get("phase") in (None, "verified")


@pytest.fixture(scope="module")
def story(fleet, hosts):
    """Forecast, restart, the same run again, another run: each step's results, and the hosts before and after it."""
    play.reset(fleet, hosts.values())
    steps = {"start": (None, views(hosts))}
    for name, run_id, check in (
        ("check", "story-1", True),
        ("first", "story-1", False),
        ("again", "story-1", False),
        ("other", "story-2", False),
    ):
        results = reconnect(fleet, "restarted", run_id, check=check, detail="full")
        steps[name] = (results, views(hosts), ledgers(hosts))
    return steps


def test_check_mode_forecasts_and_leaves_the_host_alone(story, hosts):
    results, after = story["check"][:2]
    assert after == story["start"][1]
    for result in results.values():
        assert result["changed"] and result["forecast"]["outcomes"] == {"reattached": 8}
        assert result["at_risk"] == result["verdicts"] == []


def test_a_restart_is_one_and_every_container_outlives_it(story, hosts, covers):
    covers(hosts.values(), "restart")
    before, (results, after, books) = story["start"][1], story["first"]
    for name, result in results.items():
        assert result["changed"] and result["gap"] > 0
        assert after[name]["containerd"] not in (None, before[name]["containerd"])
        assert len(after[name]["tasks"]) == 8 and after[name]["tasks"] == before[name]["tasks"]
        assert counts(result) == {"reattached": 8}
        for row in result["verdicts"]:
            process = before[name]["tasks"][(row["namespace"], row["id"])]
            assert row["witnesses"] == {"shim": "yes", "containerd": "yes", "kernel": "yes"}
            for side in ("before", "after"):
                assert (row[side]["pid"], row[side]["start_time"]) == (process.pid, process.started)
        assert (books[name]["run_id"], books[name]["phase"]) == ("story-1", "verified")
        assert books[name]["daemon"]["pid"] == before[name]["containerd"].pid
        assert set(books[name]["times"]) == {"recorded", "restarting", "restarted", "verified"}


def test_the_same_run_again_verifies_and_does_not_restart(story, hosts):
    (_results, before, old), (results, after, books) = story["first"], story["again"]
    for name, result in results.items():
        assert not result["changed"] and counts(result) == {"reattached": 8}
        assert after[name]["containerd"] == before[name]["containerd"]
        assert books[name]["times"]["verified"] > old[name]["times"]["verified"]
        assert books[name]["times"]["restarted"] == old[name]["times"]["restarted"]


def test_another_run_restarts_and_keeps_the_old_ledger(story, hosts):
    (_results, before, old), (results, after, books) = story["again"], story["other"]
    for name, result in results.items():
        assert result["changed"] and counts(result) == {"reattached": 8}
        assert after[name]["containerd"] not in (None, before[name]["containerd"])
        assert books[name]["run_id"] == "story-2"
    for host in hosts.values():
        assert json.loads(host.script('cat "$1"', world.LEDGER + ".story-1")) == old[host.name]


def test_only_root_reads_the_ledger(story, hosts):
    for host in hosts.values():
        listed = host.script('stat -c "%a %U %G %F" "${1%/*}" "$1" "$1.story-1"', world.LEDGER).splitlines()
        assert listed == ["700 root root directory", *["600 root root regular file"] * 2]


def test_two_witnesses_are_enough_when_no_more_are_asked_for(story, fleet, hosts):
    for name, result in reconnect(fleet, "verified", witnesses=["shim", "containerd"]).items():
        assert counts(result) == {"reattached": 8}, name


def test_a_restart_by_hand_is_compared_with_what_was_recorded(fleet, clean):
    reconnect(fleet, "recorded", "by-hand")
    paths = {host: host.path(world.LEDGER) for host in clean.values()}
    recorded = {host: path.read_text() for host, path in paths.items()}
    play.together(clean.values(), lambda host: host.script("systemctl restart containerd"))
    for name, result in reconnect(fleet, "verified").items():
        assert not result.get("failed") and not result["changed"] and counts(result) == {"reattached": 8}, name
    for host, path in paths.items():
        book = json.loads(recorded[host])
        tasks = {task["id"]: task for task in book["tasks"]}
        tasks["plain1"]["init"][0] = tasks["plain2"]["init"][0]
        tasks["plain2"]["init"][1] += 1
        path.write_text(json.dumps(book))
    for name, result in reconnect(fleet, "verified", detail="problems").items():
        assert result["failed"], name
        rows = {row["id"]: row["verdict"] for row in result["verdicts"]}
        assert rows == {"plain1": "restarted", "plain2": "restarted"}
        assert counts(result) == {"reattached": 6, "restarted": 2} and result["summary"]["lost"] == 2
        assert "2 restarted" in result["msg"]


def test_a_containerd_that_does_not_come_back_is_unproven_until_it_is_repaired(fleet, clean):
    before = views(clean)
    play.together(clean.values(), lambda host: faults.apply(host, "containerd_broken"))
    for name, result in reconnect(fleet, "restarted", "broken").items():
        assert result["failed"] and result["changed"] and "did not come back" in result["msg"], name
        assert counts(result) == {"unproven": 8} and result["gap"] is None
        assert 0 < len(result["journal_tail"]) <= 5
        assert all(len(line) <= 160 for line in result["journal_tail"])
    assert {book["phase"] for book in ledgers(clean).values()} == {"restarting"}
    for host in clean.values():
        tasks = before[host.name]["tasks"].values()
        assert all(world.process(host, task.pid) == task for task in tasks) and not world.containerd(host)
    for name, result in reconnect(fleet, "restarted", "next").items():
        assert result["failed"] and not result["changed"], name
        assert "broken" in result["msg"] and "restarting" in result["msg"] and "8 unproven" in result["msg"]
    assert {(book["run_id"], len(book["tasks"])) for book in ledgers(clean).values()} == {("broken", 8)}

    play.together(clean.values(), lambda host: faults.apply(host, "containerd_broken", undo=True))
    for name, result in reconnect(fleet, "verified").items():
        assert not result.get("failed") and counts(result) == {"reattached": 8}, name
    assert {book["phase"] for book in ledgers(clean).values()} == {"verified"}
    for host in clean.values():
        assert world.tasks(host) == before[host.name]["tasks"]


def test_a_unit_that_is_not_containerds_is_refused(fleet, sound):
    before = views(sound)
    ssh = play.together(sound.values(), lambda host: host.script("systemctl show -p MainPID,InvocationID ssh"))
    for name, result in reconnect(fleet, "restarted", "unit", unit="ssh.service").items():
        assert result["failed"] and not result["changed"] and "ssh.service" in result["msg"], name
    assert views(sound) == before
    assert ssh == play.together(sound.values(), lambda host: host.script("systemctl show -p MainPID,InvocationID ssh"))


def test_a_command_that_does_nothing_is_no_restart(fleet, sound):
    before = views(sound)
    for name, result in reconnect(fleet, "restarted", "nothing", restart_command=["/bin/true"]).items():
        assert result["failed"] and not result["changed"] and "was not restarted" in result["msg"], name
        assert result["gap"] is None and result["summary"]["lost"] == 0
    assert {book["phase"] for book in ledgers(sound).values()} == {"restarting"}
    # The same run again has not had its restart yet.
    for name, result in reconnect(fleet, "restarted", "nothing").items():
        assert result["changed"] and counts(result) == {"reattached": 8}, name
    after = views(sound)
    for name in before:
        assert after[name]["containerd"] not in (None, before[name]["containerd"])
        assert after[name]["tasks"] == before[name]["tasks"]


def test_a_slow_restart_is_left_alone_and_proven_later(fleet, sound):
    before = views(sound)
    command = script(sound, "sleep 5; systemctl restart containerd; touch /run/shimops-done\n")
    for name, result in reconnect(fleet, "restarted", "slow", restart_command=command, restart_timeout=1).items():
        assert result["failed"] and "left alone" in result["msg"], name
        assert counts(result) == {"unproven": 8}
    assert {book["phase"] for book in ledgers(sound).values()} == {"restarting"}
    wait(sound, lambda host: host.path("/run/shimops-done").exists())
    for name, result in reconnect(fleet, "verified").items():
        assert not result.get("failed") and counts(result) == {"reattached": 8}, name
    after, books = views(sound), ledgers(sound)
    for name in before:
        assert after[name]["containerd"] not in (None, before[name]["containerd"])
        assert after[name]["tasks"] == before[name]["tasks"]
        assert books[name]["phase"] == "verified"


def test_a_restart_command_is_not_deaf_to_signals(fleet, sound):
    command = script(sound, "grep SigIgn: /proc/self/status > /run/shimops-signals; systemctl restart containerd\n")
    for name, result in reconnect(fleet, "restarted", "signals", restart_command=command).items():
        assert counts(result) == {"reattached": 8}, name
    for host in sound.values():
        assert int(host.script("cat /run/shimops-signals").split()[1], 16) == 0


def test_a_second_restart_while_it_settles_fails_the_host_and_is_proven_too(fleet, sound):
    with when(sound, "twice", "restarted", "systemctl", "restart", "containerd"):
        results = reconnect(fleet, "restarted", "twice", settle=4)
    for name, result in results.items():
        assert result["failed"] and "ended while it settled, and came back once" in result["msg"], name
        assert counts(result) == {"reattached": 8}
    assert {book["phase"] for book in ledgers(sound).values()} == {"restarted"}
    for name, result in reconnect(fleet, "restarted", "twice").items():
        assert not result["changed"] and counts(result) == {"reattached": 8}, name
    assert {book["phase"] for book in ledgers(sound).values()} == {"verified"}


def test_a_run_that_was_killed_is_reported_before_the_next_one(fleet, sound):
    before = views(sound)
    command = script(sound, "sleep 2; systemctl restart containerd; touch /run/shimops-killed\n")
    # The module is the parent of its restart command.
    kill = 'sleep 0.5; kill -s KILL "$(ps -o ppid= -p "$(pgrep -f "^/bin/sh $1")" | tr -d " ")"'
    with when(sound, "killed", "restarting", "sh", "-c", kill, "kill", SCRIPT):
        args = {"state": "restarted", "run_id": "killed", "settle": 1, "restart_command": command}
        killed = play.start(fleet, "shim_reconnect", args)
        assert killed.wait(60) != 0, killed.stdout.read()
    wait(sound, lambda host: host.path("/run/shimops-killed").exists())
    books, between = ledgers(sound), views(sound)
    assert {book["phase"] for book in books.values()} == {"restarting"}

    for name, result in reconnect(fleet, "restarted", "after").items():
        assert result["failed"] and not result["changed"], name
        assert "killed" in result["msg"] and "restarting" in result["msg"] and "8 reattached" in result["msg"]
        assert counts(result) == {"reattached": 8}
    for name, book in ledgers(sound).items():
        assert (book["run_id"], book["phase"], book["tasks"]) == ("killed", "verified", books[name]["tasks"])
    assert {name: one["containerd"] for name, one in views(sound).items()} == {
        name: one["containerd"] for name, one in between.items()
    }
    for name, result in reconnect(fleet, "restarted", "after").items():
        assert result["changed"] and counts(result) == {"reattached": 8}, name
    after = views(sound)
    for host in sound.values():
        assert after[host.name]["tasks"] == before[host.name]["tasks"]
        assert json.loads(host.script('cat "$1"', world.LEDGER + ".killed"))["tasks"] == books[host.name]["tasks"]


def test_a_held_host_is_audited_and_not_touched(fleet, clean):
    play.together(clean.values(), lambda host: host.script("mkdir -p /etc/shimops; touch /etc/shimops/hold"))
    before = views(clean)
    for name, result in reconnect(fleet, "restarted", "held").items():
        assert result["failed"] and not result["changed"] and "/etc/shimops/hold" in result["msg"], name
    for name, result in play.run(fleet, "shim_migrate", {"target_version": "2.1.9"}).items():
        if name != clean["2.1"].name:
            assert result["failed"] and not result["changed"] and "/etc/shimops/hold" in result["msg"], name
    for name, result in play.run(fleet, "shim_probe", {"timeout": 30}).items():
        assert result["summary"]["outcomes"] == {"reattached": 8}, name
    for name, result in play.run(fleet, "shim_bundle_facts", {"timeout": 30}).items():
        assert result["ansible_facts"]["containerd_shims"]["summary"]["bundles"] == 8, name
    assert views(clean) == before
    play.together(clean.values(), lambda host: host.script("rm /etc/shimops/hold"))


def test_containers_on_their_way_up_join_the_ledger(fleet, clean):
    play.together(clean.values(), lambda host: workloads.start_plain(host, "early"))
    words = " ".join(f"'{word}'" for word in ("--null-io", "--rootfs", recipe.ROOTFS, "late", "/bin/sleep", "100000"))
    command = script(clean, f"ctr run -d {words}; systemctl restart containerd\n")
    for name, result in reconnect(fleet, "restarted", "young", restart_command=command, detail="full").items():
        assert counts(result) == {"reattached": 10}, name
        assert {"early", "late"} <= {row["id"] for row in result["verdicts"]}
    for name, book in ledgers(clean).items():
        assert {"early", "late"} <= {task["id"] for task in book["tasks"]}, name
    for host in clean.values():
        assert len(world.tasks(host)) == 10


def create(host):
    """Begin to create a task; its container, whose task CRI would delete in a restart."""
    pod = workloads.run_pod(host, "fresh", containers=["only"], start=False)
    workloads.create_task(host, pod.containers["only"])
    return pod.containers["only"]


def test_a_task_being_created_stops_the_restart(fleet, clean):
    created = play.together(clean.values(), create)
    before = play.together(clean.values(), world.containerd)
    for name, result in reconnect(fleet, "restarted", "flight", timeout=8).items():
        assert result["failed"] and not result["changed"], name
        assert [row["id"] for row in result["at_risk"]] == [created[name]]
    assert play.together(clean.values(), world.containerd) == before
    assert not any(ledgers(clean).values())


def test_a_task_being_created_is_waited_for(fleet, clean):
    def begin_and_give_up(host):
        container = create(host)
        time.sleep(3.5)
        host.run(["ctr", "-n", cri.CRI_NAMESPACE, "task", "rm", "--force", container])

    with concurrent.futures.ThreadPoolExecutor() as pool:
        given_up = [pool.submit(begin_and_give_up, host) for host in clean.values()]
        wait(clean, lambda host: len(world.tasks(host)) == 10)
        for name, result in reconnect(fleet, "restarted", "waiting").items():
            # Seen on its way out, the task is one that had ended before.
            assert result["changed"] and counts(result) in ({"reattached": 9}, {"reattached": 9, "ended": 1}), name
        for each in given_up:
            each.result()


def test_a_task_at_risk_stops_the_restart(fleet, clean):
    play.together(clean.values(), lambda host: faults.apply(host, "shim_stopped", "plain1"))
    before = play.together(clean.values(), world.containerd)
    results = reconnect(fleet, "restarted", "risk", shim_timeout=2)
    play.together(clean.values(), lambda host: faults.apply(host, "shim_stopped", "plain1", undo=True))
    for name, result in results.items():
        assert result["failed"] and not result["changed"] and "plain1" in result["msg"], name
        assert [row["id"] for row in result["at_risk"]] == ["plain1"]
    assert play.together(clean.values(), world.containerd) == before
    assert not any(ledgers(clean).values())
