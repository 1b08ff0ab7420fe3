# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folder store: the state of a run in small files on the controller, changed under a lock. Internal."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

from ansible_collections.shimops.containerd.plugins.plugin_utils._store import files
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import (
    BATCH,
    DOCUMENT,
    HOST_DOCUMENT,
    Entries,
    Entry,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import Store, StoreError

T = TypeVar("T")
_SINGLE = {"stop": "stop"}
_FOLDERS = {BATCH: "batches", DOCUMENT: "documents", HOST_DOCUMENT: "documents"}
_ENDINGS = {BATCH: "", DOCUMENT: ".json", HOST_DOCUMENT: ".host.json"}


class FolderStore(Store):
    """A folder with a file for each entry; what a host costs does not grow with the run.

    :param folder: the folder of the run.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.name = self.where = str(folder)

    def make(self) -> None:
        """Make the folder, for its owner alone."""
        with self._said():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def hold(self, generation: str) -> None:
        """Do nothing: a run is known by its folder."""

    def transact(self, work: Callable[[Entries], T]) -> T:
        """Do some work under the folder's lock; its changes are written in their order, each file as a whole."""
        with self._said(), files.locked(self.folder / "lock"):
            entries = Entries(self._read, self._every, self.now, self.where)
            done = work(entries)
            for kind in entries.dropped:
                for _host, path in self._paths(kind):
                    path.unlink(missing_ok=True)
            for entry, value in entries.changes.items():
                self._write(entry, value)
        return done

    def get(self, entry: Entry) -> dict | None:
        """Return a value; files are replaced whole, so no lock is needed to read one."""
        with self._said():
            return self._read(entry)

    def every(self, kind: str) -> Iterator[tuple[str, dict]]:
        """Yield each host with its value of a kind, in the order of their names."""
        with self._said():
            yield from self._every(kind)

    def hosts(self, kind: str) -> set[str]:
        """Return the hosts that have a value of a kind."""
        with self._said():
            return {host for host, _path in self._paths(kind)}

    def now(self) -> float:
        """Return the controller's time."""
        return time.time()

    def path(self, entry: Entry) -> Path:
        """Return the file of an entry."""
        if entry.kind in _FOLDERS:
            return self.folder / _FOLDERS[entry.kind] / (files.quoted(entry.host) + _ENDINGS[entry.kind])
        return self.folder / _SINGLE.get(entry.kind, f"{entry.kind}.json")

    def _read(self, entry: Entry) -> dict | None:
        if entry.kind == BATCH:
            number = files.load_number(self.path(entry))
            return None if number is None else {"number": number}
        return files.load(self.path(entry))

    def _every(self, kind: str) -> Iterator[tuple[str, dict]]:
        for host, path in self._paths(kind):
            value = files.load(path)
            if value is not None:
                yield host, value

    def _paths(self, kind: str) -> Iterator[tuple[str, Path]]:
        ending = _ENDINGS[kind]
        for path in sorted((self.folder / _FOLDERS[kind]).glob(f"*{ending}")):
            if kind != DOCUMENT or not path.name.endswith(_ENDINGS[HOST_DOCUMENT]):
                yield unquote(path.name[: len(path.name) - len(ending)]), path

    def _write(self, entry: Entry, value: dict | None) -> None:
        path = self.path(entry)
        if value is None:
            path.unlink(missing_ok=True)
        elif entry.kind == BATCH:
            # Batches are found again by whoever asks next, so a lost machine may lose them: 10,000 files, not synced.
            files.write_text(path, str(value["number"]))
        else:
            files.save(path, value)

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = f"{error.filename or self.folder} cannot be used ({error.strerror})"
            raise StoreError(f"{what}; repair that, or name another run_dir, and go on with the same run_id") from error
