# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files: a run's folder, one document at a time; reports, whole or not at all. Internal to the collection."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import stat
import tempfile
from typing import IO, Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union
from urllib.parse import unquote

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.document import (
    NotUsable,
    load,
    require_host_document,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.files import quoted

STAGE = "report"
#: Bytes of one document; 2,500 bundles take about 2 MB.
LARGEST = 64 * 1024 * 1024
#: How the name of a document's file ends, by kind.
ENDINGS = {"host": ".host.json", "roll": ".json"}


class Unreadable(NamedTuple):
    """A document that cannot be used, and why."""

    reason: str


#: What is read of a document: it, why it cannot be used, or None when there is none.
Document = Union[Dict[str, Any], Unreadable, None]


class RunFolder:
    """The folder of one run.

    :param path: ``<run_dir>/<run_id>``.
    :raises ShimError: when it is not a run's folder.
    """

    def __init__(self, path: str):
        self.path = path
        head = _read(os.path.join(path, "run.json"))
        if isinstance(head, Unreadable):
            raise ShimError(STAGE, path, "is not a run's folder: run.json " + head.reason, "name a run's own folder")
        self.head: Dict[str, Any] = head or {}
        if self.head.get("schema") != 1:
            said = json.dumps(self.head.get("schema"))[:20]
            raise ShimError(STAGE, path, "has schema {0}, not 1".format(said), "use the collection that wrote it")

    @property
    def run_id(self) -> str:
        """The run's name."""
        return str(self.head.get("run_id") or os.path.basename(os.path.normpath(self.path)))

    @property
    def operation(self) -> str:
        """``restart``, ``upgrade`` or ``audit``."""
        return str(self.head.get("operation") or "")

    def hosts(self) -> List[str]:
        """The hosts the run was for, in play order."""
        found = _read(os.path.join(self.path, "hosts.json"))
        hosts = found.get("hosts") if isinstance(found, dict) else None
        return [str(host) for host in hosts] if isinstance(hosts, list) else []

    def stopped(self) -> Optional[dict]:
        """The stop mark, or None."""
        path = os.path.join(self.path, "stop")
        if not os.path.lexists(path):
            return None
        mark = _read(path)
        return {"reason": "the stop mark " + mark.reason} if isinstance(mark, Unreadable) else mark

    def kind(self) -> str:
        """What its documents are of: ``host`` or ``roll``; by the files where run.json names no operation."""
        if self.operation:
            return "host" if self.operation == "audit" else "roll"
        return "host" if any(name.endswith(ENDINGS["host"]) for name in self._names()) else "roll"

    def documents(self, kind: str) -> Iterator[Tuple[str, Document]]:
        """Every host with its document: a dict, or Unreadable; None for a host of the run that has none."""
        files = {}
        for name in self._names():
            if _kind_of(name) == kind:
                files[unquote(name[: -len(ENDINGS[kind])])] = name
        wanted = self.hosts()
        for host in wanted + sorted(set(files) - set(wanted)):
            yield host, self.document(host, kind, files.get(host))

    def document(self, host: str, kind: str, name: Optional[str] = None) -> Document:
        """One host's document, or None when there is none."""
        path = os.path.join(self.path, "documents", name or quoted(host) + ENDINGS[kind])
        if not os.path.lexists(path):
            return None
        found = _read(path)
        if isinstance(found, dict):
            if (found.get("schema"), found.get("kind")) != (1, kind):
                return Unreadable("is no {0} document of schema 1".format(kind))
            if found.get("host") != host:
                return Unreadable("is the document of another host")
            if kind == "host":
                try:
                    require_host_document(found)
                except NotUsable as problem:
                    return Unreadable(str(problem))
        return found

    def _names(self) -> List[str]:
        try:
            return sorted(os.listdir(os.path.join(self.path, "documents")))
        except FileNotFoundError:
            return []


def named(run_dir: str, run_id: Optional[str]) -> RunFolder:
    """The run of that name below ``run_dir``, or the one at that path; without a name the one that began last."""
    if run_id:
        return RunFolder(run_id if os.sep in run_id else os.path.join(run_dir, run_id))
    found = _runs(run_dir)
    if not found:
        raise ShimError(STAGE, run_dir, "has no run in it", "name the directory that runs are kept in")
    return found[-1]


def before(run_dir: str, run: RunFolder) -> Optional[RunFolder]:
    """The run of the same operation that began last before ``run``; None when there is none."""
    earlier = [one for one in _runs(run_dir) if is_before(one.head, run.head)]
    return earlier[-1] if earlier else None


def is_before(one: Dict[str, Any], run: Dict[str, Any]) -> bool:
    """Whether one run is of the same operation as another and began before it, by what each was begun with."""
    return one.get("operation") == run.get("operation") and (one.get("began") or 0) < (run.get("began") or 0)


def _runs(run_dir: str) -> List[RunFolder]:
    """The runs below ``run_dir`` in the order in which they began; what is not a run's folder is passed over."""
    found = []
    for name in sorted(os.listdir(run_dir)) if os.path.isdir(run_dir) else []:
        try:
            run = RunFolder(os.path.join(run_dir, name))
        except ShimError:
            continue
        if isinstance(run.head.get("began"), (int, float)):
            found.append(run)
    return sorted(found, key=lambda run: run.head["began"])


def _kind_of(name: str) -> str:
    if name.endswith(ENDINGS["host"]):
        return "host"
    return "roll" if name.endswith(ENDINGS["roll"]) else ""


def _read(path: str) -> Document:
    """The JSON object in a file, or Unreadable: no link is followed, and no FIFO or huge file is read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        return Unreadable("cannot be opened: {0}".format(problem.strerror))
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        return Unreadable("is not a regular file")
    with os.fdopen(descriptor, "rb") as handle:
        if about.st_size > LARGEST:
            return Unreadable("is larger than {0} MiB".format(LARGEST >> 20))
        try:
            found = load(handle.read(LARGEST))
        except NotUsable as problem:
            return Unreadable(str(problem))
    return found if isinstance(found, dict) else Unreadable("is not JSON object")


class Output:
    """Where reports go: written together into a scratch folder, moved to ``dest`` when all are whole.

    Use it as a context; ``commit`` moves.
    """

    def __init__(self, dest: str):
        self.dest = dest
        self.scratch = ""
        self._open: Dict[str, IO[str]] = {}
        self._parts: List[IO[str]] = []

    def __enter__(self):
        self.scratch = tempfile.mkdtemp(prefix="shimops-report-")
        return self

    def __exit__(self, *_):
        for handle in [*self._open.values(), *self._parts]:
            handle.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def file(self, name: str) -> IO[str]:
        """A new report."""
        handle = open(os.path.join(self.scratch, name), "w", encoding="utf-8", errors="backslashreplace", newline="")
        self._open[name] = handle
        return handle

    def part(self) -> IO[str]:
        """A piece that is copied into a report later."""
        handle = tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace", newline="", dir=self.scratch)
        self._parts.append(handle)
        return handle

    def changed(self) -> List[str]:
        """The names of the reports that ``dest`` does not have, or has differently; closes them."""
        for handle in self._open.values():
            handle.close()
        return [name for name in self._open if not self._same(name)]

    def commit(self) -> List[str]:
        """Move what is new into ``dest``, each file at once and whole; the paths of all reports."""
        try:
            os.makedirs(self.dest, exist_ok=True)
            for name in self.changed():
                self._move(name)
        except OSError as problem:
            text = "cannot be written: {0}".format(problem.strerror)
            raise ShimError(STAGE, self.dest, text, "name a directory that is yours") from problem
        return [os.path.join(self.dest, name) for name in self._open]

    def _same(self, name: str) -> bool:
        target = os.path.join(self.dest, name)
        return os.path.isfile(target) and filecmp.cmp(os.path.join(self.scratch, name), target, shallow=False)

    def _move(self, name: str) -> None:
        descriptor, near = tempfile.mkstemp(prefix="." + name + ".", dir=self.dest)
        try:
            with os.fdopen(descriptor, "wb") as target, open(os.path.join(self.scratch, name), "rb") as source:
                shutil.copyfileobj(source, target)
            # Reports hold no secrets, and a collector of metrics runs as somebody else.
            os.chmod(near, 0o644)
            os.replace(near, os.path.join(self.dest, name))
        except OSError:
            os.unlink(near)
            raise


def pour(part: IO[str], into: IO[str]) -> None:
    """Copy a piece to where it belongs."""
    part.seek(0)
    shutil.copyfileobj(part, into)
