# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hypothesis makes of the three small files: valid ones with their parts varied, mutations of those, and noise."""

from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from differential.conditions import RUNTIME, SOCKETS
from differential.stage import SHIM

# Stands for the example's own name, and is as long: examples differ in it alone.
ID = b"f0000"
ADDRESS = f"unix://{SOCKETS}/".encode() + ID
FILES = ("bootstrap", "address", "runtime")


@dataclass(frozen=True)
class Example:
    """The bytes of bootstrap.json, address and shim-binary-path (None for no such file), and what the shim speaks."""

    bootstrap: bytes | None
    address: bytes | None
    runtime: bytes | None
    serves: str

    def size(self):
        """How many bytes there are to look at."""
        return sum(len(getattr(self, name) or b"") for name in FILES)


def examples(release, count, number):
    """So many examples for a release; the same for the same number."""
    found = []

    @seed(number)
    @settings(
        max_examples=count, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=HealthCheck
    )
    @given(_example(reads_bootstrap=release.startswith("2")))
    def collect(one):
        found.append(one)

    collect()
    return found[:count]


BLANK = st.sampled_from([b"", b"", b"", b" ", b"\n", b"\r\n\t", b"\x0b", b"\xc2\xa0", b"\xef\xbb\xbf"])
VERSION_KEYS = [b'"version"'] * 6 + [
    b'"Version"',
    b'"VERSION"',
    b'"ver\xc5\xbfion"',
    b'"\\u0076ersion"',
    b'"version "',
    b"version",
]
ADDRESS_KEYS = [b'"address"'] * 6 + [b'"ADDRESS"', b'"addre\xc5\xbf\xc5\xbf"', b'"addr\\u0065ss"', b'"adress"']
PROTOCOL_KEYS = [b'"protocol"'] * 6 + [b'"Protocol"', b'"proto\\u0063ol"', b'"protocol\\u0000"']
VERSIONS = (
    [b"2"] * 6
    + [b"3"] * 5
    + [
        b"0",
        b"1",
        b"4",
        b"-1",
        b"-0",
        b"02",
        b"+2",
        b"2.0",
        b"2e0",
        b"20e-1",
        b"2.",
        b'"2"',
        b"null",
        b"true",
        b"[2]",
        b"{}",
        b"9223372036854775807",
        b"9223372036854775808",
        b"4294967298",
        b"0x2",
        b"NaN",
        b"1e400",
    ]
)
ADDRESSES = [b'"' + ADDRESS + b'"'] * 6 + [
    b'"' + ADDRESS.replace(b"/", b"\\/") + b'"',
    b'"' + ADDRESS.replace(b"unix", b"\\u0075ni\\u0078") + b'"',
    b'"' + ADDRESS.replace(b"//run", b"//./run") + b'"',
    b'"' + ADDRESS + b"\\u0000" + b'"',
    b'"' + ADDRESS + b"\\ud800" + b'"',
    b'"' + ADDRESS + b"\\ud83d\\ude00" + b'"',
    b'"' + ADDRESS + b"\xff" + b'"',
    b'"' + ADDRESS + b"\n" + b'"',
    b'"' + ADDRESS + b" " + b'"',
    b'"' + ADDRESS[7:] + b'"',
    b'"tcp://' + ADDRESS[7:] + b'"',
    b'"unix:' + ADDRESS[7:] + b'"',
    b'"UNIX://' + ADDRESS[7:] + b'"',
    b'"vsock://2:1024"',
    b'"@' + ID + b'"',
    b'""',
    b"null",
    b"1",
    b"[]",
]
PROTOCOLS = [b'"ttrpc"'] * 8 + [
    b'"TTRPC"',
    b'"ttrpc "',
    b'"t\\u0074rpc"',
    b'"ttrp\xe2\x84\xaa"',
    b'""',
    b'"http"',
    b"null",
    b"2",
]
OTHERS = [
    b'"more":{"a":[1,2,{"b":null}]}',
    b'"capabilities":[0]',
    b'"metadata":{"a":"b"}',
    b'"":""',
    b'"a":1e999',
    b'"a":"\\x"',
    b'"a":tru',
    b'"a":' + b"[" * 40 + b"]" * 40,
]
RAW = [ADDRESS] * 4 + [
    ADDRESS + b"\n",
    b" " + ADDRESS,
    ADDRESS + b"\0",
    ADDRESS.upper(),
    ADDRESS[7:],
    ADDRESS[:-1],
    ADDRESS + ADDRESS,
    b"@" + ID,
    ADDRESS.replace(b"//run", b"///run"),
    ADDRESS.replace(b"unix://", b"unix:////"),
    ADDRESS.replace(b"/s/", b"/s/../s/"),
    b"",
    b"unix://",
    b"unix://\0",
    b"://" + ADDRESS[7:],
    b"null",
    b"[]",
    b"0",
    b'"' + ADDRESS + b'"',
]
PATHS = (
    [SHIM.encode()] * 3
    + [RUNTIME.encode()] * 3
    + [
        SHIM.encode() + b"\n",
        SHIM.encode() + b"/",
        b"/" + SHIM.encode(),
        SHIM.encode().replace(b"/bin/", b"/bin/./"),
        SHIM.encode() + b"\0",
        b"",
        b" ",
        b".",
        b"..",
        b"/",
        b"/usr/local/bin",
        b"scripted.v1",
        b".scripted.v1",
        b"a.scripted.v1",
        b"io.containerd.scripted.v1.",
        b"io..scripted.v1",
        b"io.containerd.Scripted.v1",
        b"io.containerd.scripted.v1\n",
        b"./io.containerd.scripted.v1",
        b"io.containerd.runc.v2",
        b"usr/local/bin/a.scripted.v1",
        b"/usr/local/bin/a.scripted.v1",
        b"\xff\xfe",
        b"a" * 300,
        b"/" + b"a/" * 2100,
    ]
)
TRAILING = [b""] * 6 + [b"\n", b" \t", b"x", b"{}", b"\0", b",", b"}"]


@st.composite
def _json(draw):
    """An object with the three keys in any order, some of them twice or missing, and others."""
    members = [
        draw(st.sampled_from(keys)) + draw(BLANK) + b":" + draw(BLANK) + draw(st.sampled_from(values))
        for keys, values in ((VERSION_KEYS, VERSIONS), (ADDRESS_KEYS, ADDRESSES), (PROTOCOL_KEYS, PROTOCOLS))
    ]
    if draw(st.integers(0, 3)) == 0:
        keys, values = draw(
            st.sampled_from([(VERSION_KEYS, VERSIONS), (ADDRESS_KEYS, ADDRESSES), (PROTOCOL_KEYS, PROTOCOLS)])
        )
        members.append(draw(st.sampled_from(keys)) + b":" + draw(st.sampled_from(values)))
    if draw(st.integers(0, 3)) == 0:
        members.append(draw(st.sampled_from(OTHERS)))
    if draw(st.booleans()):
        members = draw(st.permutations(members))
    body = (draw(BLANK) + b"," + draw(BLANK)).join(members)
    return draw(BLANK) + b"{" + draw(BLANK) + body + draw(BLANK) + b"}" + draw(st.sampled_from(TRAILING))


@st.composite
def _mutated(draw, whole):
    """Some bytes with up to three things done to them."""
    data = draw(whole)
    for _ in range(draw(st.integers(1, 3))):
        at, to = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        data = draw(
            st.sampled_from(
                [
                    data[:at] + draw(st.binary(min_size=1, max_size=2)) + data[at:],
                    data[:at] + data[at + 1 :],
                    data[:at],
                    data[:at] + data[at:to] + data[at:],
                    data[:at] + bytes(byte ^ 0x20 for byte in data[at : at + 1]) + data[at + 1 :],
                    data[:at] + bytes(byte ^ 0x80 for byte in data[at : at + 1]) + data[at + 1 :],
                ]
            )
        )
    return data


NOISE = st.one_of(st.binary(max_size=80), st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")))
VALID_JSON = st.sampled_from(
    [b'{"version":%d,"address":"%s","protocol":"ttrpc"}' % (version, ADDRESS) for version in (2, 3)]
)
PARAMETERS = st.one_of(_json(), _json(), _mutated(VALID_JSON), _mutated(_json()), st.sampled_from(RAW), NOISE)
ADDRESS_FILE = st.one_of(
    st.sampled_from(RAW), _mutated(st.just(ADDRESS)), _mutated(st.sampled_from(RAW)), _json(), NOISE
)
PATH_FILE = st.one_of(st.sampled_from(PATHS), _mutated(st.sampled_from(PATHS[:4])), NOISE)


@st.composite
def _example(draw, reads_bootstrap):
    """One of the three is odd, the others are as they should be."""
    odd = draw(
        st.sampled_from(
            ["bootstrap"] * (4 if reads_bootstrap else 1)
            + ["address"] * (2 if reads_bootstrap else 4)
            + ["runtime"] * 2
        )
    )
    bootstrap = draw(PARAMETERS) if odd == "bootstrap" else None
    if odd == "runtime" and draw(st.booleans()):
        bootstrap = draw(VALID_JSON)
    return Example(
        bootstrap,
        draw(ADDRESS_FILE) if odd == "address" else ADDRESS,
        draw(PATH_FILE) if odd == "runtime" else SHIM.encode(),
        draw(st.sampled_from(["v2", "v2 v3", "v3"])),
    )
