# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bootstrap: how each release restores a shim's connection parameters from a bundle. Pure. Internal to the collection.

Source: recovery-spec 2.1; loadShim@v1.6.39, parseStartResponse@v1.7.34, restoreBootstrapParams and
readBootstrapParams@v2.1.9. Rules carry the row of recovery-spec 10.2 they come from.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple, Tuple, Union

from ansible_collections.shimops.containerd.plugins.module_utils._recovery.bundle import Bundle, File
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.releases import at_least

# What else could name a socket; containerd would dial any other text as an abstract name, which nobody listens on.
_LIKE_AN_ADDRESS = re.compile(r"^[\w./:@-]+\n?$")
_KEYS = {"version": int, "address": str, "protocol": str}
# Beyond it Go's parser and those of the Pythons give up at different depths.
_DEEPEST = 200
# The protocol field of a BootstrapResult in protobuf's own encoding.
_BINARY = re.compile(rb"\x1a(?:\x05ttrpc|\x04grpc)", re.IGNORECASE)


class Params(NamedTuple):
    """What containerd would dial with. ``source`` names the file it comes from."""

    version: int
    address: str
    protocol: str
    source: str
    migrates: bool


class Unusable(NamedTuple):
    """Why containerd cannot restore parameters: ``rule`` is the row, ``sure`` is false where we cannot tell."""

    rule: str
    reason: str
    sure: bool


def restore(bundle: Bundle, release_class: str) -> Union[Params, Unusable]:
    """The parameters that a containerd of this class would read from the bundle, or why it cannot."""
    if not at_least(release_class, "V20a") and _made_by_2_x(bundle):
        return Unusable("A3", "it was started by containerd 2.x, whose bootstrap.json 1.x does not read", True)
    if release_class == "V16":
        return _address(bundle.address, "address")
    if release_class == "V17":
        return _start_response(bundle.address, "address", release_class)
    if bundle.bootstrap_json.kind == "absent":
        found = _address(bundle.address, "address")
        return found._replace(migrates=True) if isinstance(found, Params) else found
    return _start_response(bundle.bootstrap_json, "bootstrap.json", release_class)


def best(bundle: Bundle) -> Union[Params, Unusable]:
    """The parameters of whichever file is usable, for asking the shim itself whatever the release."""
    found = restore(bundle, "V22")
    if isinstance(found, Params):
        return found
    older = restore(bundle, "V17")
    return older if isinstance(older, Params) else found


def _made_by_2_x(bundle: Bundle) -> bool:
    return bundle.address.kind == "absent" and bundle.bootstrap_json.kind != "absent"


def _readable(file: File, source: str) -> Union[None, Unusable]:
    if file.kind == "file":
        return None
    if file.kind == "absent":
        return Unusable("C2", "there is neither bootstrap.json nor address", True)
    if file.kind == "directory":
        return Unusable("B4", source + " is a directory", True)
    # containerd follows links and waits for FIFOs; we do neither, so we cannot say what it would read.
    return Unusable("B4", "{0} is not a plain file ({1})".format(source, file.kind.replace("_", " ")), False)


def _address(file: File, source: str) -> Union[Params, Unusable]:
    """``address`` as raw text, nothing trimmed (loadShim@v1.6.39; the migration of restoreBootstrapParams)."""
    unusable = _readable(file, source)
    if unusable:
        return unusable
    if not file.data:
        return Unusable("C3", source + " is empty", True)
    return Params(2, file.text(), "ttrpc", source, False)


def _start_response(file: File, source: str, release_class: str) -> Union[Params, Unusable]:
    """parseStartResponse: JSON of version 2 or more, else the whole content is a ttrpc address."""
    unusable = _readable(file, source)
    if unusable:
        return unusable
    if source == "address" and not file.data:
        return Unusable("C3", "address is empty", True)
    newest = 2 if release_class == "V17" else 3
    parsed, sure = _go_json(file.data)
    if parsed is None or parsed["version"] < 2:
        if at_least(release_class, "V23a") and _BINARY.search(file.data):
            return Unusable("B16", source + " seems to be protobuf, which containerd 2.3 reads and we do not", False)
        text = file.text()
        if at_least(release_class, "V23b"):
            text = text.strip()
        if not sure:
            return Unusable("B1", source + " holds JSON that containerd may read otherwise than we do", False)
        if parsed is None and not text.strip():
            return Unusable("B2", source + " is empty", True)
        if parsed is not None:
            return Unusable("B11", "{0} has version {1}".format(source, parsed["version"]), True)
        if not _LIKE_AN_ADDRESS.match(text):
            return Unusable("B1", source + " holds neither bootstrap parameters nor an address", True)
        return Params(2, text, "ttrpc", source, False)
    if parsed["version"] > newest:
        return Unusable("B13", "{0} has version {1}, newer than it can speak".format(source, parsed["version"]), True)
    protocol = parsed["protocol"].lower()
    if protocol not in ("ttrpc", "grpc"):
        return Unusable("B8" if protocol else "B9", "{0} has protocol {1!r}".format(source, parsed["protocol"]), True)
    return Params(parsed["version"], parsed["address"], protocol, source, False)


def _go_json(data: bytes) -> Tuple[Union[None, dict], bool]:
    """The three keys as Go's encoding/json reads them, or None; and whether we are sure of that reading."""
    if data.count(b"{") + data.count(b"[") > _DEEPEST:
        return None, False
    try:
        pairs = json.loads(data.decode("utf-8"), object_pairs_hook=tuple, parse_constant=_refuse)
    except ValueError:
        return None, not data.lstrip().startswith(b"{") or _plainly_broken(data)
    if not isinstance(pairs, tuple):
        return None, True
    values = {"version": 0, "address": "", "protocol": ""}
    for key, value in pairs:
        name = key.lower()
        if name not in values or value is None:
            continue
        # A number with a fraction or in quotes is an error for an int field; True is an int only to Python.
        if not isinstance(value, _KEYS[name]) or isinstance(value, bool):
            return None, True
        values[name] = _go_text(value) if isinstance(value, str) else value
    if not -(2**31) <= values["version"] < 2**31:
        return None, True
    return values, True


def _go_text(text: str) -> str:
    """A string with U+FFFD for each half of a broken surrogate pair, as Go has it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _plainly_broken(data: bytes) -> bool:
    """Whether broken text is plain ASCII, where Python's and Go's parsers agree that it is broken."""
    return all(byte < 0x80 for byte in data)


def _refuse(constant: str):
    raise ValueError(constant)
