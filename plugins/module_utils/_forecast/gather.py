# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gather: the route from the state directory to every shim's answer, once over the whole host. Internal."""

from __future__ import annotations

import functools
import os
from typing import Any, Callable, Container, Dict, Iterable, Iterator, List, Optional, Set, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._bundle import bundle as bundles
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import Bundle
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint, candidates
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.scan import Entry, namespaces, scan
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import (
    HostObservations,
    Observation,
)
from ansible_collections.shimops.containerd.plugins.module_utils._host import (
    command,
    mounts,
    processes,
    releases,
    shim_binary,
    storage,
)
from ansible_collections.shimops.containerd.plugins.module_utils._host.ctr import Task
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.layouts import TASK_DIRECTORY
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import Answers, Question

#: Asks each question of a shim; the keys are the caller's.
Asker = Callable[[Iterable[Tuple[Tuple[Entry, Endpoint], Question]]], Dict[Tuple[Entry, Endpoint], Answers]]
# Seconds for all that ctr is asked at once.
_PATIENCE = 15.0
# Namespaces with bundles whose tasks are listed before containerd has named its namespaces.
_LIKELY = 3


def gather(
    daemon: Daemon,
    options: Dict[str, Any],
    deadline: Deadline,
    classes: Iterable[str],
    asker: Optional[Asker] = None,
    known: Container[Tuple[str, str]] = (),
) -> HostObservations:
    """Scan, read and ask: each entry of the state directory in containerd's order, then each task that has none there.

    :param options: ``namespaces``, ``ids`` and ``shim_timeout`` of the module.
    :param classes: the release classes a forecast will be made for: what they would dial is asked.
    :param asker: asks shims, see ask() in _shim/ask.py; None leaves every shim in peace.
    :param known: namespace and id of entries to pass over.
    Raises ShimError when the state directory cannot be read.
    """
    cwd = (processes.working_directory(daemon.process.pid) if daemon.process else None) or "/"
    # containerd answers while we read and ask.
    with command.aside() as aside:
        listing = aside.submit(_listed, daemon, deadline)
        scanned = scan(daemon.state_dir, options.get("namespaces"), options.get("ids"))
        entries = [entry for entry in scanned if (entry.namespace, entry.id) not in known]
        read: Dict[Entry, Bundle] = {}
        questions = _questions(entries, read, classes if asker else None, cwd)
        answers = (asker or _nobody)(questions)
        records = _records(daemon, read.values(), deadline)
        tasks = listing.result()
    without_bundle = _without_bundle(daemon, options, scanned, tasks or {}, deadline)
    by_entry: Dict[Entry, Dict[Endpoint, Answers]] = {}
    for (entry, endpoint), said in answers.items():
        by_entry.setdefault(entry, {})[endpoint] = said
    forgotten = daemon.process is not None and storage.metadata_problem(daemon) == "missing"
    if forgotten:
        # What the running containerd still knows, the next one will not.
        records = {name: {} for name in records}
    suspects = {
        entry.namespace
        for (entry, _endpoint), said in answers.items()
        if said.service and (said.pids_failure or said.pids == [])
    }
    stores = {name: set() for name in suspects} if forgotten else _sandbox_stores(daemon, suspects, deadline)
    place = storage.observe_files(daemon, sum(1 for one in read.values() if one.bootstrap_json.kind != "file"))
    binaries = _Binaries(daemon)
    found = [
        binaries.added(
            Observation(
                entry=entry,
                bundle=read.get(entry),
                has_record=_has_record(read.get(entry), records),
                in_sandbox_store=_in_store(entry.id, stores.get(entry.namespace)),
                answers=by_entry.get(entry, {}),
                runtime_resolves=None,
                cwd=cwd,
                **place._asdict(),
            ),
            records,
        )
        for entry in entries
    ]
    found += [observed for observed in without_bundle if (observed.entry.namespace, observed.entry.id) not in known]
    return HostObservations(found, tasks)


def _nobody(
    questions: Iterable[Tuple[Tuple[Entry, Endpoint], Question]],
) -> Dict[Tuple[Entry, Endpoint], Answers]:
    """Ask nobody. There is no question then, but bundles are read on the way to the first."""
    for _question in questions:
        pass
    return {}


def _questions(
    entries: Iterable[Entry], read: Dict[Entry, Bundle], classes: Optional[Iterable[str]], cwd: str
) -> Iterator[Tuple[Tuple[Entry, Endpoint], Question]]:
    """Read each bundle into ``read``, and ask wherever its shim may be; none of them with ``classes`` None.

    The next bundle is read while the shims of those before it answer.
    """
    mounted = mounts.points()
    for entry in entries:
        if entry.kind != "bundle":
            continue
        read[entry] = bundles.read(entry, mounted)
        if classes is not None:
            for endpoint in candidates(read[entry], classes, cwd):
                yield (entry, endpoint), Question(entry.namespace, entry.id, endpoint)


def _listed(daemon: Daemon, deadline: Deadline) -> Optional[Dict[str, Dict[str, Task]]]:
    """containerd's own task lists by namespace; None where it does not answer."""
    if daemon.process is None:
        return None
    return daemon.ctr().all_tasks(deadline.within(_PATIENCE), namespaces(daemon.state_dir)[:_LIKELY])


def _without_bundle(
    daemon: Daemon, options: Dict[str, Any], entries: List[Entry], tasks: Dict[str, Dict[str, Task]], deadline: Deadline
) -> List[Observation]:
    """The tasks that containerd lists and that have no entry in its state directory, such as those of runtime v1.

    :param tasks: containerd's lists from about the time of the scan; what was deleted meanwhile is in no second one,
        and what was made meanwhile has its entry by now.
    """
    there = {(entry.namespace, entry.id) for entry in entries}
    wanted = [
        (namespace, identifier)
        for namespace, rows in sorted(tasks.items())
        for identifier in sorted(rows)
        if (namespace, identifier) not in there
        and namespace in (options.get("namespaces") or (namespace,))
        and identifier in (options.get("ids") or (identifier,))
    ]
    found = []
    for namespace in dict.fromkeys(namespace for namespace, _identifier in wanted):
        rows = daemon.ctr().tasks(namespace, deadline.within(_PATIENCE)) or {}
        records = daemon.ctr().containers(namespace, deadline.within(_PATIENCE))
        for identifier in [identifier for place, identifier in wanted if place == namespace and identifier in rows]:
            path = os.path.join(daemon.state_dir, TASK_DIRECTORY, namespace, identifier)
            if os.path.lexists(path):
                continue
            task = rows[identifier]
            found.append(
                Observation(
                    entry=Entry(namespace, identifier, path, "listed", 0.0),
                    bundle=None,
                    has_record=None if records is None else identifier in records,
                    runtime_resolves=None,
                    in_sandbox_store=None,
                    answers={},
                    runtime=(records or {}).get(identifier),
                    listed=task if processes.look_up(task.pid) else task._replace(status="stopped"),
                )
            )
    return found


def _records(daemon: Daemon, read: Iterable[Bundle], deadline: Deadline) -> Dict[str, Optional[Dict[str, str]]]:
    """Container records, asked for only where a bundle depends on them (recovery-spec 1.3 step 5)."""
    needed = {one.namespace for one in read if one.shim_binary_path.kind != "file" or not one.shim_binary_path.data}
    if daemon.process is None:
        return dict.fromkeys(needed)
    return {name: daemon.ctr().containers(name, deadline.within(_PATIENCE)) for name in sorted(needed)}


def _sandbox_stores(daemon: Daemon, suspects: Set[str], deadline: Deadline) -> Dict[str, Optional[Set[str]]]:
    """The sandbox store, asked for only where a shim listed no processes (recovery-spec 6.1)."""
    if daemon.process is None:
        return dict.fromkeys(suspects)
    release = releases.classify(daemon.running)
    if release and release.name == "V16":
        # 1.6 has no such store, so a newer release finds it empty.
        return {name: set() for name in suspects}
    return {name: daemon.ctr().sandboxes(name, deadline.within(_PATIENCE)) for name in sorted(suspects)}


def _has_record(bundle: Optional[Bundle], records: Dict[str, Optional[Dict[str, str]]]) -> Optional[bool]:
    known = records.get(bundle.namespace) if bundle else None
    return None if bundle is None or known is None else bundle.id in known


def _in_store(identifier: str, store: Optional[Set[str]]) -> Optional[bool]:
    return None if store is None else identifier in store


class _Binaries:
    """What is known of shim binaries, found once for each of the few that a host has."""

    def __init__(self, daemon: Daemon):
        running = releases.classify(daemon.running)
        self._stored_by = running.name if running else None
        self._facts = functools.lru_cache(maxsize=None)(lambda name: shim_binary.facts(name, daemon))
        self._finds = functools.lru_cache(maxsize=None)(lambda name: shim_binary.finds(name, daemon))

    def added(self, observed: Observation, records: Dict[str, Optional[Dict[str, str]]]) -> Observation:
        """The same with its shim binary. Nothing is trimmed: a newline at the end makes another path (row F2)."""
        if observed.bundle is None:
            return observed
        recorded = (records.get(observed.bundle.namespace) or {}).get(observed.bundle.id)
        name = observed.bundle.shim_binary_path.data or (recorded or "").encode("utf-8")
        if not name:
            return observed
        return observed._replace(
            runtime=name.decode("utf-8", "replace"),
            runc_found=self._finds(observed.bundle.runtime.text() or "runc"),
            stored_by=self._stored_by,
            **self._facts(name),
        )
