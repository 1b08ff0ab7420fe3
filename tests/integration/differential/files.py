# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows A to C: healthy bundles, bootstrap.json damaged, bootstrap.json missing."""

from differential.conditions import RUNTIME, SOCKETS, Condition, bundle, parameters, scripted

GOOD = parameters()
V3 = parameters(3)

HEALTHY = (
    scripted("A1", "address only, container record", record=RUNTIME),
    scripted("A2", "bootstrap.json version 2, and address", bootstrap=GOOD),
    scripted("A3", "bootstrap.json version 3, no address", bootstrap=V3, address=None, serves="v3"),
    scripted("A4", "A3 with an address made by hand", bootstrap=V3, serves="v3"),
    scripted("A5", "bootstrap.json version 3, shim speaks v2 alone", bootstrap=V3),
    scripted("A5b", "bootstrap.json version 3, shim speaks both", bootstrap=V3, serves="v2 v3"),
    scripted("A6", "bootstrap.json version 2, shim speaks v3 alone", bootstrap=GOOD, serves="v3"),
    scripted("A6b", "address only, shim speaks v3 alone", serves="v3"),
    scripted(
        "A7",
        "gRPC shim, JSON version 2, plain path",
        bootstrap=parameters(2, "grpc", "{socket}"),
        address=parameters(2, "grpc", "{socket}"),
        serves="grpc",
    ),
    scripted(
        "A8",
        "gRPC shim, JSON version 3, plain path",
        race=("killed", "reattached"),
        racing=("2.1",),
        bootstrap=parameters(3, "grpc", "{socket}"),
        address=parameters(3, "grpc", "{socket}"),
        serves="grpc",
    ),
    scripted("A9", "shim-binary-path and no container record"),
    scripted(
        "A10",
        "workload of a 2.x sandbox, container record",
        bootstrap=V3,
        address=None,
        runtime=None,
        serves="v3",
        files={"sandbox": "pause"},
        record=RUNTIME,
    ),
    scripted(
        "A11",
        "workload of a 2.x sandbox, no container record",
        bootstrap=V3,
        address=None,
        runtime=None,
        serves="v3",
        files={"sandbox": "pause"},
    ),
    scripted("A11b", "address only, neither shim-binary-path nor container record", runtime=None),
    Condition(
        "A12",
        "two bundles of one shim",
        (
            bundle("a12-first", GOOD),
            {**bundle("a12-second", GOOD, at=f"{SOCKETS}/a12-first"), "shim": None, "shim_of": "a12-first"},
        ),
    ),
)

DAMAGED = (
    scripted("B1", "malformed JSON", bootstrap='{"version":2,'),
    scripted("B1b", "text that is neither JSON nor an address", bootstrap="hello world"),
    scripted("B2", "empty", bootstrap=""),
    scripted("B3", "white space alone", bootstrap=" \n\t"),
    scripted("B3b", "null", bootstrap="null"),
    scripted("B4", "a directory", bootstrap={"directory": {}}),
    scripted("B4b", "1 MB of NUL bytes", bootstrap={"size": 1 << 20}),
    scripted("B4c", "a socket", bootstrap={"socket": True}),
    scripted("B5", "mode 0000", bootstrap={"text": GOOD, "mode": 0}),
    scripted("B6", "unknown keys", bootstrap=parameters(2, capabilities=[0], more={"a": 1})),
    scripted("B6b", "keys in upper case", bootstrap='{"VERSION":2,"Address":"{address}","pROTOCOL":"ttrpc"}'),
    scripted("B6c", "trailing newline", bootstrap=GOOD + "\n"),
    scripted("B6d", "the same key twice, the last one good", bootstrap='{"address":"unix:///nowhere",' + GOOD[1:]),
    scripted("B6e", "the same key twice, the last one bad", bootstrap=GOOD[:-1] + ',"address":"unix:///nowhere"}'),
    scripted("B6f", "characters escaped", bootstrap=GOOD.replace("unix", "\\u0075nix")),
    scripted("B7", "trailing junk", bootstrap=GOOD + "x"),
    scripted("B8", "protocol unknown", bootstrap=parameters(2, "http")),
    scripted("B9", "protocol empty", bootstrap=parameters(2, "")),
    scripted("B9b", "protocol missing", bootstrap='{"version":2,"address":"{address}"}'),
    scripted("B10", "protocol in another case", bootstrap=parameters(2, "TTRPC")),
    scripted("B11", "version 0", bootstrap=parameters(0)),
    scripted("B11b", "version 1", bootstrap=parameters(1)),
    scripted("B11c", "no version", bootstrap='{"address":"{address}","protocol":"ttrpc"}'),
    scripted("B11d", "version -1", bootstrap=parameters(-1)),
    scripted("B12", "version in quotes", bootstrap=parameters("2")),
    scripted("B12b", "version with a fraction", bootstrap=parameters(2.0)),
    scripted("B12c", "version with an exponent", bootstrap='{"version":2e0,"address":"{address}","protocol":"ttrpc"}'),
    scripted("B13", "version 4", bootstrap=parameters(4)),
    scripted("B13b", "version larger than an int32", bootstrap=parameters(1 << 33)),
    scripted("B13c", "version larger than an int64", bootstrap=parameters(1 << 70)),
    scripted("B14", "the raw address", bootstrap="{address}"),
    scripted("B15", "the raw address and a newline", bootstrap="{address}\n"),
    scripted("B17", "a link to nowhere", bootstrap={"link": "/nowhere/at/all"}),
    scripted("B17b", "a link to a good file", bootstrap={"link": "kept"}, files={"kept": GOOD}),
    scripted("B17c", "a link to an empty file", bootstrap={"link": "kept"}, files={"kept": ""}),
    scripted("B18", "address of an unknown scheme", bootstrap=parameters(2, address="tcp://127.0.0.1:1")),
    scripted("B18b", "no address", bootstrap=parameters(2, address="")),
    scripted(
        "B18c", "address longer than a socket's name may be", bootstrap=parameters(2, address="unix:///" + "a" * 200)
    ),
    scripted("B19", "gRPC with a unix:// prefix", bootstrap=parameters(3, "grpc"), serves="grpc"),
)

MISSING = (
    scripted("C2", "neither bootstrap.json nor address", address=None),
    scripted("C3", "address empty", address=""),
    scripted("C4", "address with a newline", address="{address}\n"),
    scripted("C5", "address is JSON version 2", address=GOOD),
    scripted("C5b", "address is JSON version 1", address=parameters(1)),
    scripted("C6", "address is JSON version 3", address=V3, serves="v3"),
    scripted("C7", "abstract socket, under the name of old Go and of new", at=["@differ-c7", "@differ-c7\0"]),
    scripted("C7b", "a plain path, which ttrpc takes for an abstract name", address="{socket}"),
    scripted("C9", "address is a link to a good file", address={"link": "kept"}, files={"kept": "{address}"}),
    scripted("C9b", "address is a directory", address={"directory": {}}),
    scripted("C9c", "address is 1 MB of NUL bytes", address={"size": 1 << 20}),
)

ALL = ("1.6", "1.7", "2.1")
FIFOS = (
    scripted("B20", "a FIFO", bootstrap={"fifo": True}, hangs=("2.1",), release="bootstrap.json"),
    scripted("C10", "address is a FIFO", address={"fifo": True}, hangs=ALL, release="address"),
    scripted(
        "C10b",
        "address is a FIFO, and a good bootstrap.json",
        bootstrap=GOOD,
        address={"fifo": True},
        hangs=("1.6", "1.7"),
        release="address",
    ),
)

CONDITIONS = HEALTHY + DAMAGED + MISSING + FIFOS
