# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision table of recovery-spec 10.2 as data: what is on the host, and what each class does to it.

The eight letters of a row are the cells of the table, V16 V17 V20a V20b V22 V23a V23b V23c; those of recovery-spec
10.1 and ``U``, ``unknown``, where the forecast differs on purpose. Then ``why`` says why, and ``spec`` has the
table's own letters.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import File
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.tests.unit.support.observations import (
    ADDRESS,
    HERE,
    POD,
    SHIM,
    SOCKET,
    a_bundle,
    parameters,
    said,
    silent,
)

WORDS = {
    "R": "reattached",
    "K": "killed",
    "D": "dropped",
    "L": "reaped",
    "O": "orphaned",
    "B": "retained",
    "S": "skipped",
    "H": "hangs",
    "P": "runtime_absent",
    "U": "unknown",
}


class Row(NamedTuple):
    """One condition. ``heard`` is what the shim at the usual socket says, ``known`` what else a case knows."""

    id: str
    what: str
    bundle: Any
    heard: Any
    cells: str
    known: Dict[str, Any] = {}
    rules: str = ""
    spec: str = ""
    why: str = ""
    world: Dict[Endpoint, Any] = {}


V2, V3, BOTH = said("v2"), said("v3"), said("v2 v3")
OLD = a_bundle(None, ADDRESS)
NEW2 = a_bundle(parameters(2), ADDRESS)
NEW3 = a_bundle(parameters(3), None)
WORKLOAD = a_bundle(parameters(3), None, None, sandbox="5c2c94f3", pod=POD)
BAD_OPTIONS = OLD._replace(options_json=File("file", b'{"binary_name":'), runtime=File("file", b"runc"))
NO_RUNTIME = OLD._replace(options_json=File("file", b"{}"))
NO_RUNTIME_GONE = NO_RUNTIME._replace(runtime=File("file", b"/opt/gone/runc"))
STUCK = OLD._replace(stuck=("G3", "why"))
DEAD = a_bundle(None, ADDRESS, init=None)
STOPPED = {"status": "stopped", "pids": [], "task_pid": 430}
NEVER = {"status": None, "pids": None, "pids_failure": (5, "NotFound"), "task_pid": 0, "shim_pid": 411}
STRANGER = dict(NEVER, state_code=5)
BROKEN_PIDS = {"pids": None, "pids_failure": (2, 'Unknown (exec: "runc")')}
STRANGER_BROKEN = {**STRANGER, **BROKEN_PIDS}
NO_PIDS = {"pids": None, "pids_failure": (None, "no answer to Pids")}
IN_STORE = {"in_sandbox_store": True}
STORED_BY_2_X = dict(IN_STORE, stored_by="V20b")
NO_RECORD = {"has_record": False}
FULL = {"writable": False, "takes_names": True}
READ_ONLY = {"writable": False, "takes_names": False}
CANNOT_RUN = {"shim_runs": False}
RUNC = {"runtime_path": SHIM}
NO_BINARY = {"runtime_resolves": False}
COMES_WITH_1_X = dict(NO_BINARY, packaged_path="/usr/bin/containerd-shim-runc-v1")
ONLY_1_6 = dict(NO_BINARY, resolves_in_1_6=True)
NO_RUNC = dict(RUNC, runc_found=False)


def damaged(content):
    """A bundle whose bootstrap.json has that content and whose address is good."""
    return a_bundle(content, ADDRESS)


NOT_READ = "containerd reads what this points at or waits for it; we do neither, so we do not know"
PROTOBUF = b"\x08\x02\x12\x59" + ADDRESS.encode() + b"\x1a\x05ttrpc"

ROWS = (
    # A: healthy
    Row("A1", "address only", OLD, V2, "RRRRRRRR"),
    Row("A2", "bootstrap.json of version 2 and address", NEW2, V2, "RRRRRRRR", rules="A1 A2"),
    Row("A3", "bootstrap.json of version 3, no address", NEW3, V3, "KKRRRRRR", rules="A3"),
    Row("A4", "the same and an address by hand", damaged(parameters(3)), V3, "KKRRRRRR", rules="A3 A6"),
    Row("A5", "version 3, the shim serves v2", damaged(parameters(3)), V2, "RRKRRRRR", rules="A1 A3 A5"),
    Row("A6", "version 2, the shim serves v3", NEW2, V3, "KKKKKKKK"),
    Row("A6", "address only, the shim serves v3", OLD, V3, "KKKKKKKK"),
    Row("A9", "no container record", OLD, V2, "RRRRRRRR", NO_RECORD, rules="A1"),
    Row("A10", "a workload in a 2.x sandbox", WORKLOAD, V3, "KKRRRRRR", rules="A3 A10"),
    Row("A11", "the same, no container record", WORKLOAD, V3, "DDDDDDDD", NO_RECORD),
    Row("A11", "no shim-binary-path, no record", a_bundle(None, ADDRESS, None), V2, "DDDDDDDD", NO_RECORD),
    # B: bootstrap.json damaged, address good
    Row("B1", "malformed JSON", damaged('{"version":2,'), V2, "RRKKKKKK", rules="A1 B1"),
    Row("B2", "zero-length", damaged(""), V2, "RRKKKKKK", rules="A1 B2"),
    Row("B3", "white space", damaged(" \n"), V2, "RRKKKKKK", rules="A1 B3"),
    Row("B3", "null", damaged("null"), V2, "RRKKKKKK", rules="A1 B3"),
    Row("B4", "a directory", damaged(File("directory", b"")), V2, "RRKKKKKK", rules="A1 B4"),
    Row("B4", "a socket", damaged(File("socket", b"")), V2, "RRKKKKKK", rules="A1 B4"),
    Row("B4", "unreadable", damaged(File("unreadable", b"")), V2, "RRKKKKKK", rules="A1 B4"),
    Row("B5", "mode 0000 to root", damaged(parameters(2)), V2, "RRRRRRRR", rules="A1 A2"),
    Row("B6", "more keys", damaged(parameters(2)[:-1] + ',"more":1}'), V2, "RRRRRRRR", rules="A1 A2"),
    Row("B6", "a newline at the end", damaged(parameters(2) + "\n"), V2, "RRRRRRRR", rules="A1 A2"),
    Row("B7", "junk at the end", damaged(parameters(2) + "junk"), V2, "RRKKKKKK", rules="A1 B7"),
    Row("B8", "protocol unknown", damaged(parameters(2, "http")), V2, "RRKKKKKK", rules="A1 B8"),
    Row("B9", "protocol empty", damaged(parameters(2, "")), V2, "RRKKKKKK", rules="A1 B9"),
    Row("B10", "protocol TTRPC", damaged(parameters(2, "TTRPC")), V2, "RRRRRRRR", rules="A1 A2"),
    Row("B11", "version 0", damaged(parameters(0)), V2, "RRKKKKKK", rules="A1 B11"),
    Row("B11", "version 1", damaged(parameters(1)), V2, "RRKKKKKK", rules="A1 B11"),
    Row("B11", "no version", damaged('{"address":"' + ADDRESS + '"}'), V2, "RRKKKKKK", rules="A1 B11"),
    Row("B12", "version a string", damaged(parameters('"2"')), V2, "RRKKKKKK", rules="A1 B12"),
    Row("B12", "version a float", damaged(parameters("2.0")), V2, "RRKKKKKK", rules="A1 B12"),
    Row("B13", "version 4", damaged(parameters(4)), V2, "RRKKKKKK", rules="A1 B13"),
    Row("B14", "a raw address", damaged(ADDRESS), V2, "RRRRRRRR", rules="A1 A2"),
    Row("B15", "a raw address and a newline", damaged(ADDRESS + "\n"), V2, "RRKKKKRR", rules="A1 A2 B15"),
    Row("B16", "protobuf", damaged(PROTOBUF), V2, "RRKKKRRR", rules="A1 A2 B1 B18"),
    Row("B17", "a dangling link", damaged(File("dangling", b"")), V2, "RRRRRRRR", rules="A1"),
    Row(
        "B17",
        "a link to a file",
        damaged(File("link", b"")),
        V2,
        "RRUUUUUU",
        rules="A1 B4",
        spec="RRRRRRRR",
        why=NOT_READ,
    ),
    Row("B18", "tcp", damaged(parameters(2, address="tcp://localhost:7")), V2, "RRKKKKKK", rules="A1 B18"),
    Row("B19", "grpc and unix://", damaged(parameters(3, "grpc")), V2, "RRKKKKKK", rules="A1 B19"),
    # C: no bootstrap.json
    Row("C1", "address good", OLD, V2, "RRRRRRRR", rules="A1"),
    Row("C2", "no address", a_bundle(None, None), V2, "KKKKKKKK"),
    Row("C3", "address empty", a_bundle(None, ""), V2, "KKKKKKKK"),
    Row("C4", "address with a newline", a_bundle(None, ADDRESS + "\n"), V2, "KKKKKKKK", rules="C4"),
    Row("C5", "address is JSON of version 2", a_bundle(None, parameters(2)), V2, "KRKKKKKK", rules="A1 C5"),
    Row("C6", "address is JSON of version 3", a_bundle(None, parameters(3)), V3, "KKKKKKKK", rules="C6"),
    Row(
        "C7",
        "an abstract name",
        a_bundle(None, "shim"),
        V2,
        "URRRRRRR",
        rules="A1 C7",
        spec="RRRRRRRR",
        why="1.6 dials one of two names, by the Go it was built with: recovery-spec 3",
        world={Endpoint("abstract", "shim", "ttrpc"): V2},
    ),
    Row(
        "C7",
        "an abstract name and its twin",
        a_bundle(None, "shim"),
        V2,
        "RRRRRRRR",
        rules="A1",
        world={Endpoint("abstract", name, "ttrpc"): V2 for name in ("shim", "shim\0")},
    ),
    Row("C7", "an abstract name, and nobody there", a_bundle(None, "shim"), None, "KKKKKKKK", rules="D2"),
    Row("C8", "bootstrap.json cannot be written", OLD, V2, "RRKKKKKK", FULL, rules="A1 C8"),
    Row("C8", "the same, and no mounts.db yet", OLD, V2, "RRKKPPPP", dict(FULL, mounts_db=False), rules="A1 C8"),
    # D: the socket
    Row("D1", "missing", OLD, silent("D1"), "KKKKKKKK"),
    Row("D2", "nobody listens", OLD, silent("D2"), "KKKKKKKK"),
    Row("D3", "never answers", OLD, silent("D3"), "KKKKKKKK"),
    Row("D4", "the backlog is full", OLD, silent("D4"), "KKKKKKKK"),
    Row("D5", "accepts and closes", OLD, silent("D5"), "KKKKKKKK"),
    Row("D6", "Connect fails", OLD, said("v2", code=13, pids=None), "KKKKKKKK"),
    Row("D6", "Connect says NotFound", NEW2, said("v2", code=5, pids=None), "KKKKKKKK"),
    Row("D7", "no version is served", OLD, said("", pids=None), "KKKKKKKK"),
    Row("D7", "no version is served, bootstrap 3", NEW3, said("", pids=None), "KKKKKKKK", rules="A3 D7"),
    Row("D9", "another shim, which knows no such task", OLD, said("v2", **STRANGER), "RLLLLLLL"),
    Row("D9", "the same, in the sandbox store", OLD, said("v2", **STRANGER), "RRRRRRRR", IN_STORE),
    Row("D9", "the same, and Pids fails", OLD, said("v2", **STRANGER_BROKEN), "RLLLLLRR"),
    Row("D9", "another shim, which answers for its own", OLD, said("v2", task_pid=9, pids=[9]), "RRRRRRRR"),
    # E: the shim answers Connect
    Row("E1", "never created or deleted", DEAD, said("v2", **NEVER), "RLLLLLLL", rules="A1 E1"),
    Row("E2", "exited, not deleted", OLD, said("v2", **STOPPED), "RLLLLLLL", rules="A1 E2"),
    Row("E3", "E1 in the sandbox store", DEAD, said("v2", **NEVER), "RRRRRRRR", IN_STORE, rules="A1 E3"),
    Row("E3", "E1 in the store of 2.x", DEAD, said("v2", **NEVER), "RLRRRRRR", STORED_BY_2_X, rules="A1 E1 E3"),
    Row("E3", "E2 in the sandbox store", OLD, said("v2", **STOPPED), "RRRRRRRR", IN_STORE, rules="A1 E3"),
    Row("E4", "Pids fails, the task runs", OLD, said("v2", **BROKEN_PIDS), "ROOOOORR", rules="A1 E4"),
    Row(
        "E5",
        "Pids fails, it has exited",
        OLD,
        said("v2", **dict(BROKEN_PIDS, status="stopped")),
        "RLLLLLRR",
        rules="A1 E4 E5",
    ),
    Row(
        "E6",
        "no pids, and it runs",
        OLD,
        said("v2", pids=[]),
        "ROOOOOOK",
        rules="A1 E6",
        spec="ROOOOOOD",
        why="footnote 6: delete may run, then it is killed; the worse counts",
    ),
    Row(
        "E6",
        "Pids NotFound, and it runs",
        OLD,
        said("v2", pids=None, pids_failure=(5, "NotFound")),
        "ROOOOOOK",
        rules="A1 E6",
        spec="ROOOOOOD",
        why="footnote 6: delete may run, then it is killed; the worse counts",
    ),
    Row("E7", "Pids never answers", OLD, said("v2", **NO_PIDS), "RHHHHHHR", rules="A1 E7"),
    Row("E7", "the same in the sandbox store", OLD, said("v2", **NO_PIDS), "RHHHHHHR", IN_STORE, rules="A1 E7"),
    Row("E8", "created, not started", OLD, said("v2", status="created"), "RRRRRRRR", rules="A1"),
    # F: the runtime
    Row("F1", "its binary is gone", OLD, V2, "DDDDDDDD", NO_BINARY),
    Row("F1", "its binary comes with a rollback", OLD, V2, "RRDDDDDD", COMES_WITH_1_X, rules="A1 F1"),
    Row("F1", "a name that 1.6 alone resolves", OLD, V2, "RDDDDDDD", ONLY_1_6, rules="A1 F1"),
    Row("F2", "a newline after its path", a_bundle(None, ADDRESS, SHIM + "\n"), V2, "DDDDDDDD", NO_BINARY, rules="F2"),
    Row("F3", "no shim-binary-path, resolvable", a_bundle(None, ADDRESS, None), V2, "RRRRRRRR", rules="A1"),
    Row("F3", "shim-binary-path empty, resolvable", a_bundle(None, ADDRESS, ""), V2, "RRRRRRRR", rules="A1"),
    Row("F4", "no shim-binary-path, not resolvable", a_bundle(None, ADDRESS, None), V2, "DDDDDDDD", NO_BINARY),
    Row("F5", "it cannot be executed", OLD, V2, "RRRRRRRR", CANNOT_RUN, rules="A1"),
    Row("F6", "the same, the shim is dead", OLD, silent("D2"), "BBDDDDDD", CANNOT_RUN),
    Row(
        "F7",
        "shim-binary-path has a name",
        a_bundle(None, ADDRESS, "io.containerd.runc.v2"),
        V2,
        "RRRRRRRR",
        rules="A1",
    ),
    Row("F8", "unreadable, as F3", a_bundle(None, ADDRESS, File("unreadable", b"")), V2, "RRRRRRRR", rules="A1"),
    Row(
        "F8",
        "unreadable, as A11",
        a_bundle(None, ADDRESS, File("directory", b"")),
        V2,
        "DDDDDDDD",
        NO_RECORD,
        rules="A11",
    ),
    Row(
        "F9", "options.json is damaged", OLD._replace(options_json=File("file", b"{")), V2, "RRRRRRRR", RUNC, rules="A1"
    ),
    Row("F10", "the same, the shim is dead", BAD_OPTIONS, silent("D2"), "BBDDDDDD", RUNC),
    Row("F10", "no runtime, the shim is dead", NO_RUNTIME, silent("D2"), "BBKKKKKK", RUNC, rules="F10 D2"),
    Row("runc_missing", "nothing to kill with", NO_RUNTIME_GONE, silent("D2"), "DDDDDDDD", NO_RUNC),
    # G: the removal itself
    Row("G3", "rootfs is not empty", STUCK, silent("D2"), "BBBBBBBB", rules="G3"),
    Row("G3", "the same, no binary", STUCK, V2, "BBBBBBBB", NO_BINARY, rules="G3"),
    Row("G3", "the same, it answers", STUCK, V2, "RRRRRRRR", rules="A1"),
    Row("G5", "a hidden directory next to it", STUCK._replace(stuck=("G5", "why")), silent("D2"), "BBBBBBBB"),
    # H: entries and files
    Row("H1", "hidden", None, None, "SSSSSSSS", {"kind": "hidden"}),
    Row("H2", "a link", None, None, "SSSSSSSS", {"kind": "link"}),
    Row("H3", "a file", None, None, "SSSSSSSS", {"kind": "other"}),
    Row("H4", "empty", a_bundle(None, None, None, empty=True, init=None, log_kind="absent"), None, "DDDDDDDD"),
    Row("H5", "cannot be read", a_bundle(None, None, None, problem="Input/output error", init=None), None, "DDDDDDDD"),
    Row("H6", "mode 0000 to root", NEW2, V2, "RRRRRRRR", rules="A1 A2"),
    Row("H7", "an id that is none", a_bundle(None, ADDRESS, id="bad id!"), V2, "RRRRRRRR", rules="A1"),
    Row("H8", "the namespace is invalid", None, None, "SSSSSSSS", {"kind": "namespace_invalid"}),
    Row("H9", "no log", a_bundle(None, ADDRESS, log_kind="absent"), V2, "RRRRRRRR", rules="A1"),
    Row("H9", "log a file", a_bundle(None, ADDRESS, log_kind="file"), V2, "RRRRRRRR", rules="A1"),
    Row("H10", "log a directory", a_bundle(None, ADDRESS, log_kind="directory"), V2, "KKKKKKKK"),
    Row("H9", "log a device", a_bundle(None, ADDRESS, log_kind="device"), V2, "RRRRRRRR", {"nodev": False}, rules="A1"),
    Row(
        "H10",
        "log a device, mounted nodev",
        a_bundle(None, ADDRESS, log_kind="device"),
        V2,
        "KKKKKKKK",
        {"nodev": True},
    ),
    Row("H10", "log a link that leads nowhere", a_bundle(None, ADDRESS, log_kind="dangling"), V2, "KKKKKKKK"),
    Row("H10", "log a socket", a_bundle(None, ADDRESS, log_kind="socket"), V2, "KKKKKKKK"),
    Row("H10", "no log, and none can be made", a_bundle(None, ADDRESS, log_kind="absent"), V2, "KKKKKKKK", READ_ONLY),
    Row(
        "H9",
        "no log, and a full file system",
        a_bundle(parameters(2), ADDRESS, log_kind="absent"),
        V2,
        "RRRRRRRR",
        FULL,
        rules="A1 A2",
    ),
    # X: what recovery-spec does not have
    Row("X1", "bootstrap.json is a FIFO", damaged(File("fifo", b"")), V2, "RRHHHHHH", rules="A1 X1"),
    Row("X1", "address is a FIFO", a_bundle(None, File("fifo", b"")), V2, "HHHHHHHH"),
    Row("X1", "shim-binary-path is a FIFO", a_bundle(None, ADDRESS, File("fifo", b"")), V2, "HHHHHHHH"),
)

GRPC = Endpoint("unix", SOCKET, "grpc")
OVER_GRPC = said("v3")
GRPC_ROWS = (
    Row(
        "A7",
        "gRPC of version 2 in both files",
        a_bundle(parameters(2, "grpc", SOCKET), parameters(2, "grpc", SOCKET)),
        None,
        "KRKKKKKK",
        rules="A1 A7 C5",
        world={GRPC: OVER_GRPC},
    ),
    Row(
        "A8",
        "gRPC of version 3 in both files",
        a_bundle(parameters(3, "grpc", SOCKET), parameters(3, "grpc", SOCKET)),
        None,
        "KKKKRRRR",
        rules="A3 A8 C6",
        world={GRPC: OVER_GRPC},
    ),
)


def world(row):
    """What is heard from each endpoint of a row."""
    heard = {} if row.heard is None else {HERE: row.heard}
    heard.update(row.world)
    return heard
