# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""containerd is killed while it settles, once, twice, and in a loop: the host fails, and nothing is called lost."""

import concurrent.futures
import time

import play
import pytest
import world

from lab.errors import LabError

# Kills the main process of containerd as often as it comes, each at most so many seconds after the one before.
KILLER = """
import os, signal, subprocess, sys, time
often, end, seen = int(sys.argv[1]), time.monotonic() + float(sys.argv[2]), {0}
while often and time.monotonic() < end:
    pid = int(subprocess.check_output(["systemctl", "show", "-P", "MainPID", "containerd"]))
    if pid not in seen and os.path.exists("/run/containerd/containerd.sock"):
        # The module looks every fifth of a second; on a busy machine it must not miss the one between two crashes.
        time.sleep(2)
        seen.add(pid)
        os.kill(pid, signal.SIGKILL)
        often -= 1
    time.sleep(0.1)
"""


def kill(host, often, seconds):
    """Kill the new containerd when it serves, and those that come after it."""
    end = time.monotonic() + 60
    while (world.ledger(host) or {}).get("phase") != "restarted":
        assert time.monotonic() < end, f"{host.name} was not restarted"
        time.sleep(0.05)
    host.run(["/usr/bin/python3", "-c", KILLER, str(often), str(seconds)], timeout=seconds + 60)


def crashed(fleet, hosts, run_id, often, seconds, **options):
    """Restart while containerd is killed; each host's result by its name."""
    wanted = {"state": "restarted", "run_id": run_id, "settle": 6, "detail": "full", **options}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        running = pool.submit(play.run, fleet, "shim_reconnect", wanted, hosts.values())
        play.together(hosts.values(), lambda host: kill(host, often, seconds))
        return running.result()


def all_well(fleet, hosts, run_id):
    """The same run again verifies every host."""
    for name, result in play.run(
        fleet, "shim_reconnect", {"state": "restarted", "run_id": run_id}, hosts.values()
    ).items():
        assert not result["failed"] and not result["changed"], f"{name}: {result['msg']}"
        assert result["summary"]["reattached"] == result["summary"]["tasks"] == 8
    assert {book["phase"] for book in play.together(hosts.values(), world.ledger).values()} == {"verified"}


@pytest.mark.parametrize(
    "often, words", [pytest.param(1, "came back once", marks=pytest.mark.matrix), (2, "came back 2 times")]
)
def test_a_crash_fails_the_host_and_everything_is_proven(fleet, clean, often, words):
    before = play.together(clean.values(), world.tasks)
    results = crashed(fleet, clean, f"crash-{often}", often, 60)
    for name, result in results.items():
        assert result["failed"] and words in result["msg"], f"{name}: {result['msg']}"
        assert result["summary"]["reattached"] == 8 and result["summary"]["lost"] == 0, f"{name}: {result['msg']}"
    assert play.together(clean.values(), world.tasks) == before
    all_well(fleet, clean, f"crash-{often}")


def test_a_crash_loop_is_never_called_a_loss(fleet, clean):
    results = crashed(fleet, clean, "loop", 1000, 40, restart_timeout=20)
    for name, result in results.items():
        assert result["failed"] and "ended while it settled" in result["msg"], f"{name}: {result['msg']}"
        assert result["summary"]["lost"] == 0, f"{name}: {result['msg']}"
        assert result["summary"]["reattached"] + result["summary"]["unproven"] == 8
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if all(len(found) == 8 for found in play.together(clean.values(), world.tasks).values()):
                break
        except LabError:
            time.sleep(0.5)
    all_well(fleet, clean, "loop")


def test_a_roll_whose_containerd_crashes_stops_and_the_same_run_goes_on(fleet, clean, tmp_path):
    """The budget of lost tasks stays whole: the next attempt verifies the host, then does the others."""
    first = next(iter(clean.values()))
    wanted = [f"{key}={value}" for key, value in (("rolling_restart_run_id", "crash"), ("rolling_restart_settle", 6))]
    words = [word for pair in wanted for word in ("-e", pair)]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        running = pool.submit(play.book, fleet, "shimops.containerd.rolling_restart", *words, cwd=tmp_path)
        kill(first, 1, 30)
        done = running.result()
    assert done.returncode != 0 and "came back once" in done.stdout
    assert "1 failed" in done.stdout and " lost" not in done.stdout.split("PLAY [Report the result")[1]
    done = play.book(fleet, "shimops.containerd.rolling_restart", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-2000:]
    assert {(book["run_id"], book["phase"]) for book in play.together(clean.values(), world.ledger).values()} == {
        ("crash", "verified")
    }
