# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Endpoint: where an address text leads, as containerd's dialer understands it. Pure. Internal to the collection.

Source: AnonDialer and makeConnection@v1.7.34 and v2.1.9, recovery-spec 3.
"""

from __future__ import annotations

from typing import NamedTuple, Union

from ansible_collections.shimops.containerd.plugins.module_utils._recovery.bootstrap import Params

# Go refuses longer names before the kernel is asked.
_LONGEST = 107


class Endpoint(NamedTuple):
    """Where a shim is dialled: ``kind`` is ``unix`` (a path) or ``abstract`` (a name); ``protocol`` ttrpc or grpc."""

    kind: str
    name: str
    protocol: str


class Nowhere(NamedTuple):
    """Why an address leads nowhere; ``sure`` is false where it may lead somewhere that we cannot go."""

    rule: str
    reason: str
    sure: bool


def resolve(params: Params) -> Union[Endpoint, Nowhere]:
    """The endpoint of bootstrap parameters, or why containerd cannot dial it."""
    scheme, separator, rest = params.address.partition("://")
    if params.protocol == "grpc":
        # A gRPC address must be a plain path: containerd dials the raw string first.
        if separator or not params.address.startswith("/"):
            return Nowhere("B19", "a gRPC address has to be a plain path", True)
        return _checked("unix", params.address, "grpc")
    if not separator:
        return _checked("abstract", params.address, "ttrpc") if params.address else Nowhere("C3", "no address", True)
    if scheme == "unix":
        return _checked("unix", rest, "ttrpc")
    if scheme in ("vsock", "hvsock"):
        return Nowhere("B18", "{0} addresses are not asked".format(scheme), False)
    return Nowhere("B18", "the address has an unknown scheme ({0})".format(scheme[:20]), True)


def _checked(kind: str, name: str, protocol: str) -> Union[Endpoint, Nowhere]:
    if "\0" in name or len(name.encode("utf-8")) > _LONGEST:
        return Nowhere("D1", "the address is no possible socket name", True)
    return Endpoint(kind, name, protocol)
