# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dial: an endpoint becomes a connected socket, or the reason why not. Internal to the collection."""

from __future__ import annotations

import errno
import socket

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError

_REASONS = {
    errno.ENOENT: ("D1", "the socket file is missing"),
    errno.ECONNREFUSED: ("D2", "no process listens on the socket: the shim is dead"),
    errno.EAGAIN: ("D4", "the shim accepts no more connections"),
}


class NotConnected(ShimError):
    """A socket could not be reached; ``rule`` is the row of recovery-spec 10.2."""

    def __init__(self, endpoint: Endpoint, rule: str, reason: str):
        super().__init__("dial", endpoint.shown(), reason)
        self.rule = rule
        self.reason = reason


def dial(endpoint: Endpoint) -> socket.socket:
    """A connected socket that does not block. A unix connect answers at once (recovery-spec 1.7).

    :raises NotConnected: when it leads to no shim.
    :raises OSError: when this process can have no socket, which says nothing of the shim.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        connection.connect(endpoint.raw())
    except OSError as error:
        connection.close()
        rule, reason = _REASONS.get(error.errno or 0, ("D5", error.strerror or "it cannot be dialled"))
        raise NotConnected(endpoint, rule, reason) from error
    return connection
