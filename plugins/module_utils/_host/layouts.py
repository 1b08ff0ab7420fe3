# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the distributions of containerd keep their things. Pure. Internal to the collection.

Source: recovery-spec section 9. The last four are run with the real containerd and an emulated supervisor.
"""

from __future__ import annotations

from typing import NamedTuple, Tuple

#: Below a state directory: one directory per namespace, and in it one bundle per task.
TASK_DIRECTORY = "io.containerd.runtime.v2.task"


#: The programs that containerd is run from; k3s is one program of many names (k3s scripts/build).
PROGRAMS = ("containerd", "k3s")
#: Layouts whose containerd is a part of a product, which brings and starts it.
BUNDLED = ("k3s", "rke2", "k0s", "microk8s")


class Layout(NamedTuple):
    """One way of installing containerd; the first of ``units`` that exists is meant."""

    units: Tuple[str, ...]
    state_dir: str
    root_dir: str
    address: str


_SYSTEM = ("/run/containerd", "/var/lib/containerd", "/run/containerd/containerd.sock")

LAYOUTS = {
    "containerd": Layout(("containerd.service",), *_SYSTEM),
    "docker": Layout(("containerd.service",), *_SYSTEM),
    "docker_managed": Layout(
        ("docker.service",),
        "/run/docker/containerd/daemon",
        "/var/lib/docker/containerd/daemon",
        "/run/docker/containerd/containerd.sock",
    ),
    "k3s": Layout(
        ("k3s.service", "k3s-agent.service"),
        "/run/k3s/containerd",
        "/var/lib/rancher/k3s/agent/containerd",
        "/run/k3s/containerd/containerd.sock",
    ),
    "rke2": Layout(
        ("rke2-server.service", "rke2-agent.service"),
        "/run/k3s/containerd",
        "/var/lib/rancher/rke2/agent/containerd",
        "/run/k3s/containerd/containerd.sock",
    ),
    "k0s": Layout(
        ("k0scontroller.service", "k0sworker.service"),
        "/run/k0s/containerd",
        "/var/lib/k0s/containerd",
        "/run/k0s/containerd.sock",
    ),
    "microk8s": Layout(
        ("snap.microk8s.daemon-containerd.service",),
        "/var/snap/microk8s/common/run/containerd",
        "/var/snap/microk8s/common/var/lib/containerd",
        "/var/snap/microk8s/common/run/containerd.sock",
    ),
}


def named_by(state_dir: str, root_dir: str) -> str:
    """The layout that uses these directories; ``containerd`` when none of the table does."""
    for name, layout in LAYOUTS.items():
        if (layout.state_dir, layout.root_dir) == (state_dir, root_dir):
            return name
    return "containerd"
