# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where addresses lead: the forms of recovery-spec 3."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._recovery.bootstrap import Params, restore
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.bundle import read
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.endpoint import Endpoint, Nowhere, resolve
from ansible_collections.shimops.containerd.tests.unit.plugins.module_utils._recovery import captured


def params(address, protocol="ttrpc", version=2):
    return Params(version, address, protocol, "address", False)


LONGEST = "/run/containerd/s/" + 89 * "x"

SOMEWHERE = (
    ("unix:///run/containerd/s/abc", "ttrpc", Endpoint("unix", "/run/containerd/s/abc", "ttrpc")),
    ("unix://relative", "ttrpc", Endpoint("unix", "relative", "ttrpc")),
    # Nothing is trimmed: row C4.
    ("unix:///run/s\n", "ttrpc", Endpoint("unix", "/run/s\n", "ttrpc")),
    # A plain path is no path to ttrpc.
    ("/run/containerd/s/abc", "ttrpc", Endpoint("abstract", "/run/containerd/s/abc", "ttrpc")),
    ("shim", "ttrpc", Endpoint("abstract", "shim", "ttrpc")),
    ("/run/kata/shim.sock", "grpc", Endpoint("unix", "/run/kata/shim.sock", "grpc")),
    ("unix://" + LONGEST, "ttrpc", Endpoint("unix", LONGEST, "ttrpc")),
)

NOWHERE = (
    ("tcp://127.0.0.1:7", "ttrpc", "B18", True),
    ("UNIX:///run/s", "ttrpc", "B18", True),
    ("://", "ttrpc", "B18", True),
    # There they may be well, but nobody here can ask them.
    ("vsock://3:1024", "ttrpc", "B18", False),
    ("hvsock:///run/uds:1024", "ttrpc", "B18", False),
    ("unix:///run/s", "grpc", "B19", True),
    ("relative", "grpc", "B19", True),
    ("", "grpc", "B19", True),
    ("", "ttrpc", "C3", True),
    ("unix://" + LONGEST + "x", "ttrpc", "D1", True),
    ("unix:///run/" + 60 * "\u00e9", "ttrpc", "D1", True),
    ("unix:///run/a\0b", "ttrpc", "D1", True),
)


@pytest.mark.parametrize("address, protocol, place", SOMEWHERE, ids=range(len(SOMEWHERE)))
def test_addresses_that_lead_somewhere(address, protocol, place):
    assert resolve(params(address, protocol)) == place


@pytest.mark.parametrize("address, protocol, rule, sure", NOWHERE, ids=range(len(NOWHERE)))
def test_addresses_that_lead_nowhere(address, protocol, rule, sure):
    place = resolve(params(address, protocol))
    assert isinstance(place, Nowhere) and (place.rule, place.sure) == (rule, sure) and place.reason


@pytest.mark.parametrize("kind", captured.KINDS)
@pytest.mark.parametrize("release", captured.RELEASES)
def test_captured_bundles_lead_to_their_shim(tmp_path, release, kind):
    place = resolve(restore(read(captured.bundle(tmp_path, release, kind)), captured.CLASS[release]))
    assert isinstance(place, Endpoint) and (place.kind, place.protocol) == ("unix", "ttrpc")
    # /run/containerd/s and a SHA-256 in hexadecimal: recovery-spec 3.
    assert place.name.startswith("/run/containerd/s/") and len(place.name) == 82
