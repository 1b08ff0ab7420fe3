# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions of real containers: runc under containerd's own shim, and pods of the CRI."""

import os
import signal

from differential.conditions import Condition
from lab import cri, shims, workloads

# Copies that only one container uses, so that taking them away breaks that one alone.
OWN = "/run/differ-own"
RUNC, SHIM = f"{OWN}/runc", f"{OWN}/containerd-shim-runc-v2"


def _plain(*options, command=workloads.IDLE):
    """Start one container with options of ``ctr run``."""

    def begin(host, name):
        words = [word for option in options for word in option.format(name=name).split()]
        workloads.start_plain(host, name, command, words)
        return [(workloads.PLAIN_NAMESPACE, name)]

    return begin


def _copied(path, original, *options):
    """The same with a program of its own."""

    def begin(host, name):
        host.script('mkdir -p "${1%/*}"; cp -p "$2" "$1"', path, original)
        return _plain(*options)(host, name)

    return begin


def _exited(host, name):
    keys = _plain(command=("/bin/true",))(host, name)
    host.script('until ctr task ls | grep -q "^$1 .*STOPPED"; do sleep 0.05; done', name, timeout=60)
    return keys


def _group(host, name):
    keys = []
    for member in (f"{name}-1", f"{name}-2"):
        keys += _plain("--annotation", f"io.containerd.runc.v2.group={name}")(host, member)
    return keys


def _pod(host, name):
    workloads.import_image(host)
    pod = workloads.run_pod(host, name)
    return [(cri.CRI_NAMESPACE, one) for one in (pod.id, *pod.containers.values())]


def _created(host, name):
    workloads.import_image(host)
    pod = workloads.run_pod(host, name, containers=("app",), start=False)
    workloads.create_task(host, pod.containers["app"])
    return [(cri.CRI_NAMESPACE, one) for one in (pod.id, pod.containers["app"])]


def _in_bundle(script):
    """Something done in the directory of each bundle."""

    def break_(host, keys):
        for namespace, identifier in keys:
            host.script(f'cd "$1"; {script}', f"{shims.STATE}/{namespace}/{identifier}")

    return break_


def _signal(number):
    def break_(host, keys):
        for pid in {shims.Bundle(host, *key).shim.pid for key in keys}:
            os.kill(pid, number)

    return break_


def _no_socket(host, keys):
    for key in keys:
        host.script('rm "$1"', shims.Bundle(host, *key).socket)


def _remove(path):
    return lambda host, _keys: host.script('rm "$1"', path)


def _paused(host, keys):
    for namespace, identifier in keys:
        host.script('ctr -n "$1" task pause "$2"', namespace, identifier)


CONDITIONS = (
    Condition("R1", "runc container", begin=_plain()),
    Condition("R2", "runc container, paused", begin=_plain(), break_=_paused),
    Condition("R3", "runc container that has exited", begin=_exited),
    Condition("R4", "two runc containers of one shim", begin=_group),
    Condition(
        "R5",
        "runc container, bootstrap.json and address removed",
        begin=_plain(),
        break_=_in_bundle("rm -f bootstrap.json address"),
    ),
    Condition(
        "R6",
        "runc container, bootstrap.json and address emptied",
        begin=_plain(),
        break_=_in_bundle('for file in bootstrap.json address; do [ ! -e "$file" ] || : > "$file"; done'),
    ),
    Condition("R7", "runc container, its shim stopped", begin=_plain(), break_=_signal(signal.SIGSTOP)),
    Condition("R8", "runc container, socket removed", begin=_plain(), break_=_no_socket),
    Condition(
        "R9",
        "runc container, its runc removed",
        begin=_copied(RUNC, "/usr/sbin/runc", "--runc-binary", RUNC),
        break_=_remove(RUNC),
    ),
    Condition(
        "R10",
        "runc container, its shim's binary removed",
        begin=_copied(SHIM, "/usr/bin/containerd-shim-runc-v2", "--runtime", SHIM),
        break_=_remove(SHIM),
    ),
    Condition(
        "R11", "runc container, shim-binary-path removed", begin=_plain(), break_=_in_bundle("rm -f shim-binary-path")
    ),
    Condition(
        "R12",
        "runc container, options.json malformed, socket removed",
        begin=_plain(),
        break_=lambda host, keys: (_no_socket(host, keys), _in_bundle("echo { > options.json")(host, keys)),
    ),
    Condition(
        "R13", "runc container, options.json malformed", begin=_plain(), break_=_in_bundle("echo { > options.json")
    ),
    Condition(
        "R14",
        "runc container, the runtime file missing, socket removed",
        begin=_plain(),
        break_=lambda host, keys: (_no_socket(host, keys), _in_bundle("rm -f runtime")(host, keys)),
    ),
    Condition("P1", "pod", begin=_pod),
    Condition("P2", "pod, its shim's socket removed", begin=_pod, break_=lambda host, keys: _no_socket(host, keys[:1])),
    Condition("P3", "pod with a task that is created and not started", begin=_created),
    Condition(
        "P4",
        "pod, its workloads' shim-binary-path removed",
        begin=_pod,
        break_=lambda host, keys: _in_bundle("rm -f shim-binary-path")(host, keys[1:]),
    ),
)
