# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries: the state of a run as named values, which a transaction reads and changes. Pure. Internal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple


class Entry(NamedTuple):
    """The name of a value: its kind, and the host where each host has one of its own."""

    kind: str
    host: str = ""


#: What the run was begun with, its hosts in the order of the play, the stop mark, what was counted against the
#: budgets, which ansible-playbook holds the run, and the last report.
RUN, HOSTS, STOP = Entry("run"), Entry("hosts"), Entry("stop")
TALLY, HOLDER, REPORT = Entry("tally"), Entry("holder"), Entry("report")
#: Kinds of which each host has an entry: its batch, what became of it in the run, and what an audit found on it.
BATCH, DOCUMENT, HOST_DOCUMENT = "batch", "document", "host_document"


class Entries:
    """What one transaction reads and changes. Changes are kept back until the store writes all of them.

    :param read: reads an entry from the store; None where there is none.
    :param every: reads the entries of a kind, with their hosts.
    :param now: the store's time in seconds since the epoch.
    :param where: the store, for people.
    """

    def __init__(
        self,
        read: Callable[[Entry], dict | None],
        every: Callable[[str], Iterator[tuple[str, dict]]],
        now: Callable[[], float],
        where: str,
    ):
        self._read, self._every, self._now, self.where = read, every, now, where
        #: The new values in the order in which they are to be written; None removes.
        self.changes: dict[Entry, dict | None] = {}
        #: Kinds of which every entry is removed, before anything is written.
        self.dropped: list[str] = []
        self._seen: dict[Entry, dict | None] = {}

    @property
    def now(self) -> float:
        """The store's time in seconds since the epoch."""
        return self._now()

    def get(self, entry: Entry) -> dict | None:
        """Return a value as this transaction sees it."""
        if entry in self.changes:
            return self.changes[entry]
        if entry.kind in self.dropped:
            return None
        if entry not in self._seen:
            self._seen[entry] = self._read(entry)
        return self._seen[entry]

    def every(self, kind: str) -> Iterator[tuple[str, dict]]:
        """Yield each host with its value of a kind, as it was before this transaction."""
        return self._every(kind)

    def put(self, entry: Entry, value: dict) -> None:
        """Change a value."""
        self.changes[entry] = value

    def drop(self, entry: Entry) -> None:
        """Remove a value."""
        self.changes[entry] = None

    def drop_all(self, kind: str) -> None:
        """Remove every value of a kind."""
        self.dropped.append(kind)
