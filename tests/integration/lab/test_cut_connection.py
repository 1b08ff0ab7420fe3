# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restart goes on to its end on the host, whatever becomes of the connection that began it."""

import json
import time

import play
import pytest
import world

RESTART = "/usr/local/sbin/lab-slow-restart"
CTR, REAL_CTR = "/usr/bin/ctr", "/usr/local/lib/lab-ctr"
WANTED, GO = "/run/lab-phase", "/run/lab-go"
# A bundle that names no shim: it makes every observation ask ctr, and the next start of containerd clears it away.
STALE = "/run/containerd/io.containerd.runtime.v2.task/default/stale"
# Keeps the module in the wanted phase until the strike is done.
HOLD = f"""#!/bin/sh
n=0
while [ -e {WANTED} ] && [ ! -e {GO} ] && [ $n -lt 120 ] && grep -q "\\"phase\\": \\"$(cat {WANTED})\\"" {world.LEDGER}
do n=$((n + 1)); sleep 0.1; done
"""

# Waits for a phase of a run in its ledger; then kills every ssh connection to the host, or sends the module signals.
STRIKE = """
import json, os, signal, sys, time

def word(pid, name):
    try:
        with open("/proc/%d/%s" % (pid, name), errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""

def phase():
    try:
        with open(path) as stream:
            book = json.load(stream)
    except (OSError, ValueError):
        return None
    return book["phase"] if book["run_id"] == run_id else None

def others():
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]

# A child that the module has just forked still looks like the module, and would be struck in its place.
def holds(pid):
    return "python" not in word(pid, "comm") and any(one in word(pid, "cmdline") for one in holders)

path, run_id, wanted, victim, go, *holders = sys.argv[1:]
end = time.monotonic() + 60
while phase() != wanted or not any(map(holds, others())):
    if time.monotonic() > end:
        sys.exit("phase " + wanted + " never came")
    time.sleep(0.02)
pids = others()
if victim == "ssh":
    struck = [pid for pid in pids if word(pid, "comm").startswith("sshd") and "[listener]" not in word(pid, "cmdline")]
    signals = [signal.SIGKILL]
else:
    pids = [pid for pid in pids if "python" in word(pid, "comm")]
    struck = [pid for pid in pids if "AnsiballZ_shim_reconnect" in word(pid, "cmdline")]
    signals = [signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE]
met = phase()
leads = any(os.getsid(pid) == pid for pid in struck)
for pid in struck:
    for number in signals:
        os.kill(pid, number)
open(go, "w").close()
print(json.dumps({"struck": len(struck), "phase": met, "leads": leads}))
"""


READY = 'rm -f "$3"; mkdir -p "$4"; printf "%s" "$2" > "$1"'


def hold(host):
    """Put both commands on a host; the real ctr stays next to it."""
    host.script('[ -e "$2" ] || mv "$1" "$2"; touch "$1" "$3"; chmod 755 "$1" "$3"', CTR, REAL_CTR, RESTART)
    host.path(CTR).write_text(f'{HOLD}exec {REAL_CTR} "$@"\n')
    host.path(RESTART).write_text(f"{HOLD}exec systemctl restart containerd\n")


@pytest.fixture(scope="module")
def slow(fleet, hosts):
    """Fresh hosts that stay in the phase a test wants, until its strike is done: in ctr, or in the restart command."""
    play.reset(fleet, hosts.values())
    play.together(hosts.values(), hold)
    yield hosts
    # A restart that a failed test left alone would meet the next test.
    wait = 'touch "$2"; while pgrep -f "^/bin/sh $1|^systemctl restart" > /dev/null; do sleep 0.2; done'
    play.together(hosts.values(), lambda host: host.script(wait, RESTART, GO))
    play.together(
        hosts.values(), lambda host: host.script('mv "$2" "$1"; rm -rf "$3" "$4"', CTR, REAL_CTR, WANTED, STALE)
    )


def arguments(run_id):
    """The arguments of a run."""
    return {"state": "restarted", "run_id": run_id, "settle": 2, "restart_command": [RESTART], "detail": "full"}


def strikes(hosts, run_id, phase, victim):
    """Begin to wait for that phase on all hosts; the processes that do."""
    play.together(hosts.values(), lambda host: host.script(READY, WANTED, phase, GO, STALE))
    argv = ["/usr/bin/python3", "-c", STRIKE, world.LEDGER, run_id, phase, victim, GO, RESTART, CTR]
    return [host.popen(argv, stdout=-1, stderr=-1, text=True) for host in hosts.values()]


def struck(watchers, phase):
    """Each of them struck something, and at the right time; what they say."""
    told_all = []
    for watcher in watchers:
        out, errors = watcher.communicate(timeout=70)
        assert watcher.returncode == 0, errors
        reported = json.loads(out)
        assert reported["struck"] and reported["phase"] == phase
        told_all.append(reported)
    return told_all


def finished(host, run_id):
    """The ledger of that run once it is verified."""
    end = time.monotonic() + 30
    while True:
        book = world.ledger(host) or {}
        if (book.get("run_id"), book.get("phase")) == (run_id, "verified"):
            return book
        assert time.monotonic() < end, f"{host.name}: {book.get('run_id')} is {book.get('phase')}, not verified"
        time.sleep(0.2)


def observe(hosts):
    """containerd and the tasks of each host."""
    return play.together(hosts.values(), lambda host: (world.containerd(host), world.tasks(host)))


@pytest.mark.parametrize(
    ("phase", "pipelining"),
    [
        pytest.param("recorded", "0", id="recorded", marks=pytest.mark.matrix),
        pytest.param("restarting", "0", id="restarting"),
        pytest.param("restarted", "0", id="restarted", marks=pytest.mark.matrix),
        pytest.param("restarting", "1", id="restarting-no-terminal"),
    ],
)
def test_a_cut_connection_does_not_stop_a_restart(fleet, slow, phase, pipelining):
    run_id = f"cut-{phase}-{pipelining}"
    before = observe(slow)
    watchers = strikes(slow, run_id, phase, "ssh")
    # Without pipelining the module has a terminal, and the end of the terminal is a signal.
    cut = play.start(fleet, "shim_reconnect", arguments(run_id), extra_env={"ANSIBLE_PIPELINING": pipelining})
    reported, _errors = cut.communicate(timeout=90)
    struck(watchers, phase)
    for host in slow.values():
        assert f"{host.name} | UNREACHABLE!" in reported or f"{host.name} | FAILED!" in reported, reported

    books = play.together(slow.values(), lambda host: finished(host, run_id))
    after = observe(slow)
    for name, book in books.items():
        assert [row["verdict"] for row in book["verdicts"]] == ["reattached"] * 8, name
        assert set(book["times"]) == {"recorded", "restarting", "restarted", "verified"}
        assert after[name][0] not in (None, before[name][0]) and after[name][1] == before[name][1]
        assert book["daemon"]["pid"] == before[name][0].pid

    for name, result in play.run(fleet, "shim_reconnect", arguments(run_id)).items():
        assert not result["failed"] and not result["changed"] and result["summary"]["reattached"] == 8, name
    assert observe(slow) == after


@pytest.mark.parametrize(
    "phase",
    [
        pytest.param("recorded", marks=pytest.mark.matrix),
        "restarting",
        pytest.param("restarted", marks=pytest.mark.matrix),
    ],
)
def test_signals_of_a_dying_session_do_not_stop_a_restart(fleet, slow, phase):
    run_id = f"signals-{phase}"
    before = observe(slow)
    watchers = strikes(slow, run_id, phase, "module")
    # Without pipelining the module is a file, by whose name its process is known.
    results = play.run(fleet, "shim_reconnect", arguments(run_id), extra_env={"ANSIBLE_PIPELINING": "0"})
    for reported in struck(watchers, phase):
        assert reported["leads"], "the module is in the session of its connection"
    after = observe(slow)
    for name, result in results.items():
        assert not result["failed"], f"{name}: {result['msg']}"
        assert result["changed"] and result["summary"]["reattached"] == 8, name
        assert after[name][0] not in (None, before[name][0]) and after[name][1] == before[name][1]
