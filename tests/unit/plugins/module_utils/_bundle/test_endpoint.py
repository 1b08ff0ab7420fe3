# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where addresses lead: the forms of recovery-spec 3."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bootstrap import Params, restore
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import read
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint, Nowhere, resolve
from ansible_collections.shimops.containerd.tests.unit.support import captured


def params(address, protocol="ttrpc", version=2):
    return Params(version, address, protocol, "address", False)


LONGEST = "/run/containerd/s/" + 89 * "x"

SOMEWHERE = (
    ("unix:///run/containerd/s/abc", "ttrpc", Endpoint("unix", "/run/containerd/s/abc", "ttrpc")),
    # systemd starts services in the root directory.
    ("unix://relative", "ttrpc", Endpoint("unix", "/relative", "ttrpc")),
    ("unix://run/containerd/s/abc", "ttrpc", Endpoint("unix", "/run/containerd/s/abc", "ttrpc")),
    # The kernel reads a path up to a NUL, and Go begins an abstract name with @ as well.
    ("unix:///run/a\0b", "ttrpc", Endpoint("unix", "/run/a", "ttrpc")),
    ("unix://@shim", "ttrpc", Endpoint("abstract", "shim", "ttrpc")),
    ("unix://\0shim", "ttrpc", Endpoint("abstract", "shim", "ttrpc")),
    ("/run/\udcff", "ttrpc", Endpoint("abstract", "/run/\udcff", "ttrpc")),
    # Nothing is trimmed: row C4.
    ("unix:///run/s\n", "ttrpc", Endpoint("unix", "/run/s\n", "ttrpc")),
    # A plain path is no path to ttrpc.
    ("/run/containerd/s/abc", "ttrpc", Endpoint("abstract", "/run/containerd/s/abc", "ttrpc")),
    ("shim", "ttrpc", Endpoint("abstract", "shim", "ttrpc")),
    ("/run/kata/shim.sock", "grpc", Endpoint("unix", "/run/kata/shim.sock", "grpc")),
    ("unix://" + LONGEST, "ttrpc", Endpoint("unix", LONGEST, "ttrpc")),
)

NOWHERE = (
    ("tcp://127.0.0.1:7", "ttrpc", "B18", "killed"),
    ("UNIX:///run/s", "ttrpc", "B18", "killed"),
    ("://", "ttrpc", "B18", "killed"),
    # There they may be well, but nobody here can ask them.
    ("vsock://3:1024", "ttrpc", "B18", "unknown"),
    ("hvsock:///run/uds:1024", "ttrpc", "B18", "unknown"),
    ("unix:///run/s", "grpc", "B19", "killed"),
    ("relative", "grpc", "B19", "killed"),
    ("", "grpc", "B19", "killed"),
    ("", "ttrpc", "C3", "killed"),
    ("unix://" + LONGEST + "x", "ttrpc", "D1", "killed"),
    ("unix:///run/" + 60 * "\u00e9", "ttrpc", "D1", "killed"),
    ("unix://", "ttrpc", "D1", "killed"),
    ("unix://@", "ttrpc", "D1", "killed"),
    (107 * "x", "ttrpc", "D1", "killed"),
    ("unix:///run/" + 50 * "\udcff" + 60 * "x", "ttrpc", "D1", "killed"),
)


@pytest.mark.parametrize("address, protocol, place", SOMEWHERE, ids=range(len(SOMEWHERE)))
def test_addresses_that_lead_somewhere(address, protocol, place):
    assert resolve(params(address, protocol)) == place


@pytest.mark.parametrize("address, protocol, rule, outcome", NOWHERE, ids=range(len(NOWHERE)))
def test_addresses_that_lead_nowhere(address, protocol, rule, outcome):
    place = resolve(params(address, protocol))
    assert isinstance(place, Nowhere) and (place.rule, place.outcome) == (rule, outcome) and place.reason


@pytest.mark.parametrize("kind", captured.KINDS)
@pytest.mark.parametrize("release", captured.RELEASES)
def test_captured_bundles_lead_to_their_shim(tmp_path, release, kind):
    place = resolve(restore(read(captured.bundle(tmp_path, release, kind)), captured.CLASS[release]))
    assert isinstance(place, Endpoint) and (place.kind, place.protocol) == ("unix", "ttrpc")
    # /run/containerd/s and a SHA-256 in hexadecimal: recovery-spec 3.
    assert place.name.startswith("/run/containerd/s/") and len(place.name) == 82


def test_1_x_takes_every_other_scheme_for_a_name():
    for text in ("tcp://127.0.0.1:7", "vsock://3:1024", "UNIX:///run/s", "://"):
        assert resolve(params(text)._replace(dialer="1.x")) == Endpoint("abstract", text, "ttrpc")


def test_a_relative_path_begins_where_containerd_stands():
    assert resolve(params("unix://s"), "/data") == Endpoint("unix", "/data/s", "ttrpc")


def test_what_is_no_utf_8_is_dialled_as_it_is_and_shown_as_it_can_be():
    place = resolve(params("unix:///run/\udcff"))
    assert place.raw() == b"/run/\xff" and place.shown() == "/run/\ufffd"
    assert resolve(params("shim")).raw() == b"\0shim"


def test_the_cause_is_named_where_it_leads_nowhere():
    doubtful = params("{" + 200 * "x")._replace(doubt=("B1", "why"))
    assert resolve(doubtful) == Nowhere("B1", "why")
    # Where it may lead somewhere after all, that counts.
    assert resolve(params("vsock://3:1\n")._replace(doubt=("B15", "why"))).outcome == "unknown"
