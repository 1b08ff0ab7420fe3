# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bootstrap: how each release restores a shim's connection parameters from a bundle. Pure. Internal to the collection.

Source: recovery-spec 2.1; loadShim@v1.6.39, parseStartResponse@v1.7.34, restoreBootstrapParams and
readBootstrapParams@v2.1.9, parseStartResponse@v2.3.4. Rules carry the row of recovery-spec 10.2 they come from.
"""

from __future__ import annotations

import functools
from typing import Any, Dict, NamedTuple, Optional, Tuple, Union

from ansible_collections.shimops.containerd.plugins.module_utils._bundle import bootstrap_result, gojson
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import Bundle, File
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import at_least

# pkg/shim/deprecated.go:BootstrapParams@v2.3.4, the same in every release that reads JSON; other keys are passed over.
_FIELDS: Dict[str, gojson.Kind] = {"version": gojson.Integer(64), "address": gojson.STRING, "protocol": gojson.STRING}
# Classes that read a bundle as an earlier one does.
_READ_AS = {"V20b": "V20a", "V22": "V20a", "V23c": "V23b"}
# What Go's unicode.IsSpace holds for white space; Python's strip() takes more.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_NO_FILE = {
    "directory": ("B4", "killed", "{0} is a directory"),
    "socket": ("B4", "killed", "{0} is a socket"),
    "unreadable": ("B4", "killed", "{0} cannot be read"),
    # os.ReadFile waits for a writer.
    "fifo": ("X1", "hangs", "{0} is a FIFO, and containerd would wait forever to read it"),
}


class Params(NamedTuple):
    """What containerd would dial with. ``source`` names the file it comes from, ``dialer`` is ``1.x`` or ``2.x``.

    ``address`` has each byte that is no UTF-8 as a surrogate escape. ``doubt`` is (row, reason) where the text is
    hardly an address: to blame when no process listens on it.
    """

    version: int
    address: str
    protocol: str
    source: str
    migrates: bool = False
    dialer: str = "2.x"
    doubt: Optional[Tuple[str, str]] = None


class Unusable(NamedTuple):
    """Why containerd cannot restore parameters: ``rule`` is the row, ``outcome`` the result."""

    rule: str
    reason: str
    outcome: str = "killed"


def restore(bundle: Bundle, release_class: str) -> Union[Params, Unusable]:
    """The parameters that a containerd of this class would read from the bundle, or why it cannot."""
    return _restored(bundle.bootstrap_json, bundle.address, _READ_AS.get(release_class, release_class))


@functools.lru_cache(maxsize=4096)
def _restored(bootstrap_json: File, address: File, release_class: str) -> Union[Params, Unusable]:
    if at_least(release_class, "V20a"):
        if _missing(bootstrap_json):
            found = _address(address)
            return found._replace(migrates=True) if isinstance(found, Params) else found
        return _start_response(bootstrap_json, "bootstrap.json", release_class)
    if _missing(address) and not _missing(bootstrap_json):
        return Unusable("A3", "it was started by containerd 2.x, whose bootstrap.json 1.x does not read")
    found = _address(address) if release_class == "V16" else _start_response(address, "address", release_class)
    return found._replace(dialer="1.x") if isinstance(found, Params) else found


def best(bundle: Bundle) -> Union[Params, Unusable]:
    """The parameters of whichever file is usable, for asking the shim itself whatever the release."""
    found = restore(bundle, "V22")
    if isinstance(found, Params) and not found.doubt:
        return found
    older = restore(bundle, "V17")
    return older if isinstance(older, Params) and not older.doubt else found


def _missing(file: File) -> bool:
    """os.Stat says ENOENT: of a link that leads nowhere as well (row B17)."""
    return file.kind in ("absent", "dangling")


def _unread(file: File, source: str) -> Optional[Unusable]:
    """Why the content of a file is not known."""
    if file.kind == "file":
        return None
    if _missing(file):
        return Unusable("C2", "there is neither bootstrap.json nor address")
    rule, outcome, reason = _NO_FILE.get(file.kind, ("B4", "unknown", "{0} is not read by us ({1})"))
    return Unusable(rule, reason.format(source, file.kind.replace("_", " ")), outcome)


def _address(file: File) -> Union[Params, Unusable]:
    """``address`` as raw text, nothing trimmed (loadShim@v1.6.39; the migration of restoreBootstrapParams)."""
    if file.kind == "too_large":
        return Unusable("B1", "address is not an address but many bytes of something else")
    unread = _unread(file, "address")
    if unread:
        return unread
    if not file.data:
        return Unusable("C3", "address is empty")
    return _raw(file, "address", gojson.unmarshal(file.data, _FIELDS))


def _start_response(file: File, source: str, release_class: str) -> Union[Params, Unusable]:
    """parseStartResponse: JSON of version 2 or more, else the whole content is a ttrpc address."""
    if file.kind == "too_large":
        return _too_large(file, source)
    unread = _unread(file, source)
    if unread:
        return unread
    if source == "address" and not file.data:
        return Unusable("C3", "address is empty")
    if at_least(release_class, "V23a"):
        result = bootstrap_result.decode(file.data)
        if result is not None:
            return _binary(result, source, file.data)
    if at_least(release_class, "V23b"):
        file = file._replace(data=_trimmed(file.data))
        if not file.data:
            return Unusable("B3", source + " holds only white space")
    parsed = gojson.unmarshal(file.data, _FIELDS)
    if isinstance(parsed, gojson.Invalid) or parsed["version"] < 2:
        return _raw(file, source, parsed)
    if parsed["version"] > (2 if release_class == "V17" else 3):
        rule = "C6" if source == "address" else "B13"
        return Unusable(rule, "{0} has version {1}, newer than it can speak".format(source, parsed["version"]))
    protocol = parsed["protocol"].lower()
    if protocol not in ("ttrpc", "grpc"):
        return Unusable("B8" if protocol else "B9", "{0} has protocol {1!r}".format(source, parsed["protocol"][:20]))
    return Params(parsed["version"], parsed["address"], protocol, source)


def _too_large(file: File, source: str) -> Unusable:
    """Only its beginning is known: enough when that begins no object, for then the whole of it is the address."""
    head = file.data.lstrip(b" \t\r\n")
    if head and not head.startswith(b"{"):
        return Unusable("B1", "{0} is not JSON but many bytes of something else".format(source))
    return Unusable("B1", "{0} is larger than we read".format(source), "unknown")


def _binary(result: bootstrap_result.Result, source: str, data: bytes) -> Union[Params, Unusable]:
    """What protobuf made of the file is taken as it is, version included (2.3 and later)."""
    protocol = result.protocol.lower()
    if not data:
        return Unusable("B2", source + " is empty")
    if not data.strip(b" \t\r\n"):
        return Unusable("B3", source + " holds only white space")
    if protocol not in ("ttrpc", "grpc"):
        return Unusable("B16", "{0} is protobuf with protocol {1!r}".format(source, result.protocol[:20]))
    if result.version not in (2, 3):
        return Unusable("B16", "{0} is protobuf with version {1}".format(source, result.version))
    return Params(result.version, result.address, protocol, source)


def _raw(file: File, source: str, parsed: Union[Dict[str, Any], gojson.Invalid]) -> Union[Params, Unusable]:
    """The whole content is the address."""
    text = file.data.decode("utf-8", "surrogateescape")
    if not text:
        return Unusable("B2", source + " is empty")
    return Params(2, text, "ttrpc", source, doubt=_doubt(file.data, source, parsed))


def _trimmed(data: bytes) -> bytes:
    """bytes.TrimSpace of Go: a byte that is no part of a character is no white space."""
    return data.decode("utf-8", "surrogateescape").strip(_SPACE).encode("utf-8", "surrogateescape")


def _doubt(data: bytes, source: str, parsed: Union[Dict[str, Any], gojson.Invalid]) -> Optional[Tuple[str, str]]:
    """Why bytes that are taken for an address are hardly one."""
    words = data.strip()
    if not words:
        return ("B3", source + " holds only white space")
    if isinstance(parsed, gojson.Invalid):
        if parsed.kind == "trailing" or words[:1] in (b"{", b"["):
            rule = "B7" if parsed.kind == "trailing" else "B12" if "version" in parsed.reason else "B1"
            return (rule, "{0} holds no bootstrap parameters: {1}".format(source, parsed.reason))
        if words != data:
            return ("C4" if source == "address" else "B15", source + " has white space around the address")
        if b"://" in data or source == "address":
            return None
        return ("B1", source + " holds neither bootstrap parameters nor an address")
    if source == "address":
        return ("C6" if parsed["version"] > 2 else "C5", "address holds JSON, which is not read")
    return ("B3" if words == b"null" else "B11", "{0} has version {1}".format(source, parsed["version"]))
