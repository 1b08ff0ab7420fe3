# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waits: a Wait held on each task over the restart, which says when and how the task ended.

containerd publishes nothing of exits while it is down; the shim does (recovery-spec 6.3). Internal to the collection.
"""

from __future__ import annotations

from typing import Dict, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._restart.ledger import (
    Incarnation,
    Ledger,
    incarnation,
)
from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict import Exit
from ansible_collections.shimops.containerd.plugins.module_utils._shim import messages
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import SERVICES
from ansible_collections.shimops.containerd.plugins.module_utils._shim.dial import dial
from ansible_collections.shimops.containerd.plugins.module_utils._shim.status import OK
from ansible_collections.shimops.containerd.plugins.module_utils._shim.ttrpc_channel import Channel


class Waits:
    """The open Waits of one restart."""

    def __init__(self) -> None:
        self._channels: Dict[Incarnation, Channel] = {}
        self._exits: Dict[Incarnation, Exit] = {}

    def add(self, book: Ledger) -> None:
        """Hold a Wait on every task of the ledger that runs and is not waited for yet; a shim that refuses is left."""
        for task in book["tasks"]:
            key = incarnation(task)
            place = Endpoint(*task["endpoint"]) if task["endpoint"] else None
            if key in self._channels or not task["service"] or place is None or place.protocol != "ttrpc":
                continue
            try:
                channel = Channel(dial(place), place.shown())
                request = messages.encode("WaitRequest", id=task["id"])
                channel.queue(SERVICES[task["service"]], "Wait", request, None, task["namespace"])
                channel.flush()
                self._channels[key] = channel
            except (ShimError, OSError):
                continue

    def exits(self) -> Dict[Incarnation, Exit]:
        """The tasks that have ended so far; does not wait."""
        for key, channel in list(self._channels.items()):
            ended = self._hear(channel)
            if ended:
                self._exits[key] = ended
        return dict(self._exits)

    def _hear(self, channel: Channel) -> Optional[Exit]:
        try:
            for answer in channel.receive_ready():
                if answer.code == OK:
                    said = messages.decode("WaitResponse", answer.payload)
                    return Exit(said.exit_status, said.exited_at.seconds + said.exited_at.nanos / 1e9)
        except ShimError:
            # The shim ended without a word: that proves nothing.
            pass
        return None

    def close(self) -> None:
        """Hang up on every shim."""
        for channel in self._channels.values():
            channel.close()
