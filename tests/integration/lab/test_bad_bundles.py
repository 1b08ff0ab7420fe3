# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile bundles and shims on real hosts: an outcome and a reason for each, in time and in little memory."""

import time
from dataclasses import dataclass

import play
import pytest
import story
import world
from conftest import CLASSES

from lab.shims import STATE

HERE = "/run/shimops-bad"
INTERPRETER = f"{HERE}/python"
SHIM_TIMEOUT, TIMEOUT = 2, 60
# What a probe of ten healthy shims takes is about 40 MB; one file read whole would be 100 more.
MOST_KB = 120_000

# Listens on one socket per way to misbehave; the pid of its child is the init process that every bundle names.
SHIMS = """
import os, socket, struct, subprocess, sys, threading, time

folder = sys.argv[1]
init = subprocess.Popen(["/bin/sleep", "100000"])

def frame(stream, data, length=None):
    return struct.pack(">IIBB", len(data) if length is None else length, stream, 2, 0) + data

def request(peer):
    head = b""
    while len(head) < 10:
        head += peer.recv(10 - len(head)) or sys.exit()
    length, stream = struct.unpack(">II", head[:8])
    body = b""
    while len(body) < length:
        body += peer.recv(length - len(body)) or sys.exit()
    return stream, body

def payload(body):
    if b"Connect" in body:
        return bytes([8, 1, 16, 1])
    if b"State" in body:
        return bytes([10, 9]) + b"elsewhere" + bytes([24, 1, 32, 2])
    return bytes([10, 2, 8, 1])

def whole(body):
    inner = payload(body)
    return bytes([18, len(inner)]) + inner

def silent(peer):
    time.sleep(3600)

def garbage(peer):
    while True:
        peer.sendall(os.urandom(65536))

def huge(peer):
    stream, _body = request(peer)
    peer.sendall(frame(stream, b"", 0xFFFFFFFF))
    while True:
        peer.sendall(bytes(65536))

def wrong_stream(peer):
    stream, body = request(peer)
    peer.sendall(frame(stream + 2, whole(body)))
    time.sleep(3600)

def trickle(peer):
    stream, body = request(peer)
    for byte in frame(stream, whole(body)):
        peer.sendall(bytes([byte]))
        time.sleep(0.5)
    time.sleep(3600)

def by_bytes(peer):
    while True:
        stream, body = request(peer)
        for byte in frame(stream, whole(body)):
            peer.sendall(bytes([byte]))

def other(peer):
    while True:
        stream, body = request(peer)
        peer.sendall(frame(stream, whole(body)))

def closing(peer):
    peer.close()

def serve(mode):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(folder + "/" + mode.__name__)
    listener.listen(16)
    while True:
        peer, _address = listener.accept()
        threading.Thread(target=mode, args=(peer,), daemon=True).start()

for mode in (silent, garbage, huge, wrong_stream, trickle, by_bytes, other, closing):
    threading.Thread(target=serve, args=(mode,), daemon=True).start()
while len(os.listdir(folder)) < 8:
    time.sleep(0.05)
with open(folder + "/../ready.part", "w") as file:
    file.write(str(init.pid))
os.rename(folder + "/../ready.part", folder + "/../ready")
init.wait()
"""

# Reports how much memory a module took.
MEASURED = """#!/usr/bin/python3
import resource, subprocess, sys
code = subprocess.run(["/usr/bin/python3", *sys.argv[1:]]).returncode
with open("RSS", "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
""".replace("RSS", HERE + "/rss")

START = """
mkdir -p "$1/s"; cd "$1"
printf '%s' "$2" > shims.py
printf '%s' "$3" > python; chmod 755 python
systemctl reset-failed lab-bad-shims 2>/dev/null || true
systemd-run -q --unit=lab-bad-shims /usr/bin/python3 "$1/shims.py" "$1/s"
"""

# $1 the bundle, $2 its address, $3 the init process, $4 what is done to the file ($file) that the release reads.
BUNDLE = """
mkdir -p "$1"; cd "$1"
printf '%s' "$2" > address
printf '%s' "$3" > init.pid
printf /usr/bin/containerd-shim-runc-v2 > shim-binary-path
printf /usr/sbin/runc > runtime
mkfifo log
file=$5
eval "$4"
"""
SPARSE = "truncate -s 100M"


@dataclass(frozen=True)
class Bad:
    """One bundle: which socket it names, what is done to its files, and the result by release line."""

    name: str
    shim: str
    make: str
    outcome: tuple
    rule: tuple
    words: str = ""


def same(name, shim, make, outcome, rule, words=""):
    """The same on every release."""
    return Bad(name, shim, make, (outcome,) * 3, (rule,) * 3, words)


BAD = (
    same("silent", "silent", "", "killed", "D3", "does not answer"),
    same("garbage", "garbage", "", "killed", "D5", "sent a frame|announced|nobody asked"),
    same("huge", "huge", "", "killed", "D5", "4294967295"),
    same("wrong-stream", "wrong_stream", "", "killed", "D5", "which was not asked"),
    same("trickle", "trickle", "", "killed", "D3", "does not answer"),
    same("closing", "closing", "", "killed", "D5", ""),
    same("by-bytes", "by_bytes", "", "reattached", "D9", "answers for process 1"),
    same("other", "other", "", "reattached", "D9", "answers for process 1"),
    same("fifo", "other", 'rm -f "$file"; mkfifo "$file"', "hangs", "X1", "FIFO"),
    same("link", "other", 'rm -f "$file"; ln -s /etc/passwd "$file"', "unknown", "B4", "link"),
    same("directory", "other", 'rm -f "$file"; mkdir "$file"', "killed", "B4", "directory"),
    same("sparse", "other", f'rm -f "$file"; {SPARSE} "$file"', "killed", "B1", "many bytes"),
    Bad(
        "sparse-json",
        "other",
        f'printf "{{" > "$file"; {SPARSE} "$file"',
        ("killed", "unknown", "unknown"),
        ("B1",) * 3,
        "many bytes|larger",
    ),
    Bad("binary", "other", 'head -c 5000 /bin/sh > "$file"', ("killed",) * 3, ("D1", "D1", "B1")),
    same("binary-path", "other", "head -c 5000 /bin/sh > shim-binary-path", "dropped", "F1", "does not exist"),
    same("fifo-path", "other", "rm shim-binary-path; mkfifo shim-binary-path", "hangs", "X1", "FIFO"),
    same("sparse-path", "other", f"{SPARSE} shim-binary-path", "dropped", "F1", "longer than any path"),
    same("log-directory", "other", "rm log; mkdir log", "killed", "H10", "directory"),
    # Files that containerd does not read decide nothing.
    same("others", "other", f"mkfifo config.json options.json; {SPARSE} runtime; mkdir sandbox", "reattached", "D9"),
    same("deep", "other", "head -c 3000000 /dev/zero | tr '\\\\0' '[' > config.json", "reattached", "D9"),
)


@pytest.fixture(scope="module")
def reported(fleet, hosts):
    """What each module said of the bad bundles, and how long and in how much memory it did."""
    play.reset(fleet, hosts.values())
    words = ["-e", f"ansible_python_interpreter={INTERPRETER}"]
    by_name = {host.name: release for release, host in hosts.items()}
    found = {release: {"host": host} for release, host in hosts.items()}

    def make(host):
        host.script(START, HERE, SHIMS, MEASURED)
        end = time.monotonic() + 60
        while not host.path(f"{HERE}/ready").exists():
            assert time.monotonic() < end, "the bad shims did not start"
            time.sleep(0.1)
        init = host.path(f"{HERE}/ready").read_text(encoding="utf-8")
        file = "bootstrap.json" if host.release == "2.1" else "address"
        for bad in BAD:
            host.script(BUNDLE, f"{STATE}/bad/{bad.name}", f"unix://{HERE}/s/{bad.shim}", init, bad.make, file)

    try:
        play.together(hosts.values(), make)
        shared = {"namespaces": ["bad"], "detail": "full", "timeout": TIMEOUT}
        asked = {**shared, "shim_timeout": SHIM_TIMEOUT}
        for module, args in (
            ("shim_probe", asked),
            ("shim_bundle_facts", shared),
            ("shim_migrate", {**asked, "target_version": "2.1.9"}),
        ):
            for name, result in play.run(fleet, module, args, by_name, check=True, more=words).items():
                one = found[by_name[name]]
                one[module] = result
                one[module + " KB"] = int(one["host"].path(f"{HERE}/rss").read_text(encoding="utf-8"))
        yield found
    finally:
        play.together(
            hosts.values(), lambda host: host.script('systemctl stop lab-bad-shims || true; rm -rf "$1"', HERE)
        )
        play.reset(fleet, hosts.values())


@pytest.fixture(params=CLASSES)
def release(request):
    return request.param


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_an_outcome_and_a_reason(reported, release, bad):
    place = list(CLASSES).index(release)
    row = story.by_key(reported[release]["shim_probe"]["shims"])[("bad", bad.name)]
    assert (row["outcome"], row["rule"]) == (bad.outcome[place], bad.rule[place]), row
    assert row["reason"] and "\n" not in row["reason"] and row["at_risk"] is True, row
    assert any(word in row["reason"] for word in bad.words.split("|")), row


def test_in_time_and_in_little_memory(reported, release):
    one = reported[release]
    assert one["shim_probe"]["failed"] is False and one["shim_probe"]["elapsed"] < TIMEOUT
    for module in ("shim_probe", "shim_bundle_facts", "shim_migrate"):
        assert one[module + " KB"] < MOST_KB, module


def test_nothing_of_them_is_migrated_and_facts_list_them(reported, release):
    one = reported[release]
    assert one["shim_migrate"]["migrated"] == [] and not one["shim_migrate"]["failed"]
    (instance,) = one["shim_bundle_facts"]["ansible_facts"]["containerd_shims"]["instances"]
    assert {row["id"] for row in instance["bundles"]} == {bad.name for bad in BAD}


def test_a_fifo_really_holds_up_the_start_of_containerd(fleet, hosts):
    """Row X1, which recovery-spec does not have."""
    play.reset(fleet, hosts.values())

    def hold(host):
        name = "bootstrap.json" if host.release == "2.1" else "address"
        fifo = f"{STATE}/default/plain1/{name}"
        host.script('rm "$1"; mkfifo "$1"', fifo)
        return fifo

    def restarted(host):
        before = world.containerd(host)
        host.run(["systemctl", "restart", "--no-block", "containerd"])
        # A FIFO can be opened for writing without waiting only while somebody reads it: that is containerd.
        script = "import os, sys\nos.close(os.open(sys.argv[1], os.O_WRONLY | os.O_NONBLOCK))"
        end = time.monotonic() + 60
        while world.containerd(host) in (None, before) or world.process(host, world.containerd(host).pid) is None:
            assert time.monotonic() < end, "containerd was not started"
            time.sleep(0.1)
        state = host.run(["systemctl", "is-active", "containerd"], check=False).stdout.strip()
        while host.run(["python3", "-c", script, fifos[host.name]], check=False).returncode:
            assert time.monotonic() < end, "containerd does not read the FIFO"
            time.sleep(0.1)
        return state

    fifos = play.together(hosts.values(), hold)
    try:
        results = play.run(fleet, "shim_probe", {"detail": "full"}, hosts.values())
        for result in results.values():
            row = story.by_key(result["shims"])[("default", "plain1")]
            assert (row["outcome"], row["rule"]) == ("hangs", "X1")
            assert result["summary"]["outcomes"] == {"hangs": result["summary"]["bundles"]}
            assert [hazard["id"] for hazard in result["hazards"]] == ["start_hangs"]
        assert set(play.together(hosts.values(), restarted).values()) == {"activating"}
    finally:
        play.reset(fleet, hosts.values())
