# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Store: where the state of a run is kept, as one interface over a folder and Redis. Pure. Internal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TypeVar

from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import Entries, Entry

T = TypeVar("T")


class StoreError(ValueError):
    """The store cannot be used: one sentence, with the remedy."""


class Store(ABC):
    """The state of one run."""

    #: What the modules of the collection take as ``run_folder``.
    name: str
    #: The same for people.
    where: str

    @abstractmethod
    def hold(self, generation: str) -> None:
        """From now on hold to the run that was begun with this generation."""

    @abstractmethod
    def transact(self, work: Callable[[Entries], T]) -> T:
        """Do some work on the entries: all of its changes become true together, or none.

        :param work: called again when others changed meanwhile what it read, so it does nothing else.
        :raises StoreError: when the store cannot be used; nothing is known of the changes then.
        """

    @abstractmethod
    def get(self, entry: Entry) -> dict | None:
        """Return a value as it is now; None where there is none."""

    @abstractmethod
    def every(self, kind: str) -> Iterator[tuple[str, dict]]:
        """Yield each host with its value of a kind."""

    @abstractmethod
    def hosts(self, kind: str) -> set[str]:
        """Return the hosts that have a value of a kind."""

    @abstractmethod
    def now(self) -> float:
        """Return the store's time in seconds since the epoch: the same for all controllers of a run."""
