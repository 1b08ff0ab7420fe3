# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles, answers and cases made of values, for the tests of the pure stages."""

from __future__ import annotations

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import ABSENT, Bundle, File, Pod
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint, candidates
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.scan import Entry
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host.ctr import Task
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import Answers, Reply

SOCKET = "/run/containerd/s/e5004fa38836ea9f631e13290094383fe984d3a733426ab0ec54f90930379ca0"
ADDRESS = "unix://" + SOCKET
SHIM = "/usr/bin/containerd-shim-runc-v2"
INIT = Process(430, 91823)
POD = Pod("container", "5c2c94f3", "shop", "web1", "8b027804-9572-461c-a028-f724e9d464ae", "app")
HERE = Endpoint("unix", SOCKET, "ttrpc")


def file(data):
    """A file with that text or those bytes; None is a file that is absent, a File is itself."""
    if data is None:
        return ABSENT
    if isinstance(data, File):
        return data
    return File("file", data if isinstance(data, bytes) else data.encode())


def parameters(version, protocol="ttrpc", address=ADDRESS):
    """bootstrap.json as containerd writes it."""
    return '{{"version":{0},"address":"{1}","protocol":"{2}"}}'.format(version, address, protocol)


def a_bundle(bootstrap_json=None, address=None, shim_binary_path=SHIM, **fields):
    """A bundle with a running task, but for what is given otherwise."""
    values = {
        "namespace": "default",
        "id": "plain1",
        "path": "/run/containerd/io.containerd.runtime.v2.task/default/plain1",
        "changed": 1700000000.0,
        "empty": False,
        "problem": None,
        "sandbox": None,
        "log_kind": "fifo",
        "pod": None,
        "group": "plain1",
        "init": INIT,
    }
    values.update(fields)
    return Bundle(
        bootstrap_json=file(bootstrap_json), address=file(address), shim_binary_path=file(shim_binary_path), **values
    )


def silent(rule, reason="why", asked=True):
    """No usable answer."""
    return Answers({}, None, None, None, None, None, None, (rule, reason), 0.001, asked)


def said(serves="v2", code=0, **fields):
    """The answers of a shim that serves these versions of the task service, separated by blanks."""
    connect = {
        name: Reply(code, "ok" if code == 0 else "broken") if name in serves.split() else Reply(12, "Unimplemented")
        for name in ("v3", "v2")
    }
    known = [name for name in ("v3", "v2") if connect[name].code == 0]
    values = {
        "service": known[0] if known else None,
        "shim_pid": 411 if known else None,
        "task_pid": INIT.pid if known else None,
        "status": "running" if known else None,
        "pids": [INIT.pid] if known else None,
        "pids_failure": None,
        "failure": None,
        "elapsed": 0.001,
        "asked": True,
    }
    values.update(fields)
    return Answers(connect, **values)


def a_case(
    bundle,
    world,
    release_class,
    kind="bundle",
    has_record=True,
    runtime_resolves=True,
    in_sandbox_store=False,
    **fields,
):
    """The case of a bundle as the stages before the forecast would give it.

    :param world: what is heard from each endpoint; there is nothing behind others.
    """
    path = "/run/containerd/io.containerd.runtime.v2.task/default/plain1"
    heard = {}
    for place in candidates(bundle, [release_class]) if bundle and not bundle.problem else ():
        heard[place] = world.get(place) or silent("D1" if place.kind == "unix" else "D2")
    return Observation(
        entry=Entry("default", "plain1", path, kind, 1700000000.0),
        bundle=bundle,
        has_record=has_record,
        runtime_resolves=runtime_resolves,
        in_sandbox_store=in_sandbox_store,
        answers=heard,
        **fields,
    )


def a_listed_task(runtime, status="running", **fields):
    """A task that containerd lists and that has no bundle."""
    entry = Entry("default", "old1", "/run/containerd/io.containerd.runtime.v2.task/default/old1", "listed", 0.0)
    task = Task(INIT.pid, status)
    return Observation(entry, None, True, None, None, {}, runtime=runtime, listed=task, **fields)


def a_daemon(**fields):
    """A containerd as it was found on a host."""
    values = {
        "layout": "containerd",
        "unit_name": "containerd.service",
        "unit": None,
        "state_dir": "/run/containerd",
        "root_dir": "/var/lib/containerd",
        "address": "/run/containerd/containerd.sock",
        "process": Process(51, 1234),
        "executable": "/usr/bin/containerd",
        "running": "1.7.24",
        "installed": "1.7.24",
    }
    values.update(fields)
    return Daemon(**values)
