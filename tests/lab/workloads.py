# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers in a host: plain ones through ctr, pods through the CRI."""

import uuid
from dataclasses import dataclass, field

from lab import cri, recipe
from lab.errors import LabError

PLAIN_NAMESPACE = "default"
KUBERNETES_NAMESPACE = "shop"
POD_CONTAINERS = ("app", "sidecar")
# Ends at once on a signal, unlike a bare sleep that is process 1 of its namespace.
IDLE = ("/bin/sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait")


@dataclass(frozen=True)
class Task:
    """A task as containerd lists it; the pid is the host's number for it."""

    namespace: str
    id: str
    pid: int
    status: str


@dataclass
class Pod:
    """A pod that was started; ``containers`` maps names to ids."""

    id: str
    name: str
    namespace: str
    uid: str
    containers: dict = field(default_factory=dict)


def tasks(host, namespace=None):
    """The tasks containerd lists in the host, of one namespace or of all."""
    script = 'for ns in ${1:-$(ctr ns ls -q)}; do ctr -n "$ns" task ls | sed "1d;s/^/$ns /"; done'
    rows = [line.split() for line in host.script(script, *([namespace] if namespace else []), timeout=20).splitlines()]
    return [Task(row[0], row[1], int(row[2]), row[3].lower()) for row in rows]


def start_plain(host, name, command=IDLE, options=(), namespace=PLAIN_NAMESPACE):
    """Start a container outside of any pod; ``options`` are more options of ``ctr run``."""
    run = ("ctr", "-n", namespace, "run", "-d", "--null-io", *options, "--rootfs", recipe.ROOTFS)
    host.script('"$@"', *run, name, *command)


def start_exiting(host, name, status, seconds):
    """Start a plain container that ends by itself with that status after that many seconds."""
    start_plain(host, name, ("/bin/sh", "-c", f"sleep {seconds}; exit {status}"))


def delete(host, name, namespace=PLAIN_NAMESPACE):
    """Delete a container as a client of containerd does: its task first, then the container."""
    host.script(
        'ctr -n "$2" task rm --force "$1" >/dev/null 2>&1 || true; ctr -n "$2" container rm "$1"', name, namespace
    )


def import_image(host):
    """Give containerd the image that pods are made of, unless it has it."""
    host.script(
        'ctr -n "$1" images ls -q name=="$3" | grep -q . || ctr -n "$1" images import "$2" >/dev/null',
        cri.CRI_NAMESPACE,
        recipe.ARCHIVE,
        recipe.IMAGE,
    )
    with cri.Client(host) as client:
        client.await_image()


def run_pod(
    host,
    name,
    namespace=KUBERNETES_NAMESPACE,
    containers=POD_CONTAINERS,
    start=True,
    command=IDLE,
    client=None,
    logs="",
):
    """Run a pod of real containers on one shim; with ``start`` false they are created and not started.

    ``logs`` is a directory of the host for their logs; without one containerd reads them and throws them away.
    """
    if client is None:
        with cri.Client(host) as own:
            return run_pod(host, name, namespace, containers, start, command, own, logs)
    uid = str(uuid.uuid4())
    config = cri.sandbox_config(name, namespace, uid)
    if logs:
        host.run(["mkdir", "-p", logs])
        config.log_directory = logs
    pod = Pod(client.run_sandbox(config), name, namespace, uid)
    for container in containers:
        pod.containers[container] = client.create_container(pod.id, config, container, command)
        if start:
            client.start_container(pod.containers[container])
    return pod


def create_task(host, container):
    """Create the task of a container made by the CRI and never start it; the pid the host gives it."""
    with cri.Client(host) as client:
        return client.create_task(container)


def cri_containers(host):
    """The containers that the CRI of the host knows, with their states."""
    with cri.Client(host) as client:
        return client.containers()


def start_default(host, plain, pods):
    """Start what is missing of plain1.. and web1..; the number of containers started."""
    running = {task.id for task in tasks(host) if task.status == "running"}
    missing = [name for name in (f"plain{number}" for number in range(1, plain + 1)) if name not in running]
    for name in missing:
        # A container whose task is gone keeps its name.
        host.run(["ctr", "container", "rm", name], check=False)
        start_plain(host, name)
    started = len(missing)
    if pods:
        started += _start_pods(host, {f"web{number}" for number in range(1, pods + 1)})
    return started


def _start_pods(host, names):
    import_image(host)
    with cri.Client(host) as client:
        whole = set()
        containers = client.containers()
        for pod in client.pods():
            inside = {c.name for c in containers if c.sandbox == pod.id and c.state == "running"}
            if pod.name not in names or pod.namespace != KUBERNETES_NAMESPACE:
                continue
            if pod.ready and inside.issuperset(POD_CONTAINERS):
                whole.add(pod.name)
            else:
                client.remove_pod(pod.id)
        for name in sorted(names - whole):
            run_pod(host, name, client=client)
    return (len(names) - len(whole)) * len(POD_CONTAINERS)


def check_client():
    """Raise LabError if pods cannot be started for want of Python packages."""
    cri.check_client()


def task(host, name):
    """The task whose id is ``name`` or begins with it."""
    listed = tasks(host)
    found = [each for each in listed if each.id == name] or [each for each in listed if each.id.startswith(name)]
    if len(found) != 1:
        raise LabError(f"Host {host.name} has {len(found) or 'no'} tasks whose id begins with {name}.")
    return found[0]
