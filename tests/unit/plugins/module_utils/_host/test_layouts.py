# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where distributions keep containerd's things: the table of recovery-spec 9."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils import _argspec
from ansible_collections.shimops.containerd.plugins.module_utils._host.layouts import LAYOUTS, named_by
from ansible_collections.shimops.containerd.tests.unit.support import captured

TABLE = {
    "containerd": ("/run/containerd", "/var/lib/containerd", "/run/containerd/containerd.sock"),
    "docker": ("/run/containerd", "/var/lib/containerd", "/run/containerd/containerd.sock"),
    "docker_managed": (
        "/run/docker/containerd/daemon",
        "/var/lib/docker/containerd/daemon",
        "/run/docker/containerd/containerd.sock",
    ),
    "k3s": ("/run/k3s/containerd", "/var/lib/rancher/k3s/agent/containerd", "/run/k3s/containerd/containerd.sock"),
    "rke2": ("/run/k3s/containerd", "/var/lib/rancher/rke2/agent/containerd", "/run/k3s/containerd/containerd.sock"),
    "k0s": ("/run/k0s/containerd", "/var/lib/k0s/containerd", "/run/k0s/containerd.sock"),
    "microk8s": (
        "/var/snap/microk8s/common/run/containerd",
        "/var/snap/microk8s/common/var/lib/containerd",
        "/var/snap/microk8s/common/run/containerd.sock",
    ),
}
UNITS = {
    "containerd": ("containerd.service",),
    "docker": ("containerd.service",),
    "docker_managed": ("docker.service",),
    "k3s": ("k3s.service", "k3s-agent.service"),
    "rke2": ("rke2-server.service", "rke2-agent.service"),
    "k0s": ("k0scontroller.service", "k0sworker.service"),
    "microk8s": ("snap.microk8s.daemon-containerd.service",),
}


def test_the_table_is_that_of_the_specification():
    assert {name: tuple(layout[1:]) for name, layout in LAYOUTS.items()} == TABLE
    assert {name: layout.units for name, layout in LAYOUTS.items()} == UNITS


def test_every_layout_can_be_chosen():
    assert _argspec.shared()["layout"]["choices"] == ["auto"] + list(LAYOUTS)


@pytest.mark.parametrize("name", sorted(set(TABLE) - {"docker"}))
def test_directories_name_their_layout(name):
    # k3s and rke2 share the state directory; the root distinguishes them.
    assert named_by(*TABLE[name][:2]) == name


def test_directories_of_nobody_are_a_plain_containerd():
    assert named_by("/somewhere", "/else") == "containerd"
    assert named_by("/run/k3s/containerd", "/var/lib/containerd") == "containerd"
    assert named_by(*TABLE["docker"][:2]) == "containerd"


@pytest.mark.parametrize("release", captured.RELEASES)
def test_debian_is_the_plain_layout(release):
    from ansible_collections.shimops.containerd.plugins.module_utils._host.config_dump import parse

    values = parse(captured.output(release, "config-dump").stdout)
    assert (values["state"], values["root"], values["grpc.address"]) == TABLE["containerd"]
