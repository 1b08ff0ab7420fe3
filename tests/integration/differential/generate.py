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
    found = {}

    @seed(number)
    @settings(
        max_examples=4 * count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=HealthCheck,
    )
    @given(_example(reads_bootstrap=release.startswith("2")))
    def collect(one):
        # hypothesis makes some of them twice.
        if len(found) < count:
            found[one] = None

    collect()
    return list(found)


# What stands in an object in place of what should stand there, by the part it stands for.
ODD = {
    "version key": [b'"Version"', b'"VERSION"', b'"ver\xc5\xbfion"', b'"\\u0076ersion"', b'"version "', b"version"],
    "address key": [b'"ADDRESS"', b'"addre\xc5\xbf\xc5\xbf"', b'"addr\\u0065ss"', b'"adress"'],
    "protocol key": [b'"Protocol"', b'"proto\\u0063ol"', b'"protocol\\u0000"', b'"protoc\xc3\xb6l"'],
    "version": (
        b'0 1 4 -1 -0 02 +2 2.0 2e0 20e-1 2. "2" null true [2] {} 0x2 NaN 1e400 4294967298 '
        b"9223372036854775807 9223372036854775808 -9223372036854775809"
    ).split(),
    "address": [
        ADDRESS.replace(b"/", b"\\/"),
        ADDRESS.replace(b"unix", b"\\u0075ni\\u0078"),
        ADDRESS.replace(b"//run", b"//./run"),
        ADDRESS.replace(b"//run", b"////run"),
        *(
            ADDRESS + end
            for end in (b"\\u0000", b"\\ud800", b"\\ud83d\\ude00", b"\xff", b"\n", b" ", b"\\n", b"\\x", b"\\")
        ),
        *(start + ADDRESS[7:] for start in (b"", b"tcp://", b"unix:", b"UNIX://", b"://", b"unix://.")),
        *(b"vsock://2:1024", b"@" + ID, b""),
    ],
    "protocol": [b'"TTRPC"', b'"ttrpc "', b'"t\\u0074rpc"', b'"ttrp\xe2\x84\xaa"', b'""', b'"http"', b"null", b"2"],
    "blank": [b" ", b"\n", b"\r\n\t", b"\x0b", b"\x0c", b"\xc2\xa0", b"/**/"],
    "before": [b" ", b"\n", b"\xef\xbb\xbf", b"\0", b"x", b"[", b'{"version":2}'],
    "after": [b"\n", b" \t", b"x", b"{}", b"\0", b",", b"}", b"\xc2\x85"],
    "more": (
        b'"more":{"a":[1,2,{"b":null}]} "capabilities":[0] "metadata":{"a":"b"} "":"" "a":1e999 "a":"\\x" "a":tru '
        b'"version":null "Version":3 "VERSION":1 "address":"" "ADDRESS":"unix:///nowhere" "address":1 '
        b'"protocol":null "Protocol":"http" "\xff":"\xff" "a":[[[[[[[[[[[[]]]]]]]]]]]]'
    ).split(),
}
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
# No runtime of runc: its delete would kill a container of runc, and the tasks of these bundles are none.
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
        b"io.containerd.nowhere.v2",
        b"usr/local/bin/a.scripted.v1",
        b"/usr/local/bin/a.scripted.v1",
        b"\xff\xfe",
        b"a" * 300,
        b"/" + b"a/" * 2100,
    ]
)


@st.composite
def _json(draw):
    """An object with the three keys, up to two parts of which are odd."""
    odd = draw(st.lists(st.sampled_from(sorted(ODD)), max_size=2, unique=True))

    def part(name, usual):
        return draw(st.sampled_from(ODD[name])) if name in odd else usual

    address = part("address", ADDRESS)
    blank = part("blank", b"")
    members = [
        part("version key", b'"version"') + blank + b":" + blank + part("version", draw(st.sampled_from([b"2", b"3"]))),
        part("address key", b'"address"')
        + b":"
        + blank
        + draw(st.sampled_from([b'"%s"'] * 12 + [b"%s", b"[%s]"])) % address,
        part("protocol key", b'"protocol"') + b":" + part("protocol", b'"ttrpc"'),
    ]
    if "more" in odd:
        members.append(part("more", b""))
    if draw(st.booleans()):
        members = draw(st.permutations(members))
    return part("before", b"") + b"{" + (b"," + blank).join(members) + b"}" + part("after", b"")


@st.composite
def _mutated(draw, whole):
    """Some bytes with one thing done to them, or two."""
    data = draw(whole)
    for _change in range(draw(st.sampled_from([1, 1, 2]))):
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
PARAMETERS = st.one_of(
    *(_json() for _each in range(8)),
    _mutated(VALID_JSON),
    _mutated(VALID_JSON),
    _mutated(_json()),
    st.sampled_from(RAW),
    NOISE,
)
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
        draw(st.sampled_from(["v2 v3", "v2 v3", "v2 v3", "v2", "v3"])),
    )
