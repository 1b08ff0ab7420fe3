# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each class restores a shim's parameters: rows B and C of recovery-spec 10.2, and captured bundles."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bootstrap import (
    Params,
    Unusable,
    best,
    restore,
)
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import File, read
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint, Nowhere, resolve
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import CLASSES
from ansible_collections.shimops.containerd.tests.unit.support import captured
from ansible_collections.shimops.containerd.tests.unit.support.observations import ADDRESS, HERE, a_bundle, parameters

NEW = CLASSES[2:]
FROM_ADDRESS = Params(2, ADDRESS, "ttrpc", "address", False)
MIGRATED = FROM_ADDRESS._replace(migrates=True)
V2, V3 = (Params(version, ADDRESS, "ttrpc", "bootstrap.json", False) for version in (2, 3))
RAW = Params(2, ADDRESS, "ttrpc", "bootstrap.json", False)

# Row, content of bootstrap.json, and what 2.x makes of it: parameters, or (rule, outcome). 1.x does not look at it.
DAMAGED = (
    ("B1", '{"version":3,"address"', ("B1", "killed")),
    ("B1", "[]", ("B1", "killed")),
    ("B1", '[["version",3],["address","x"]]', ("B1", "killed")),
    ("B1", "hello, world", ("B1", "killed")),
    ("B1", '{"version":NaN,"address":"x","protocol":"ttrpc"}', ("B1", "killed")),
    ("B2", "", ("B2", "killed")),
    ("B3", " \n\t", ("B3", "killed")),
    # "null" is all zero, so the whole content is an address: an abstract name that nobody listens on.
    ("B3", "null", ("B3", "killed")),
    ("B4", File("directory", b""), ("B4", "killed")),
    ("B6", '{"version":3,"address":"' + ADDRESS + '","protocol":"ttrpc","capabilities":[0],"metadata":{"a":"1"}}', V3),
    ("B6", parameters(3)[:-1] + ',"more":{"version":"x"}}', V3),
    ("B4", File("unreadable", b""), ("B4", "killed")),
    ("B4", File("socket", b""), ("B4", "killed")),
    ("X1", File("fifo", b""), ("X1", "hangs")),
    # What begins no object is an address as a whole, and far too long for one.
    ("B1", File("too_large", 1024 * b"\0"), ("B1", "killed")),
    ("B1", File("too_large", b"[1, 2"), ("B1", "killed")),
    ("B6", '{"VERSION":3,"Address":"' + ADDRESS + '","protocoL":"ttrpc"}', V3),
    ("B6", parameters(3) + "\n", V3),
    ("B6", parameters(2) + " \t\r\n", V2),
    ("B7", parameters(3) + "junk", ("B7", "killed")),
    ("B7", parameters(3) + parameters(3), ("B7", "killed")),
    ("B8", parameters(3, "http"), ("B8", "killed")),
    ("B9", '{"version":3,"address":"' + ADDRESS + '"}', ("B9", "killed")),
    ("B9", parameters(3, ""), ("B9", "killed")),
    ("B9", '{"version":3,"address":"' + ADDRESS + '","protocol":null}', ("B9", "killed")),
    ("B10", parameters(3, "TTRPC"), V3),
    ("B11", parameters(0), ("B11", "killed")),
    ("B11", parameters(1), ("B11", "killed")),
    ("B11", parameters(-3), ("B11", "killed")),
    ("B11", '{"address":"' + ADDRESS + '","protocol":"ttrpc"}', ("B11", "killed")),
    ("B11", "{}", ("B11", "killed")),
    ("B12", parameters('"3"'), ("B12", "killed")),
    ("B12", parameters("3.0"), ("B12", "killed")),
    ("B12", parameters("3e0"), ("B12", "killed")),
    ("B12", parameters("true"), ("B12", "killed")),
    ("B12", parameters("[3]"), ("B12", "killed")),
    # An int32 in 2.3, an int before: neither takes it.
    ("B12", parameters(2**63), ("B12", "killed")),
    ("B13", parameters(4), ("B13", "killed")),
    ("B13", parameters(2147483647), ("B13", "killed")),
    ("B14", ADDRESS, RAW),
)

# We do not read what containerd reads: said, not guessed.
NOT_TOLD = (
    ("B4", File("link", b"")),
    ("B4", File("device", b"")),
    ("B4", File("not_read", b"")),
    ("B1", File("too_large", b'{"version":3,')),
    ("B1", File("too_large", b" \n  {")),
    ("B1", File("too_large", b"    ")),
)

# Row, content of address while there is no bootstrap.json; V16, V17, 2.x.
WITHOUT = (
    ("C1", ADDRESS, FROM_ADDRESS, FROM_ADDRESS, MIGRATED),
    ("C2", None, ("C2", "killed"), ("C2", "killed"), ("C2", "killed")),
    ("C3", "", ("C3", "killed"), ("C3", "killed"), ("C3", "killed")),
    (
        "C4",
        ADDRESS + "\n",
        FROM_ADDRESS._replace(address=ADDRESS + "\n"),
        FROM_ADDRESS._replace(address=ADDRESS + "\n"),
        MIGRATED._replace(address=ADDRESS + "\n"),
    ),
    (
        "C5",
        parameters(2),
        FROM_ADDRESS._replace(address=parameters(2)),
        FROM_ADDRESS,
        MIGRATED._replace(address=parameters(2)),
    ),
    (
        "C6",
        parameters(3),
        FROM_ADDRESS._replace(address=parameters(3)),
        ("C6", "killed"),
        MIGRATED._replace(address=parameters(3)),
    ),
    (
        "C7",
        "shim",
        FROM_ADDRESS._replace(address="shim"),
        FROM_ADDRESS._replace(address="shim"),
        MIGRATED._replace(address="shim"),
    ),
    ("B4", File("directory", b""), ("B4", "killed"), ("B4", "killed"), ("B4", "killed")),
    ("B4", File("link", b""), ("B4", "unknown"), ("B4", "unknown"), ("B4", "unknown")),
)


def numbered(rows):
    """Names for rows of a table whose content is too much for a name."""
    return ["{0} {1}".format(row[0], number) for number, row in enumerate(rows)]


def check(found, expected):
    """Unusable, or of no use: an address that only blame falls on."""
    if isinstance(expected, Params):
        assert found._replace(doubt=None, dialer="2.x") == expected
    elif isinstance(found, Params):
        assert (found.doubt[0], "killed") == expected and found.doubt[1]
        assert (found.version, found.protocol) == (2, "ttrpc")
    else:
        assert isinstance(found, Unusable) and (found.rule, found.outcome) == expected and found.reason


@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize("row, content, expected", DAMAGED, ids=numbered(DAMAGED))
def test_bootstrap_json_is_all_that_counts_from_2_0_on(name, row, content, expected):
    check(restore(a_bundle(content, ADDRESS), name), expected)
    # A good address changes nothing, nor does a missing one: recovery-spec 2.1.
    assert restore(a_bundle(content, None), name) == restore(a_bundle(content, ADDRESS), name)


@pytest.mark.parametrize("name", ("V16", "V17"))
@pytest.mark.parametrize("row, content, expected", DAMAGED, ids=numbered(DAMAGED))
def test_bootstrap_json_is_nothing_to_1_x(name, row, content, expected):
    check(restore(a_bundle(content, ADDRESS), name), FROM_ADDRESS)
    assert restore(a_bundle(content, ADDRESS), name).dialer == "1.x"
    check(restore(a_bundle(content, None), name), ("A3", "killed"))


@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize("row, content", NOT_TOLD, ids=numbered(NOT_TOLD))
def test_what_cannot_be_determined_is_said(name, row, content):
    check(restore(a_bundle(content, ADDRESS), name), (row, "unknown"))


@pytest.mark.parametrize("row, content, v16, v17, new", WITHOUT, ids=numbered(WITHOUT))
def test_address_without_bootstrap_json(row, content, v16, v17, new):
    check(restore(a_bundle(None, content), "V16"), v16)
    check(restore(a_bundle(None, content), "V17"), v17)
    for name in NEW:
        check(restore(a_bundle(None, content), name), new)


@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize("more", ['"metadata":3', '"capabilities":"q"', '"capabilities":[0.5],"metadata":{"a":1}'])
def test_keys_of_newer_writers_are_passed_over(name, more):
    assert restore(a_bundle(parameters(3)[:-1] + "," + more + "}"), name) == V3


@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize("space", ["\v", "\f", "\u00a0", " \u2003\n"])
def test_white_space_that_only_go_trims(name, space):
    found = restore(a_bundle(space + parameters(3) + space), name)
    if name in ("V23b", "V23c"):
        assert found == V3
        return
    # Before 2.3.4 it is not JSON, so the whole of it is taken for the address.
    assert (found.version, found.address) == (2, space + parameters(3) + space)


@pytest.mark.parametrize("name", NEW)
def test_b15_a_newline_after_a_raw_address(name):
    newer = name in ("V23b", "V23c")
    found = restore(a_bundle(ADDRESS + "\n"), name)
    assert found._replace(doubt=None) == (RAW if newer else RAW._replace(address=ADDRESS + "\n"))
    assert (found.doubt or ("",))[0] == ("" if newer else "B15")


@pytest.mark.parametrize("name", NEW)
def test_b16_a_binary_result_is_read_from_2_3_on(name):
    binary = b"\x08\x03\x12" + bytes((len(ADDRESS),)) + ADDRESS.encode() + b"\x1a\x05ttrpc"
    # Before, its first byte but one is taken for the end of a name: what follows is no scheme.
    expected = V3 if name in ("V23a", "V23b", "V23c") else Params(2, binary.decode(), "ttrpc", "bootstrap.json")
    check(restore(a_bundle(binary, ADDRESS), name), expected)


def test_what_is_nested_as_people_nest_it_is_read():
    assert restore(a_bundle(parameters(3)[:-1] + ',"metadata":' + 100 * "[" + 100 * "]" + "}"), "V22") == V3


def test_the_last_of_two_equal_keys_counts():
    text = '{"version":2,"Version":3,"address":"","address":"' + ADDRESS + '","protocol":"grpc","protocol":"ttrpc"}'
    assert restore(a_bundle(text), "V22") == V3


def test_a_broken_escape_becomes_what_go_makes_of_it():
    found = restore(a_bundle('{"version":3,"address":"unix:///run/\\ud800","protocol":"ttrpc"}'), "V22")
    assert found.address == "unix:///run/\ufffd"
    assert resolve(found) == Endpoint("unix", "/run/\ufffd", "ttrpc")


def test_a_pair_of_escapes_is_one_character():
    found = restore(a_bundle('{"version":3,"address":"unix:///run/\\ud83d\\ude00","protocol":"ttrpc"}'), "V22")
    assert found.address == "unix:///run/\U0001f600"


def test_grpc_parameters():
    text = parameters(2, "GRPC", "/run/kata.sock")
    assert restore(a_bundle(text, text), "V17") == Params(2, "/run/kata.sock", "grpc", "address", dialer="1.x")
    assert restore(a_bundle(text, text), "V20b") == Params(2, "/run/kata.sock", "grpc", "bootstrap.json", False)


@pytest.mark.parametrize("name", CLASSES)
def test_any_content_at_all_gives_an_answer(name):
    odd = [bytes(range(256)), b"\x00", b"{", b"\xff", b'"', b"-", b"{}{}", b"\xef\xbb\xbf{}", 70000 * b"["]
    for data in odd:
        for bundle in (a_bundle(data), a_bundle(None, data), a_bundle(data, data)):
            found = restore(bundle, name)
            assert isinstance(found, (Params, Unusable))
            if isinstance(found, Params):
                assert isinstance(resolve(found), (Endpoint, Nowhere))


# Whichever file is usable, for asking the shim itself


def test_best_takes_bootstrap_json_first_and_any_release_that_can_read_one():
    assert best(a_bundle(parameters(3), ADDRESS)) == V3
    assert best(a_bundle("{", ADDRESS)) == FROM_ADDRESS._replace(dialer="1.x")
    assert best(a_bundle(None, ADDRESS)) == MIGRATED
    assert best(a_bundle("{", parameters(2))) == FROM_ADDRESS._replace(dialer="1.x")
    check(best(a_bundle(None, None)), ("C2", "killed"))
    check(best(a_bundle("{", None)), ("B1", "killed"))


# Captured bundles


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("kind", captured.KINDS)
@pytest.mark.parametrize("release", captured.RELEASES)
def test_captured_bundle_under_every_class(tmp_path, release, kind, name):
    found = restore(read(captured.bundle(tmp_path, release, kind)), name)
    if release != "2.1.9":
        address = captured.content(release, kind, "address").decode()
        assert found == Params(2, address, "ttrpc", "address", name in NEW, "2.x" if name in NEW else "1.x")
    elif name in NEW:
        assert (found.version, found.protocol, found.source, found.migrates) == (3, "ttrpc", "bootstrap.json", False)
        assert found.address in captured.content(release, kind, "bootstrap.json").decode()
    else:
        # 1.x finds no address, and kills.
        check(found, ("A3", "killed"))


@pytest.mark.parametrize("kind", captured.KINDS)
@pytest.mark.parametrize("made", ("1.6.20", "1.7.24"))
def test_a_bundle_that_2_1_migrated_leads_every_class_to_the_same_socket(tmp_path, made, kind):
    bundle = read(captured.bundle(tmp_path, "2.1.9", "migrated-{0}-{1}".format(made, kind)))
    found = [restore(bundle, name) for name in CLASSES]
    assert {one.version for one in found} == {2} and len({resolve(one) for one in found}) == 1
    assert [one.source for one in found] == 2 * ["address"] + 6 * ["bootstrap.json"]


def test_the_socket_of_these_tests_is_a_possible_one():
    assert resolve(RAW) == HERE
