# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy: a run from its store into a folder, for the reports, which read one document at a time. Internal."""

from __future__ import annotations

from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import (
    DOCUMENT,
    HOST_DOCUMENT,
    HOSTS,
    REPORT,
    RUN,
    STOP,
    Entries,
    Entry,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.folder_store import FolderStore
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import Store, StoreError


def copy(store: Store, folder: FolderStore) -> None:
    """Copy what reports are made of; what the folder had of another time of the run is replaced.

    :raises StoreError: when the store does not have the run.
    """
    if store.get(RUN) is None:
        raise StoreError(f"there is no such run in {store.where}; check run_id")
    folder.make()
    folder.transact(_forget)
    for entry in (HOSTS, STOP, REPORT, RUN):
        _put(folder, entry, store.get(entry))
    for kind in (DOCUMENT, HOST_DOCUMENT):
        for host, value in store.every(kind):
            _put(folder, Entry(kind, host), value)


def _forget(entries: Entries) -> None:
    for kind in (DOCUMENT, HOST_DOCUMENT):
        entries.drop_all(kind)


def _put(folder: FolderStore, entry: Entry, value: dict | None) -> None:
    folder.transact(lambda entries: entries.drop(entry) if value is None else entries.put(entry, value))
