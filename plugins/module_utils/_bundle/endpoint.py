# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Endpoint: where an address text leads, as containerd's dialer understands it. Pure. Internal to the collection.

Source: AnonDialer and makeConnection@v1.7.34 and v2.1.9, recovery-spec 3.
"""

from __future__ import annotations

from typing import Iterable, NamedTuple, Set, Union

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bootstrap import Params, best, restore
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import Bundle

# Go refuses longer names before the kernel is asked.
_LONGEST = 107


class Endpoint(NamedTuple):
    """Where a shim is dialled: ``kind`` is ``unix`` (a path) or ``abstract`` (a name); ``protocol`` ttrpc or grpc.

    ``name`` has each byte that is no UTF-8 as a surrogate escape.
    """

    kind: str
    name: str
    protocol: str

    def raw(self) -> bytes:
        """The address as the kernel gets it."""
        name = self.name.encode("utf-8", "surrogateescape")
        return b"\0" + name if self.kind == "abstract" else name

    def shown(self) -> str:
        """The name as people can read it."""
        return self.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class Nowhere(NamedTuple):
    """Why an address leads nowhere; ``outcome`` is ``unknown`` where it may lead somewhere that we cannot go."""

    rule: str
    reason: str
    outcome: str = "killed"


def resolve(params: Params, cwd: str = "/") -> Union[Endpoint, Nowhere]:
    """The endpoint of bootstrap parameters, or why containerd cannot dial it.

    :param cwd: containerd's working directory, where a path begins that has no slash before it.
    """
    found = _place(params, cwd)
    if isinstance(found, Nowhere) and params.doubt and found.outcome == "killed":
        return Nowhere(*params.doubt)
    return found


def candidates(bundle: Bundle, classes: Iterable[str], cwd: str = "/") -> Set[Endpoint]:
    """Where containerds of these classes would dial, and where the shim is found anyway."""
    found = set()
    # Most classes read the same.
    for params in {restore(bundle, name) for name in classes} | {best(bundle)}:
        place = resolve(params, cwd) if isinstance(params, Params) else None
        if isinstance(place, Endpoint):
            found.add(place)
    if "V16" in classes:
        found |= {one._replace(name=one.name + "\0") for one in found if one.kind == "abstract"}
    return found


def _place(params: Params, cwd: str) -> Union[Endpoint, Nowhere]:
    scheme, separator, rest = params.address.partition("://")
    if params.protocol == "grpc":
        # A gRPC address must be a plain path: containerd dials the raw string first.
        if separator or not params.address.startswith("/"):
            return Nowhere("B19", "a gRPC address has to be a plain path")
        return _path(params.address, "grpc", cwd)
    if scheme == "unix" and separator:
        return _path(rest, "ttrpc", cwd)
    # 1.x takes any other text for an abstract name, 2.x only one without a scheme.
    if not separator or params.dialer == "1.x":
        return _named(params.address, "ttrpc") if params.address else Nowhere("C3", "no address")
    if scheme in ("vsock", "hvsock"):
        return Nowhere("B18", "{0} addresses are not asked".format(scheme), "unknown")
    return Nowhere("B18", "the address has an unknown scheme ({0})".format(ascii(scheme[:20])))


def _path(path: str, protocol: str, cwd: str) -> Union[Endpoint, Nowhere]:
    """A path as Go and the kernel take it: ``@`` and NUL begin an abstract name, and a NUL ends a path."""
    if path[:1] in ("@", "\0"):
        return _named(path[1:], protocol)
    if _length(path) > _LONGEST:
        return Nowhere("D1", "the address is too long for a socket")
    name = path.partition("\0")[0]
    if not name:
        return Nowhere("D1", "the address names no socket")
    return Endpoint("unix", name if name.startswith("/") else cwd.rstrip("/") + "/" + name, protocol)


def _named(name: str, protocol: str) -> Union[Endpoint, Nowhere]:
    if not name or _length(name) > _LONGEST - 1:
        return Nowhere("D1", "the address is not a possible name of a socket")
    return Endpoint("abstract", name, protocol)


def _length(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))
