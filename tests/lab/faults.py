# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that go wrong with containerd's shims, made on purpose on a lab host."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

from lab import recipe
from lab.errors import LabError
from lab.shims import Bundle, bundle

SAVED = "/run/shimops-lab"
HIDDEN = "/opt/shimops-lab/hidden"
DROP_INS = "/etc/systemd/system/containerd.service.d"
RUNC = "/usr/sbin/runc"
PROTOBUF = "/usr/lib/python3/dist-packages/google/protobuf"

SECOND = "containerd-second"
SECOND_STATE = f"/run/{SECOND}"
SECOND_ROOT = f"/var/lib/{SECOND}"
SECOND_CONFIG = f"""version = 2
root = "{SECOND_ROOT}"
state = "{SECOND_STATE}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{SECOND_STATE}/containerd.sock"
"""


@dataclass(frozen=True)
class Fault:
    """One fault: what it is, how it is made, and how it is undone if it can be."""

    help: str
    do: Callable
    undo: Callable | None = None
    of_task: bool = False


def _signal(number):
    def send(target):
        os.kill(target.shim.pid, number)

    return send


def _room(target):
    return f"{SAVED}/{target.namespace}/{target.id}"


def _replace_bootstrap(script):
    """A fault that keeps the bundle's bootstrap file aside and then does ``script`` to it ($1; kept as $2/kept)."""

    def do(target):
        keep = 'mkdir -p "$2"; [ -e "$2/kept" ] || { cp -p "$1" "$2/kept"; printf %s "$1" > "$2/origin"; }; '
        target.host.script(keep + script, target.bootstrap, _room(target))

    return do


def _restore_bootstrap(target):
    target.host.script(
        '[ -e "$1/kept" ] || { echo "nothing to undo for this task" >&2; exit 1; }\n'
        'origin=$(cat "$1/origin")\n'
        '[ -d "${origin%/*}" ] || { echo "the bundle is gone" >&2; exit 1; }\n'
        'cp -p "$1/kept" "$origin"; [ ! -e "$1/made" ] || rm -f "${origin%/*}/address"; rm -r "$1"\n',
        _room(target),
    )


def _hide_socket(target):
    target.host.script('mkdir -p "$2"; mv "$1" "$2/socket"', target.socket, _room(target))


def _show_socket(target):
    target.host.script('[ ! -S "$2/socket" ] || mv "$2/socket" "$1"', target.socket, _room(target))


def _hide(path):
    def do(host):
        host.script('mkdir -p "$2"; [ ! -e "$1" ] || mv "$1" "$2"', path, HIDDEN)

    return do


def _show(path):
    def undo(host):
        host.script('[ ! -e "$2" ] || mv "$2" "$1"', path, f"{HIDDEN}/{os.path.basename(path)}")

    return undo


def _drop_in(name, text, load=True):
    def do(host):
        script = 'mkdir -p "$1"; printf "%s" "$3" > "$1/$2"' + ("; systemctl daemon-reload" if load else "")
        host.script(script, DROP_INS, f"lab-{name}.conf", text)

    return do


def _no_drop_in(name):
    def undo(host):
        host.script('rm -f "$1/lab-$2.conf"; systemctl daemon-reload', DROP_INS, name)

    return undo


def _repair(host):
    _no_drop_in("broken")(host)
    host.script("systemctl reset-failed containerd; systemctl restart containerd")


def _systemctl(verb):
    def do(host):
        host.script('systemctl "$1" containerd', verb)

    return do


def _start_second(host):
    host.script(
        "unit=$1 state=$2 rootfs=$4\n"
        'if systemctl is-active -q "$unit"; then exit; fi\n'
        'mkdir -p "$state"; printf "%s" "$3" > "$state/config.toml"\n'
        'systemd-run -q --unit="$unit" -p Type=notify -p Delegate=yes containerd --config "$state/config.toml"\n'
        'ctr -a "$state/containerd.sock" run -d --null-io --rootfs "$rootfs" second1 /bin/sleep 100000\n',
        SECOND,
        SECOND_STATE,
        SECOND_CONFIG,
        recipe.ROOTFS,
    )


def _stop_second(host):
    host.script(
        "unit=$1 state=$2 root=$3\n"
        'if systemctl is-active -q "$unit"; then\n'
        '    ctr -a "$state/containerd.sock" task rm -f second1 >/dev/null 2>&1 || true\n'
        '    systemctl stop "$unit"\n'
        "fi\n"
        'rm -rf "$state" "$root"\n',
        SECOND,
        SECOND_STATE,
        SECOND_ROOT,
    )


KILL_MODE = "[Service]\nKillMode=control-group\n"
BROKEN = "[Service]\nExecStart=\nExecStart=/bin/false\n"
LEGACY = (
    'case "$1" in *.json) ;; *) echo "this bundle is of the old form already" >&2; exit 1 ;; esac; '
    '[ -e "${1%/*}/address" ] || touch "$2/made"; '
    'sed \'s/.*"address": *"\\([^"]*\\)".*/\\1/\' "$1" | tr -d \'\\n\' > "${1%/*}/address"; rm "$1"'
)

FAULTS = {
    "shim_killed": Fault("kill the task's shim (SIGKILL)", _signal(signal.SIGKILL), of_task=True),
    "shim_stopped": Fault(
        "stop the task's shim, so that it answers no more (SIGSTOP)",
        _signal(signal.SIGSTOP),
        _signal(signal.SIGCONT),
        True,
    ),
    "shim_woken": Fault("let a stopped shim go on (SIGCONT)", _signal(signal.SIGCONT), of_task=True),
    "bootstrap_missing": Fault(
        "remove the file that says where the shim listens",
        _replace_bootstrap('rm "$1"'),
        _restore_bootstrap,
        True,
    ),
    "bootstrap_empty": Fault("empty that file", _replace_bootstrap(': > "$1"'), _restore_bootstrap, True),
    "bootstrap_garbled": Fault(
        "cut that file short", _replace_bootstrap('head -c 9 "$2/kept" > "$1"'), _restore_bootstrap, True
    ),
    "legacy_address": Fault(
        "write the address of a 2.x bundle in the form of 1.x", _replace_bootstrap(LEGACY), _restore_bootstrap, True
    ),
    "socket_missing": Fault("take the shim's socket out of the file system", _hide_socket, _show_socket, True),
    "runc_off_path": Fault("move runc to where no shim finds it", _hide(RUNC), _show(RUNC)),
    "killmode_control_group": Fault(
        "make systemd kill the shims with containerd, loaded", _drop_in("killmode", KILL_MODE), _no_drop_in("killmode")
    ),
    "killmode_not_loaded": Fault(
        "the same, written and not loaded yet", _drop_in("killmode", KILL_MODE, load=False), _no_drop_in("killmode")
    ),
    "containerd_broken": Fault("make the next start of containerd fail", _drop_in("broken", BROKEN), _repair),
    "containerd_stopped": Fault("stop containerd", _systemctl("stop"), _systemctl("start")),
    "protobuf_missing": Fault("hide python3-protobuf", _hide(PROTOBUF), _show(PROTOBUF)),
    "second_daemon": Fault("run a second containerd with a container of its own", _start_second, _stop_second),
}


def apply(host, name, task=None, undo=False):
    """Make a fault on a host, or undo it; the task it was done to, or None."""
    if name not in FAULTS:
        raise LabError(f"There is no fault {name!r}: known are {', '.join(FAULTS)}.")
    fault = FAULTS[name]
    if undo and fault.undo is None:
        raise LabError(f"{name} cannot be undone.")
    if task and not fault.of_task:
        raise LabError(f"{name} is a fault of the whole host, not of one task.")
    target: Bundle | object = bundle(host, task) if fault.of_task else host
    (fault.undo if undo else fault.do)(target)
    return target if fault.of_task else None


def undo_all(host):
    """Undo what lasts beyond the containers; meant for a host whose containers are thrown away next."""
    for path in (RUNC, PROTOBUF):
        _show(path)(host)
    _stop_second(host)
