# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture what real daemons and shims write and say, as fixtures of the unit tests.

Run it against a lab of three fresh hosts. It changes them (a pause, a fault, an upgrade), so take the lab down then:

    cd tests
    python -m lab --lab capture up --hosts 3
    python -m dev.capture_fixtures capture
    python -m lab --lab capture down

It replaces, below tests/unit/fixtures:

- bundles/RELEASE/KIND/: the small files of a bundle, as they are; manifest.json has the mode of everything in it, and
  what git cannot carry (the FIFO ``log``, the link ``work``). The kinds ``migrated-...`` were made by an older release
  and loaded by this one.
- answers/RELEASE/CONDITION.json: calls to a real shim, each with the frames of the request and of the response in
  hexadecimal. The frames are made here by hand, so that nothing the tests test has a part in them.
- commands/RELEASE/: what programs print; manifest.json has the command lines and exit statuses. Releases that Debian
  does not have stay as they are: their dumps were printed by daemons made from containerd's sources.
"""

import json
import re
import shutil
import socket
import stat
import struct
import sys
import time
from pathlib import Path

from dev import place
from lab import cri, faults, workloads
from lab.fleet import Fleet
from lab.host import Host
from lab.shims import Bundle, bundle

# A configuration of version 1, which only 1.x reads.
OLD_FILE = "/run/version-1.toml"
OLD_TEXT = 'disabled_plugins = ["cri"]\n[plugins.cri]\n  sandbox_image = "lab.invalid/busybox:1"\n'
FIXTURES = place.ROOT / "tests" / "unit" / "fixtures"
SERVICES = {"v2": "containerd.task.v2.Task", "v3": "containerd.task.v3.Task"}
UNIT_PROPERTIES = (
    "LoadState,ActiveState,MainPID,KillMode,Delegate,NeedDaemonReload,TimeoutStartUSec,NRestarts,InvocationID,"
    "ExecStart,DropInPaths"
)
NEWEST = "2.1"


def save(path: Path, value: object) -> None:
    """Write a JSON file for people to read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def version(host: Host) -> str:
    """Return the release of containerd that is installed in a host, without Debian's marks."""
    found = re.match(r"\d+\.\d+\.\d+", host.installed())
    assert found, host.installed()
    return found.group()


# Bundles


def capture_bundle(kind: str, source: Bundle) -> None:
    """Copy one bundle."""
    folder = FIXTURES / "bundles" / version(source.host)
    target = folder / kind
    target.mkdir(parents=True)
    entries = {}
    for path in sorted(source.host.path(source.path).iterdir()):
        mode = path.lstat().st_mode
        entry = {"kind": stat.filemode(mode)[0], "mode": oct(stat.S_IMODE(mode))}
        if stat.S_ISREG(mode):
            shutil.copyfile(path, target / path.name)
        elif stat.S_ISLNK(mode):
            entry["target"] = str(path.readlink())
        entries[path.name] = entry
    manifest = folder / "manifest.json"
    book = json.loads(manifest.read_text()) if manifest.exists() else {}
    book[kind] = {"namespace": source.namespace, "id": source.id, "entries": entries}
    save(manifest, book)


def capture_bundles(host: Host, prefix: str = "") -> None:
    """Copy a plain container's bundle, and those of a pod's sandbox and of its first container."""
    capture_bundle(prefix + "plain", bundle(host, "plain1"))
    with cri.Client(host) as client:
        pod = next(pod for pod in client.pods() if pod.name == "web1")
        app = next(one for one in client.containers() if one.sandbox == pod.id and one.name == "app")
    capture_bundle(prefix + "pod_sandbox", bundle(host, pod.id))
    capture_bundle(prefix + "pod_workload", bundle(host, app.id))


# Answers


def _varint(number: int) -> bytes:
    head, rest = number & 0x7F, number >> 7
    return bytes((head | 0x80,)) + _varint(rest) if rest else bytes((head,))


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _request(service: str, method: str, task: str, namespace: str) -> bytes:
    metadata = _field(1, b"containerd-namespace-ttrpc") + _field(2, namespace.encode())
    data = _field(1, service.encode()) + _field(2, method.encode()) + _field(3, _field(1, task.encode()))
    data += _field(5, metadata)
    return struct.pack(">IIBB", len(data), 1, 1, 0) + data


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise EOFError("the shim closed the connection")
        data += more
    return data


class Call:
    """One question to a shim, on a connection of its own."""

    def __init__(self, shim: Bundle, service: str, method: str, task: str) -> None:
        self._asked = {"service": SERVICES[service], "method": method, "id": task, "namespace": shim.namespace}
        self._request = _request(SERVICES[service], method, task, shim.namespace)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(30)
        self._socket.connect(str(shim.host.path(shim.socket)))
        self._socket.sendall(self._request)

    def answer(self) -> dict:
        """Wait for the answer and return both frames."""
        with self._socket:
            header = _exactly(self._socket, 10)
            frame = header + _exactly(self._socket, struct.unpack(">I", header[:4])[0])
        return {**self._asked, "request": self._request.hex(), "response": frame.hex()}


def ask(shim: Bundle, task: str, *methods: str) -> list[dict]:
    """Ask for Connect at both versions, and for those methods at the one the shim serves."""
    calls = [Call(shim, service, "Connect", task).answer() for service in ("v3", "v2")]
    return calls + [Call(shim, served(shim.host), method, task).answer() for method in methods]


def served(host: Host) -> str:
    """Return the version of the task service that shims of a host speak which was not upgraded yet."""
    return "v3" if version(host).startswith("2") else "v2"


def capture_answers(host: Host) -> None:
    """Ask shims in every condition that can be made without harm to another task."""
    folder = FIXTURES / "answers" / version(host)
    plain = bundle(host, "plain1")
    init = int(host.path(f"{plain.path}/init.pid").read_text())
    looks = ("State", "Pids")

    def keep(condition: str, calls: list[dict], **known: object) -> None:
        save(folder / f"{condition}.json", {"calls": calls, **known})

    keep("running", ask(plain, plain.id, *looks), init_pid=init)
    keep("unknown_id", ask(plain, "nosuchtask", *looks))

    workloads.start_exiting(host, "exit7", 7, 3)
    ending = bundle(host, "exit7")
    before = time.time()
    waited = Call(ending, served(host), "Wait", ending.id).answer()
    keep("wait_exit_7", [waited], asked_at=before, answered_at=time.time())
    keep("exited_7", ask(ending, ending.id, *looks))
    keep_listing(host, "ctr-default-tasks-exited", ["ctr", "-n", "default", "tasks", "ls"])
    workloads.delete(host, "exit7")

    pod = workloads.run_pod(host, "web9", containers=("app",), start=False)
    pid = workloads.create_task(host, pod.containers["app"])
    keep("created", ask(bundle(host, pod.containers["app"]), pod.containers["app"], *looks), init_pid=pid)
    with cri.Client(host) as client:
        client.delete_task(pod.containers["app"])
        client.remove_pod(pod.id)

    host.run(["ctr", "task", "pause", "plain2"])
    paused = bundle(host, "plain2")
    keep("paused", ask(paused, paused.id, *looks))
    keep_listing(host, "ctr-default-tasks-paused", ["ctr", "-n", "default", "tasks", "ls"])
    host.run(["ctr", "task", "resume", "plain2"])

    faults.apply(host, "runc_off_path")
    keep("runc_off_path", ask(plain, plain.id, *looks), init_pid=init)
    faults.apply(host, "runc_off_path", undo=True)


# Commands


def keep_listing(host: Host, name: str, argv: list[str]) -> None:
    """Run a command in the host and keep what it printed."""
    folder = FIXTURES / "commands" / version(host)
    done = host.run(argv, check=False)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_text(done.stdout, encoding="utf-8")
    manifest = folder / "manifest.json"
    book = json.loads(manifest.read_text()) if manifest.exists() else {}
    book[name] = {"argv": argv, "code": done.returncode}
    save(manifest, book)


def capture_commands(host: Host) -> None:
    """Keep what containerd, ctr and systemctl print on a healthy host, and systemctl on a faulty one."""
    show = ["systemctl", "show", f"--property={UNIT_PROPERTIES}", "--"]
    keep_listing(host, "version", ["/usr/bin/containerd", "--version"])
    keep_listing(host, "config-dump", ["/usr/bin/containerd", "config", "dump"])
    if host.release == "1.6":
        host.script('printf "%s" "$2" > "$1"', OLD_FILE, OLD_TEXT)
        keep_listing(host, "config-dump-version-1", ["/usr/bin/containerd", "--config", OLD_FILE, "config", "dump"])
    keep_listing(host, "systemctl-show", [*show, "containerd.service"])
    keep_listing(host, "systemctl-show-absent", [*show, "docker.service"])
    for fault in ("killmode_not_loaded", "killmode_control_group"):
        faults.apply(host, fault)
        keep_listing(host, f"systemctl-show-{fault}", [*show, "containerd.service"])
        faults.apply(host, fault, undo=True)
    for namespace in ("default", "k8s.io", "nosuchns"):
        for noun in ("containers", "tasks", "sandboxes"):
            keep_listing(host, f"ctr-{namespace}-{noun}", ["ctr", "-n", namespace, noun, "ls"])


def main(lab: str) -> int:
    """Capture everything from every host of a lab."""
    hosts = list(Fleet(lab).hosts.values())
    if len({host.release for host in hosts}) < 3:
        print("This needs a lab with a host of each release line.", file=sys.stderr)
        return 1
    for folder in ("bundles", "answers", *(f"commands/{version(host)}" for host in hosts)):
        shutil.rmtree(FIXTURES / folder, ignore_errors=True)
    for host in hosts:
        print(f"{host.name}: containerd {version(host)}")
        capture_bundles(host)
        capture_commands(host)
        capture_answers(host)
    for host in hosts:
        made = version(host)
        if host.release != NEWEST:
            Fleet.upgrade(host, NEWEST)
            host.run(["systemctl", "restart", "containerd"])
            print(f"{host.name}: containerd {made} became {version(host)}")
            capture_bundles(host, f"migrated-{made}-")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
