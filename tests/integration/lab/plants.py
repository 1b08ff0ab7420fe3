# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One instance of everything an audit finds, planted on real hosts, and what has to be said of each.

Most are made as they come about: a load that failed, a shim that was killed, a package that was replaced. What needs a
restart of containerd is prepared first, then containerd is restarted once, then the rest is planted.
"""

import os
import shutil
import signal
from dataclasses import dataclass, field

import world

from lab import faults, shims, workloads

SHIM = "/usr/bin/containerd-shim-runc-v2"
CONTAINERD = "/usr/bin/containerd"
ROOM = "/opt/shimops-plants"


@dataclass
class Planted:
    """What was planted on one host: a finding each, as (rule, what it is about); about is an id, a path, or None."""

    host: object
    hosts: dict
    findings: set = field(default_factory=set)

    def expect(self, rule, about=None):
        """Note a finding that has to be reported of this host, once."""
        assert (rule, about) not in self.findings
        self.findings.add((rule, about))


def plant(host, hosts):
    """Plant this release's share on a host; ``hosts`` has one of each release line. Gives a Planted."""
    planted = Planted(host, hosts)
    prepare, after = _PLANTS[host.release]
    prepare(planted)
    host.script("systemctl restart containerd", timeout=60)
    after(planted)
    return planted


def uproot(host):
    """Put back what a reset of the host does not: looks before it acts, so it can be called at any time."""
    host.script(
        'room=$1 program=$2\n[ ! -e "$room/kept" ] || mv "$room/kept" "$program"\nrm -rf "$room"\n', ROOM, CONTAINERD
    )


# -- 1.6: what a killed load leaves, an old daemon, a hung shim ---------------------------------------------------


def _prepare_16(planted):
    for name in ("left1", "sock1"):
        _run(planted.host, name)
        faults.apply(planted.host, "bootstrap_empty", name)


def _after_16(planted):
    host = planted.host
    planted.expect("shim-left-behind", "left1")
    # A shim that was left behind and is then killed cannot unlink its socket.
    socket = _socket_of(host, "sock1")
    _kill(_shim(host, "sock1"))
    host.script('rm -rf "/run/containerd/runc/default/sock1"')
    planted.expect("stale-socket", socket)

    _run(host, "hung1")
    os.kill(_shim(host, "hung1").pid, signal.SIGSTOP)
    planted.expect("shim-hung", "hung1")

    opened = shims.bundle(host, "plain1").socket
    host.script('chmod 0666 "$1"', opened)
    planted.expect("socket-open", opened)

    hidden = f"{shims.STATE}/default/.removed1"
    host.script('mkdir -p "$1/rootfs"; touch "$1/config.json"', hidden)
    planted.expect("hidden-directory", hidden)

    _replace_containerd(host, planted.hosts["1.7"])
    planted.expect("daemon-old-code")


# -- 1.7: what a restart dropped or could not remove, old code in a shim, unit settings --------------------------


def _prepare_17(planted):
    host = planted.host
    _run(host, "drop1")
    # Row F2: a trailing newline makes the path one that does not exist.
    host.script('echo >> "$1/shim-binary-path"', f"{shims.STATE}/default/drop1")
    _run(host, "stuck1")
    host.script("systemctl stop containerd")
    stuck = shims.bundle(host, "stuck1")
    _kill(stuck.shim)
    host.script('runc --root /run/containerd/runc/default delete --force stuck1; touch "$1/rootfs/file"', stuck.path)


def _after_17(planted):
    host = planted.host
    planted.expect("shim-without-bundle", "drop1")
    planted.expect("bundle-undeletable", "stuck1")

    # The bundle of a container that is gone, put back as a power cut or a failed removal leaves it.
    _run(host, "dead1")
    path = f"{shims.STATE}/default/dead1"
    host.script('mkdir -p "$2"; cp -a "$1" "$2"', path, ROOM)
    workloads.delete(host, "dead1")
    host.script('cp -a "$2/dead1" "$1"', path, ROOM)
    planted.expect("bundle-without-shim", "dead1")

    own = f"{ROOM}/shim/containerd-shim-runc-v2"
    host.script('mkdir -p "${2%/*}"; cp "$1" "$2"', SHIM, own)
    _run(host, "old1", "--runtime", own)
    host.script('cp "$1" "$1.new"; mv "$1.new" "$1"', own)
    planted.expect("shim-old-code", "old1")

    runc = f"{ROOM}/runc"
    host.script('cp "$1" "$2"', faults.RUNC, runc)
    _run(host, "orphan1", "--runc-binary", runc)
    host.script('rm "$1"', runc)
    planted.expect("restart-orphans", "orphan1")

    directory = f"{shims.STATE}/k8s.io"
    host.script('chmod 0777 "$1"', directory)
    planted.expect("state-open", directory)

    host.script('ln -s /nowhere "$1"', f"{shims.STATE}/default/link1")
    planted.expect("foreign-entry", f"{shims.STATE}/default/link1")

    faults.apply(host, "killmode_control_group")
    planted.expect("unit-kills")


# -- 2.1: what a restart would kill or drop, an old bundle, a connection of a failed load ------------------------


def _prepare_21(planted):
    # One container of a pod whose bootstrap names a service its shim does not speak (row A6): it is killed, the other
    # tasks of the shim go on, and containerd keeps the connection of the failed load.
    host = planted.host
    app = shims.bundle(host, world.pod(host, "web1")["app"][1])
    host.script('sed -i \'s/"version":3/"version":2/\' "$1"; grep -q \'"version":2\' "$1"', app.bootstrap)


def _after_21(planted):
    host = planted.host
    planted.expect("connection-without-task", world.pod(host, "web1")["sandbox"][1])

    _run(host, "kill1")
    faults.apply(host, "bootstrap_missing", "kill1")
    planted.expect("restart-kills", "kill1")

    _run(host, "drop2")
    host.script('echo >> "$1/shim-binary-path"', f"{shims.STATE}/default/drop2")
    planted.expect("restart-drops", "drop2")

    # A container from before the upgrade: its shim is of 1.7 and writes an address.
    older = f"{ROOM}/older/containerd-shim-runc-v2"
    _copy_in(host, older, planted.hosts["1.7"], SHIM)
    _run(host, "legacy1", "--runtime", older)
    host.script('[ -s "$1/address" ]; rm "$1/bootstrap.json"', f"{shims.STATE}/default/legacy1")
    planted.expect("legacy-bootstrap", "legacy1")
    # So there is somewhere to go back to, and each container started since closes the way. kill1 and drop2 would be
    # lost for reasons that are as true of 2.1.
    closing = {task.id for task in workloads.tasks(host) if task.status == "running"}
    for name in closing - {"legacy1", "kill1", "drop2"}:
        planted.expect("rollback-closed", name)


_PLANTS = {"1.6": (_prepare_16, _after_16), "1.7": (_prepare_17, _after_17), "2.1": (_prepare_21, _after_21)}


def _run(host, name, *flags):
    """A plain container started with flags of ctr."""
    workloads.start_plain(host, name, ("/bin/sleep", "100000"), flags)


def _shim(host, name):
    """The shim of a plain container, also when its bundle is gone."""
    (found,) = [shim for shim in shims.shims(host) if (shim.namespace, shim.id) == ("default", name)]
    return found


def _kill(shim):
    os.kill(shim.pid, signal.SIGKILL)


def _socket_of(host, name):
    """The socket that a shim listens on, from its own descriptors: its bundle may be gone."""
    pid = host.script('pgrep -f -- "-namespace default -id $1 "', name).split()[0]
    return host.script("ss -xlp | grep \"pid=$1,\" | awk '{ print $5 }'", pid).split()[0]


def _replace_containerd(host, newer):
    """On disk the next release, in memory still this one."""
    host.script('mkdir -p "$1"; cp -p "$2" "$1/kept"', ROOM, CONTAINERD)
    _copy_in(host, f"{CONTAINERD}.new", newer, CONTAINERD)
    host.script('mv "$1.new" "$1"', CONTAINERD)


def _copy_in(host, path, other, name):
    """A file of another host, copied in."""
    place = host.path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(other.path(name), place)
