# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows F to H: how the runtime is found, what is in the way of cleaning up, what else stands in the directories."""

from differential.conditions import RUNTIME, Condition, parameters, scripted
from differential.stage import NAMESPACE, SHIM

GOOD = parameters()
GONE = {"manner": "gone"}


def _entry(name, says, kind, identifier=None, namespace=NAMESPACE):
    return Condition(name, says, ({"namespace": namespace, "id": identifier or name.lower(), "kind": kind},))


RUNTIMES = (
    scripted("F1", "shim-binary-path names a file that is gone", runtime="/opt/gone/containerd-shim-runc-v2"),
    scripted(
        "F1b",
        "shim-binary-path names a file that only containerd 1.x ships",
        runtime="/usr/bin/containerd-shim-runc-v1",
    ),
    scripted("F2", "shim-binary-path with a newline", runtime=SHIM + "\n"),
    scripted("F3", "no shim-binary-path, record names a runtime on the PATH", runtime=None, record=RUNTIME),
    scripted("F3b", "shim-binary-path empty, record names a runtime on the PATH", runtime="", record=RUNTIME),
    scripted(
        "F4",
        "no shim-binary-path, record names a runtime that is nowhere",
        runtime=None,
        record="io.containerd.nowhere.v1",
    ),
    scripted("F5", "shim-binary-path cannot be executed, shim healthy", runtime="/run/differ/plain"),
    scripted("F6", "shim-binary-path cannot be executed, shim dead", runtime="/run/differ/plain", **GONE),
    scripted("F7", "shim-binary-path holds a runtime's name", runtime=RUNTIME),
    scripted("F7d", "shim-binary-path holds a name with a directory before it", runtime="./io.containerd.scripted.v1"),
    scripted("F7e", "shim-binary-path holds a name with nothing before the dot", runtime=".scripted.v1"),
    scripted("F7b", "shim-binary-path holds a relative path", runtime="bin/containerd-shim-scripted-v1"),
    scripted("F7c", "shim-binary-path holds a word", runtime="scripted"),
    scripted(
        "F8", "shim-binary-path is a directory, record names a good runtime", runtime={"directory": {}}, record=RUNTIME
    ),
    scripted("F8b", "shim-binary-path is a directory, no record", runtime={"directory": {}}),
    scripted("F8c", "shim-binary-path is a link to a good file", runtime={"link": "kept"}, files={"kept": SHIM}),
    scripted(
        "F11",
        "shim-binary-path is a FIFO",
        runtime={"fifo": True},
        hangs=("1.6", "1.7", "2.1"),
        release="shim-binary-path",
    ),
    scripted("F9", "options.json and runtime malformed, shim healthy", files={"options.json": "{", "runtime": "\0"}),
)

CLEANING = (
    scripted(
        "G3", "shim dead, rootfs filled and not mounted", files={"rootfs": {"directory": {"a": {"text": "b"}}}}, **GONE
    ),
    scripted("G5", "shim dead, a filled .<id> next to it", sibling=True, **GONE),
    scripted("G6", "shim dead, work link missing", work="none", **GONE),
    scripted("G6b", "shim dead, no rootfs", files={"rootfs": None}, **GONE),
)

ENTRIES = (
    scripted("H1", "a hidden directory", bundle_id=".h1"),
    _entry("H2", "a link to a directory", {"link": "/opt"}),
    _entry("H3", "a file", {"text": "file"}),
    _entry("H3b", "a FIFO", {"fifo": True}),
    _entry("H3c", "a socket", {"socket": True}),
    _entry("H4", "an empty directory", {"directory": {}}),
    scripted("H6", "a directory of mode 0000", bootstrap=GOOD, mode=0),
    scripted("H7", "a name that is no identifier", bootstrap=GOOD, bundle_id="bad id!"),
    scripted("H7b", "a name with a dash in front", bootstrap=GOOD, bundle_id="-dash"),
    scripted("H7c", "a name with a dash in front, shim dead", bundle_id="-dead", **GONE),
    scripted("H8", "in a namespace that is no identifier", bootstrap=GOOD, namespace="bad..namespace"),
    scripted("H8b", "in a hidden namespace", bootstrap=GOOD, namespace=".hidden"),
    scripted("H9", "log is a file", bootstrap=GOOD, files={"log": "old"}),
    scripted("H9b", "log is a FIFO", bootstrap=GOOD, files={"log": {"fifo": True}}),
    scripted("H10", "log is a directory", bootstrap=GOOD, files={"log": {"directory": {}}}),
    scripted("H10b", "log is a link to nowhere", bootstrap=GOOD, files={"log": {"link": "/nowhere/at/all"}}),
    scripted(
        "H10c", "log is a link to a FIFO", bootstrap=GOOD, files={"log": {"link": "kept"}, "kept": {"fifo": True}}
    ),
    scripted("H11", "no config.json", bootstrap=GOOD, files={"config.json": None}),
    scripted("H11b", "config.json is a FIFO", bootstrap=GOOD, files={"config.json": {"fifo": True}}),
    # Sorted behind all others of its kind: it is healthy, and its restart hangs on one of those before.
    scripted(
        "X1",
        "healthy, on a host whose start hangs",
        bootstrap=GOOD,
        bundle_id="zz-healthy",
        hangs=("1.6", "1.7", "2.1"),
    ),
)

CONDITIONS = RUNTIMES + CLEANING + ENTRIES
