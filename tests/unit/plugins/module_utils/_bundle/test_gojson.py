# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON as Go reads it: what it takes, what it refuses, and where it differs from Python."""

from __future__ import annotations

import json
import random
import time

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.gojson import (
    STRING,
    Integer,
    Invalid,
    fold,
    text,
    unmarshal,
)

FIELDS = {"version": Integer(64), "address": STRING, "protocol": STRING}


def read(data, fields=None):
    return unmarshal(data if isinstance(data, bytes) else data.encode("utf-8"), fields or FIELDS)


def number(value, fields=None):
    return read('{"version":' + value + "}", fields)


def address(inside):
    found = read(b'{"address":"' + inside + b'"}')
    return found if isinstance(found, Invalid) else found["address"]


# Texts that are no value, or a value of another type


@pytest.mark.parametrize(
    "data, kind",
    [
        ("", "syntax"),
        (" \t\r\n", "syntax"),
        ("{", "syntax"),
        ('{"version"', "syntax"),
        ('{"version":', "syntax"),
        ('{"version":3', "syntax"),
        ('{"version":3,', "syntax"),
        ('{"version":3,}', "syntax"),
        ("{,}", "syntax"),
        ("{version:3}", "syntax"),
        ("{'version':3}", "syntax"),
        ('{"version" 3}', "syntax"),
        ('{"version":3 "address":""}', "syntax"),
        ('{"version":[}', "syntax"),
        ('{"version":[1,]}', "syntax"),
        ("[", "syntax"),
        ("]", "syntax"),
        ("}", "syntax"),
        ("nul", "syntax"),
        ("Null", "syntax"),
        ("NaN", "syntax"),
        ("// x", "syntax"),
        (b"\xef\xbb\xbf{}", "syntax"),
        (b"\x00", "syntax"),
        ("\u00a0{}", "syntax"),
        ("\v{}", "syntax"),
        ("{}x", "trailing"),
        ("{}{}", "trailing"),
        ("{} ,", "trailing"),
        ("null null", "trailing"),
        (b"{}\x00", "trailing"),
        ("[]", "type"),
        ('"x"', "type"),
        ("3", "type"),
        ("true", "type"),
    ],
)
def test_refused(data, kind):
    found = read(data)
    assert isinstance(found, Invalid) and found.kind == kind and found.reason


@pytest.mark.parametrize("data", ["null", " null\n", "{}", "{ }", '{"other":1}', '{"version":null,"address":null}'])
def test_nothing_known_is_all_zero(data):
    assert read(data) == {"version": 0, "address": "", "protocol": ""}


# Numbers


@pytest.mark.parametrize("reported, value", [("3", 3), ("0", 0), ("-0", 0), ("-3", -3), (str(2**63 - 1), 2**63 - 1)])
def test_integers(reported, value):
    assert number(reported)["version"] == value


@pytest.mark.parametrize(
    "reported",
    ["3.0", "3e0", "3E+0", "0.3e1", "-0.0", '"3"', "true", "[3]", '{"x":3}', str(2**63), str(-(2**63) - 1), "9" * 5000],
)
def test_what_is_no_integer(reported):
    assert number(reported).kind == "type"


@pytest.mark.parametrize(
    "reported", ["03", "00", "-", "-03", "+3", "3.", ".3", "3e", "3e+", "0x3", "3_0", "Infinity", "1 2"]
)
def test_what_is_no_number(reported):
    assert number(reported).kind == "syntax"


def test_a_type_has_as_many_bits_as_it_says():
    narrow = {"version": Integer(32)}
    assert number(str(2**31 - 1), narrow)["version"] == 2**31 - 1
    assert number(str(2**31), narrow).kind == "type" and number(str(2**31))["version"] == 2**31


# Keys


@pytest.mark.parametrize("key", ["version", "VERSION", "Version", "ver\u017fion", "VER\u017fION", "\\u0076ersion"])
def test_keys_that_are_the_same_to_go(key):
    assert read('{"' + key + '":3}')["version"] == 3


@pytest.mark.parametrize(
    "key", ["version ", "versi\u00f6n", "vers\u0131on", "vers\u0130on", "ver\ufb01on", "", "ver\u00dfion"]
)
def test_keys_that_are_not(key):
    assert read('{"' + key + '":3}')["version"] == 0


def test_folding():
    assert fold("\u212aEY") == "key" and fold("A\u017f\u00c4") == "as\u00c4"


def test_of_two_the_last_counts_and_null_leaves_the_first():
    assert read('{"version":2,"VERSION":3}')["version"] == 3
    assert read('{"version":2,"version":null}')["version"] == 2
    # An error is an error, whatever comes after it.
    assert read('{"version":"2","version":3}').kind == "type"
    assert read('{"address":1,"version":3}').kind == "type"


def test_other_keys_may_hold_anything():
    data = '{"a":{"version":9,"x":[{}]},"version":3,"b":[1.5,"x",[[]],null],"c":-1e5}'
    assert read(data)["version"] == 3


# What newer writers add, of any type: recovery-spec 2.1, correction of 2026-11-26.
@pytest.mark.parametrize(
    "more", ['"capabilities":[0.5]', '"capabilities":"q"', '"metadata":{"a":1}', '"metadata":3', '"metadata":["a"]']
)
def test_keys_of_newer_writers_are_passed_over(more):
    assert read('{"version":3,' + more + "}")["version"] == 3


# Strings


@pytest.mark.parametrize(
    "inside, value",
    [
        (b"unix:///run/s", "unix:///run/s"),
        (b'\\"\\\\\\/\\b\\f\\n\\r\\t', '"\\/\b\f\n\r\t'),
        (b"\\u0041\\u00e4\\u20AC", "A\u00e4\u20ac"),
        (b"\\u0000", "\0"),
        (b"\\\\u0041", "\\u0041"),
        (b"\\ud83d\\ude00", "\U0001f600"),
        (b"\\ud83d", "\ufffd"),
        (b"\\ude00\\ud83d", "\ufffd\ufffd"),
        (b"\\ud83dx\\ude00", "\ufffdx\ufffd"),
        (b"\\ud83d\\ud83d\\ude00", "\ufffd\U0001f600"),
        (b"\xff", "\ufffd"),
        # Python makes one of the first two bytes, Go two.
        (b"\xe2\x82A", "\ufffd\ufffdA"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
        (b"\xc0\x80", "\ufffd\ufffd"),
        (b"\xf0\x9f\x98", "\ufffd\ufffd\ufffd"),
        (b"\x7f", "\x7f"),
    ],
)
def test_strings(inside, value):
    assert address(inside) == value


@pytest.mark.parametrize(
    "inside", [b"\n", b"\x00", b"\x1f", b"\t", b"\\x", b"\\'", b"\\u12", b"\\u12g4", b"\\U0041", b"\\"]
)
def test_what_is_no_string(inside):
    assert address(inside).kind == "syntax"


def test_text_is_kept_where_it_is_text():
    assert text("\u00e4\U0001f600".encode()) == "\u00e4\U0001f600"


# Depth and size


@pytest.mark.parametrize("opened, closed", [("[", "]"), ('{"a":', "}")])
def test_the_depth_that_go_takes(opened, closed):
    def nested(depth):
        return '{"x":' + opened * depth + ("1" if "a" in opened else "") + closed * depth + ',"version":3}'

    assert read(nested(9999))["version"] == 3
    assert read(nested(10000)).reason == "it is nested too deeply"


@pytest.mark.parametrize(
    "data", [65536 * b"[", b'"' + 65536 * b"a", b'"' + 32768 * b"\\u", b"{" + 30000 * b'"a":1,', 65536 * b" "]
)
def test_a_large_text_takes_no_time_to_speak_of(data):
    begun = time.monotonic()
    assert isinstance(read(data), Invalid)
    assert time.monotonic() - begun < 30


# Against Python's own reader, where both agree


def test_on_plain_json_both_readers_agree():
    dice = random.Random(7)
    agreed = 0
    for _round in range(3000):
        value = _value(dice, 3)
        data = bytearray(json.dumps(value, ensure_ascii=dice.random() < 0.5).encode("utf-8"))
        if dice.random() < 0.5 and data:
            data[dice.randrange(len(data))] = dice.choice(b'{}[]:,"\\01a.- \n')
        found = unmarshal(bytes(data), {})
        try:
            theirs = json.loads(bytes(data).decode("utf-8", "replace"), parse_constant=_refuse)
        except ValueError:
            theirs = Invalid
        if isinstance(found, Invalid) and found.kind == "type":
            assert not isinstance(theirs, dict) and theirs is not None and theirs is not Invalid
        elif isinstance(found, Invalid):
            assert theirs is Invalid, data
        else:
            assert isinstance(theirs, dict) or theirs is None, data
            agreed += 1
    assert agreed > 300


def _refuse(constant):
    raise ValueError(constant)


def _value(dice, depth):
    kinds = ["text", "number", "word"] + (["list", "object", "object", "object"] if depth else [])
    kind = dice.choice(kinds) if depth < 3 else "object"
    if kind == "list":
        return [_value(dice, depth - 1) for _item in range(dice.randrange(3))]
    if kind == "object":
        return {_word(dice): _value(dice, depth - 1) for _item in range(dice.randrange(4))}
    return {
        "text": _word(dice),
        "number": dice.choice([0, -1, 3, 1.5, 1e300, -2.5e-7]),
        "word": dice.choice([True, None]),
    }[kind]


def _word(dice):
    return "".join(dice.choice('vaK\u017f\u00e4"\\\n/ \U0001f600') for _letter in range(dice.randrange(5)))
