# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a configuration does to a restart, release by release."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._forecast.configuration_hazards import (
    Start,
    of_configuration,
)
from ansible_collections.shimops.containerd.plugins.module_utils._host.configuration import USUAL
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import CLASSES

ADDRESS = "/run/containerd/containerd.sock"
GOOD = USUAL._replace(address=ADDRESS, version=3, platforms=("linux/amd64",))


def found(name="V20b", plugins=(), pods=False, address=ADDRESS, **fields):
    """The (id, outcome) of each hazard of that configuration."""
    start = Start(GOOD._replace(**fields), address, plugins, pods)
    return [(one.id, one.outcome) for one in of_configuration(start, name)]


@pytest.mark.parametrize("name", CLASSES)
def test_an_ordinary_configuration_is_no_hazard(name):
    assert found(name) == found(name, address="") == found(name, version=None, address=None) == []


def test_one_that_does_not_load_is_the_only_hazard():
    start = Start(GOOD._replace(start_failure="row 6 column 6: no", load_timeout=0.0), ADDRESS, (), False)
    (one,) = of_configuration(start, "V17")
    assert (one.id, one.outcome) == ("configuration_invalid", "runtime_absent")
    assert one.reason == "containerd would not start with /etc/containerd/config.toml: row 6 column 6: no"


def test_one_that_is_not_known_is_at_risk():
    assert found(problem="it did not end") == [("configuration_unknown", "unknown")]


def test_a_version_that_nobody_knows_is_a_note():
    assert found(version=4) == [] and found(version=5) == [("configuration_newer", None)]


@pytest.mark.parametrize(
    "seconds, outcome", [(0.0, "killed"), (-1.0, "killed"), (1e-9, "unknown"), (0.099, "unknown"), (0.1, None)]
)
def test_a_load_timeout_that_no_shim_can_meet(seconds, outcome):
    assert found(load_timeout=seconds) == ([("load_timeout", outcome)] if outcome else [])


ALWAYS = ("runtime.v2.task", "metadata.v1.bolt", "content.v1.content", "event.v1.exchange", "grpc.v1.tasks")


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("plugin", ALWAYS + ("service.v1.tasks-service",))
def test_what_the_runtime_needs_in_every_release(name, plugin):
    assert found(name, disabled_plugins=("io.containerd." + plugin,)) == [("runtime_disabled", "runtime_absent")]
    # A configuration of version 1 names the last part alone.
    last = plugin.rpartition(".")[2]
    assert found(name, disabled_plugins=(last,)) == [("runtime_disabled", "runtime_absent")]
    assert found(name, disabled_plugins=("none." + last,)) == []


@pytest.mark.parametrize(
    "plugin, classes",
    [
        ("io.containerd.shim.v1.manager", CLASSES[2:]),
        ("io.containerd.warning.v1.deprecations", ("V17",) + CLASSES[4:]),
        ("io.containerd.snapshotter.v1.overlayfs", ()),
        ("io.containerd.mount-manager.v1.bolt", ()),
        ("io.containerd.grpc.v1.cri", ()),
    ],
)
def test_what_the_runtime_needs_in_some_releases(plugin, classes):
    assert tuple(name for name in CLASSES if found(name, disabled_plugins=(plugin,))) == tuple(classes)


def test_without_cri_pods_are_warned_of():
    for plugin in ("io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"):
        assert found(disabled_plugins=(plugin,), pods=True) == [("cri_disabled", None)]
    assert found(disabled_plugins=("cri",), pods=True) == [("cri_disabled", None)]


@pytest.mark.parametrize("platform", ["linux", "linux/amd64", "Linux/ARM/v7", "amd64", "x86_64", "made/up", "a/b/c"])
def test_platforms_that_parse(platform):
    assert found(platforms=(platform,)) == []


@pytest.mark.parametrize("platform", ["", "nonsense", "linux/", "/amd64", "a/b/c/d", "linux/am d64", "linux/*"])
def test_platforms_that_do_not(platform):
    assert found(platforms=("linux/amd64", platform)) == [("platforms_invalid", "runtime_absent")]


def test_required_plugins():
    plugin = "io.containerd.runtime.v2.task"
    assert found(required_plugins=(plugin,), plugins=(plugin,)) == []
    assert found(required_plugins=("task",), plugins=(plugin,)) == []
    assert found(required_plugins=("io.containerd.x.v1.y",), plugins=(plugin,)) == [
        ("required_plugin", "runtime_absent")
    ]
    assert found(required_plugins=(plugin,), plugins=None) == [("required_plugin", "unknown")]
    cri = "io.containerd.grpc.v1.cri"
    both = found(required_plugins=(cri,), disabled_plugins=(cri,), plugins=(cri,))
    assert both == [("required_plugin", "runtime_absent")]


def test_an_address_that_moves():
    assert found(address="/run/other.sock") == [("address_moved", "unknown")]
