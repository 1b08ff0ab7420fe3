# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab host: booting it, stopping it, running commands in it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
import uuid
from pathlib import Path

from lab import kinds
from lab.cgroups import Cgroups
from lab.command import run
from lab.errors import LabError
from lab.network import BRIDGE, Network

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
# Clean shutdown of a systemd that is process 1.
SHUTDOWN = signal.SIGRTMIN + 4

# The version of the package that containerd is from.
INSTALLED = """
for name in containerd containerd.io; do
    ! dpkg-query -W -f '${Version}' $name 2>/dev/null || exit 0
    ! rpm -q $name >/dev/null 2>&1 || exec rpm -q --qf '%{VERSION}-%{RELEASE}' $name
done
exit 1
"""

# Joins the host's cgroups, then leaves a nspawn behind whose mounts nobody else sees.
LAUNCH = """set -e
for join in $1; do echo $$ > "$join"; done
shift
exec setsid --fork unshare --mount --propagation private sh -c '
set -e
mount -t overlay overlay -o "$1" "$2"
mkdir -p /run/systemd/nspawn
mount -t tmpfs -o mode=755 tmpfs /run/systemd/nspawn
netns=$3
shift 3
exec nsenter --net="$netns" systemd-nspawn "$@"' nspawn "$@"
"""


def _start_time(pid):
    """When a process started, in clock ticks since the boot; None if it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _namespace_pids(pid):
    """A process's ids in its process namespaces, outermost first."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("NSpid:"):
                return [int(word) for word in line.split()[1:]]
    return []


def end(pids, patience=5.0):
    """Kill these processes and wait until they are gone."""
    known = {pid: _start_time(pid) for pid in pids}
    for pid, started in known.items():
        # The same id may have been given to another process since it was listed.
        if started is not None and _start_time(pid) == started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + patience
    while any(started is not None and _start_time(pid) == started for pid, started in known.items()):
        if time.monotonic() > deadline:
            return
        time.sleep(0.02)


class Host:
    """A lab host as it is recorded; ``leader`` is the process id of its systemd."""

    def __init__(self, places, name):
        self.places = places
        self.name = name
        self._cgroups = Cgroups(places)

    def __repr__(self):
        return f"Host({self.places.lab}, {self.name})"

    @property
    def record(self):
        """What is recorded of the host: kind, address, leader; empty if nothing is."""
        try:
            return json.loads(self.places.record(self.name).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}

    def note(self, **values):
        """Add to what is recorded of the host."""
        self._write_record({**self.record, **values})

    def _write_record(self, record):
        path = self.places.record(self.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(record), encoding="utf-8")
        temporary.replace(path)

    @property
    def kind(self):
        """The kind of host that it was made as, see kinds.py."""
        return self.record.get("kind")

    @property
    def release(self):
        """The containerd release line the host was made with."""
        return kinds.line(self.kind)

    @property
    def address(self):
        """The host's address within the lab's network namespace."""
        return self.record.get("address")

    @property
    def leader(self):
        """Process id of the host's systemd, as seen from the machine; None if the host is not running."""
        record = self.record
        pid = record.get("leader")
        return pid if pid and _start_time(pid) == record["leader_started"] else None

    @property
    def running(self):
        """Whether the host was booted completely and still runs."""
        return self.leader is not None

    def path(self, inside):
        """A path of the host, as a path of the machine; links of the host that are absolute lead astray."""
        return Path(f"/proc/{self._leader()}/root/{inside.lstrip('/')}")

    def _leader(self):
        leader = self.leader
        if leader is None:
            raise LabError(f"Host {self.name} of lab {self.places.lab} is not running.")
        return leader

    def command(self, argv):
        """The command line by which the machine runs argv in the host."""
        leader = str(self._leader())
        entered = ["nsenter", "-t", leader, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root"]
        return [*entered, f"--wd=/proc/{leader}/root/root", "--", *(str(word) for word in argv)]

    def run(self, argv, input=None, check=True, timeout=60):
        """Run argv in the host and return the CompletedProcess, in text."""
        source = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
        return subprocess.run(
            self.command(argv),
            capture_output=True,
            text=True,
            check=check,
            timeout=timeout,
            env=_environment(),
            **source,
        )

    def popen(self, argv, **options):
        """Start argv in the host; the options are those of subprocess.Popen."""
        return subprocess.Popen(self.command(argv), **{"env": _environment(), **options})

    def script(self, text, *words, timeout=60):
        """Run a shell script in the host; its output, or LabError with what it complained of."""
        done = self.run(["sh", "-eu", "-s", "--", *words], input=text, check=False, timeout=timeout)
        if done.returncode != 0:
            raise LabError(f"{self.name}: {done.stderr.strip() or 'a command failed'} (status {done.returncode})")
        return done.stdout

    def pids(self):
        """All processes of the host, as the machine numbers them."""
        return self._cgroups.pids(self.name)

    def contained_pids(self):
        """The processes in containers of the host that have a process namespace of their own."""
        own = len(_namespace_pids(os.getpid()))
        return {pid for pid in self.pids() if len(_namespace_pids(pid)) > own + 1}

    def boot(self, kind, address, lower, prepare):
        """Boot the host; ``prepare`` is given the overlay's upper directory to put files there."""
        overlay = self.places.overlay(self.name)
        upper, root, containerd = overlay / "upper", overlay / "root", overlay / "containerd"
        for path in (upper, root, containerd, overlay / "work"):
            path.mkdir(parents=True)
        self._write_record({"kind": kind, "address": address})
        prepare(upper)
        (upper / "etc/machine-id").write_text(uuid.uuid4().hex + "\n", encoding="ascii")
        (upper / "etc/hostname").write_text(self.name + "\n", encoding="ascii")
        options = f"lowerdir={':'.join(map(str, lower))},upperdir={upper},workdir={overlay / 'work'}"
        nspawn = [
            "--quiet",
            "-D",
            root,
            "-M",
            self.places.machine(self.name),
            f"--hostname={self.name}",
            "--boot",
            "--register=no",
            "--keep-unit",
            f"--network-bridge={BRIDGE}",
            "--capability=all",
            "--private-users=no",
            # Without keyctl runc fails on its session keyring, without bpf on the device rules of cgroup v2.
            "--system-call-filter=add_key keyctl bpf @privileged @known",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            "--console=read-only",
            # containerd's overlay snapshots cannot lie on the host's own overlay.
            f"--bind={containerd}:/var/lib/containerd",
        ]
        joins = " ".join(map(str, self._cgroups.make(self.name)))
        with open(overlay / "console.log", "wb") as console:
            subprocess.run(
                ["sh", "-c", LAUNCH, "launch", joins, options, root, self.places.netns, *nspawn],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                check=True,
            )
        leader = self._await(self.find_leader, "did not start", 20)
        self._await(lambda: "host0:" in _read(f"/proc/{leader}/net/dev"), "got no network link", 20)
        Network(self.places).give_address(leader, address)
        self._await(lambda: _listens(leader), "did not start sshd and containerd", 60)
        self.note(leader=leader, leader_started=_start_time(leader), version=self._installed(leader))

    @staticmethod
    def _installed(leader):
        query = ["chroot", f"/proc/{leader}/root", "sh", "-c", INSTALLED]
        return run(query, "Asking for the version of containerd").strip()

    def installed(self):
        """The version of the containerd package that is installed in the host now."""
        return self._installed(self._leader())

    def install(self, package):
        """Install a package file of the machine in the host with dpkg, as an upgrade or a downgrade.

        A host of rpm packages gets the one of its own repository that it began with.
        """
        if kinds.of_rpms(self.kind):
            name = f"{kinds.RPMS}/*/containerd-{self.record['version']}.*.rpm"
            self.script(f"rpm --upgrade --oldpackage {name}", timeout=120)
            return
        name = f"/root/{Path(package).name}"
        shutil.copy(package, self.path(name))
        self.script('dpkg --install --force-downgrade "$1"; rm "$1"', name, timeout=120)

    def _await(self, probe, complaint, patience):
        deadline = time.monotonic() + patience
        started = time.monotonic()
        while True:
            found = probe()
            if found:
                return found
            # After a second there has to be a process: without one it has failed for good.
            if time.monotonic() > deadline or (time.monotonic() > started + 1 and not self.pids()):
                raise LabError(f"Host {self.name} {complaint}: {self.console() or 'its console is silent'}")
            time.sleep(0.03)

    def console(self):
        """The last lines the host wrote while it booted."""
        return "\n".join(_read(self.places.overlay(self.name) / "console.log").splitlines()[-8:])

    def find_leader(self):
        """The leader as found on the machine, whatever is recorded."""
        own = len(_namespace_pids(os.getpid()))
        for pid in sorted(self.pids()):
            ids = _namespace_pids(pid)
            if len(ids) == own + 1 and ids[-1] == 1:
                return pid
        return None

    def stop(self, patience=4.0):
        """Shut the host down cleanly, then by process id; take away all that it had on the machine."""
        leader = self.find_leader()
        if leader and self.running:
            # A container's process 1 ignores the signal that ends everything else; systemd would wait for it.
            end(self.contained_pids())
            with contextlib.suppress(ProcessLookupError):
                os.kill(leader, SHUTDOWN)
            deadline = time.monotonic() + patience
            while _start_time(leader) is not None and time.monotonic() < deadline:
                time.sleep(0.05)
        if leader:
            end({leader})
        end(self.pids())
        self._cgroups.remove(self.name)
        if self.places.overlay(self.name).exists():
            shutil.rmtree(self.places.overlay(self.name))
        self.places.record(self.name).unlink(missing_ok=True)


def _environment():
    return {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "TERM": os.environ.get("TERM", "dumb")}


def _read(path):
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _listens(leader):
    tcp = _read(f"/proc/{leader}/net/tcp")
    # Local port 22 (0x16) in state LISTEN (0x0A).
    ssh = any(row.split()[1].endswith(":0016") and row.split()[3] == "0A" for row in tcp.splitlines()[1:])
    return ssh and any(row.endswith(" " + CONTAINERD_SOCKET) for row in _read(f"/proc/{leader}/net/unix").splitlines())
