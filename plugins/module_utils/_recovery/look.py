# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look: the route from the state directory to every shim's answer, once over the whole host. Internal."""

from __future__ import annotations

import os
from typing import Any, Container, Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import bundle as bundles
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import (
    hazards,
    mounts,
    processes,
    releases,
    runtime,
    state,
)
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.ask import Answers, Question, ask
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.bootstrap import Params, best, restore
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.bundle import Bundle
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.case import Case
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.endpoint import Endpoint, resolve
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.forecast import (
    Forecast,
    forecast,
    judge,
    start_estimate,
)
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.hazard import Hazard
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.load import Load
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.releases import ReleaseClass
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.rescuable import rescuable
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.rescue_search import search
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.scan import Entry, scan
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.surroundings import Surroundings, observe


class Outlook(NamedTuple):
    """What a restart into one release does to the host. ``start_estimate`` in seconds."""

    version: str
    release: ReleaseClass
    forecasts: List[Tuple[Case, Forecast]]
    hazards: List[Hazard]
    start_estimate: float

    @property
    def at_risk(self) -> List[Tuple[Case, Forecast]]:
        """The tasks that the restart would lose, or may."""
        return [pair for pair in self.forecasts if pair[1].at_risk]


def target(daemon: Daemon, wanted: str) -> Tuple[str, ReleaseClass]:
    """The version and class that ``running``, ``installed`` or a release such as ``2.1.9`` stands for.

    Raises ShimError when it is no release, or the daemon's cannot be told.
    """
    installed = daemon.installed
    if not installed and (daemon.configured.start_failure or daemon.configured.problem):
        # What is on disk does not say its version: a hazard refuses the restart, and the rest is known all the same.
        installed = daemon.running
    version = {"running": daemon.running, "installed": installed}.get(wanted, wanted)
    release = releases.classify(version)
    if version is None or release is None:
        if wanted in ("running", "installed"):
            raise ShimError(
                "daemon",
                "the {0} release of containerd".format(wanted),
                "could not be told",
                "start containerd, or name a release with target_version",
            )
        raise ShimError(
            "forecast",
            "target_version {0!r}".format(wanted),
            "is no release of containerd",
            "name one such as 1.7.24, or running, or installed",
        )
    return version, release


def look(
    daemon: Daemon,
    options: Dict[str, Any],
    deadline: Deadline,
    classes: Iterable[str],
    pids: bool = True,
    asked: bool = True,
    known: Container[Tuple[str, str]] = (),
) -> List[Case]:
    """Scan, read and ask: one Case per entry of the state directory, in containerd's order.

    :param options: ``namespaces``, ``ids`` and ``shim_timeout`` of the module.
    :param classes: the release classes a forecast will be made for: what they would dial is asked.
    :param asked: false leaves every shim in peace.
    :param known: namespace and id of entries to pass over.
    Raises ShimError when the state directory cannot be read.
    """
    entries = scan(daemon.state_dir, options.get("namespaces"), options.get("ids"))
    entries = [entry for entry in entries if (entry.namespace, entry.id) not in known]
    mounted = mounts.points()
    read = {entry: bundles.read(entry, mounted) for entry in entries if entry.kind == "bundle"}
    cwd = processes.working_directory(daemon.process.pid) if daemon.process else None
    questions = {}
    for entry, bundle in read.items() if asked else ():
        for endpoint in endpoints(bundle, classes, cwd or "/"):
            questions[(entry, endpoint)] = Question(entry.namespace, entry.id, endpoint)
    answers = ask(questions, deadline, options["shim_timeout"], pids)
    by_entry: Dict[Entry, Dict[Endpoint, Answers]] = {}
    for (entry, endpoint), said in answers.items():
        by_entry.setdefault(entry, {})[endpoint] = said
    forgotten = daemon.process is not None and state.metadata_problem(daemon) == "missing"
    records = _records(daemon, read.values(), deadline)
    if forgotten:
        # What the running containerd still knows, the next one will not.
        records = {name: {} for name in records}
    suspects = {entry.namespace for (entry, _endpoint), said in answers.items() if said.service and not said.pids}
    stores = {name: set() for name in suspects} if forgotten else _sandbox_stores(daemon, suspects, deadline)
    place = state.look_at(daemon, sum(1 for one in read.values() if one.bootstrap_json.kind != "file"))
    cases = [
        _with_runtime(
            Case(
                entry=entry,
                bundle=read.get(entry),
                has_record=_has_record(read.get(entry), records),
                in_sandbox_store=_in_store(entry.id, stores.get(entry.namespace)),
                answers=by_entry.get(entry, {}),
                runtime_resolves=None,
                cwd=cwd or "/",
                **place._asdict(),
            ),
            records,
            daemon,
        )
        for entry in entries
    ]
    return search(daemon, cases, classes, deadline, options["shim_timeout"], pids) if asked else cases


def endpoints(bundle: Bundle, classes: Iterable[str], cwd: str = "/") -> Set[Endpoint]:
    """Where containerds of these classes would dial, and where the shim is found anyway."""
    found = set()
    for params in [restore(bundle, name) for name in classes] + [best(bundle)]:
        place = resolve(params, cwd) if isinstance(params, Params) else None
        if isinstance(place, Endpoint):
            found.add(place)
    if "V16" in classes:
        found |= {one._replace(name=one.name + "\0") for one in found if one.kind == "abstract"}
    return found


def outlook(daemon: Daemon, cases: List[Case], wanted: str, around: Optional[Surroundings] = None) -> Outlook:
    """The forecast for every entry and for the host as a whole.

    :param around: what was observed of the host already, where several releases are forecast for.
    """
    version, release = target(daemon, wanted)
    timeout = daemon.load_timeout
    told = [forecast(case, release, timeout) for case in cases]
    pairs = [(case, one._replace(rescuable=rescuable(case, one, release, timeout))) for case, one in zip(cases, told)]
    estimate = start_estimate(tuple(pair[1].delay for pair in pairs), release, os.cpu_count() or 1)
    around = around or observe(daemon, cases)
    if not daemon.installed and wanted not in ("running", "installed"):
        # What is on disk does not run, and another program is to be put in its place.
        around = around._replace(start=None)
    found = hazards.of_host(around, release.name, estimate)
    stuck = [case for case, one in pairs if one.outcome == "hangs"]
    if stuck:
        reason = "containerd's start hangs on {0}/{1}".format(stuck[0].entry.namespace, stuck[0].entry.id)
        found.append(Hazard("start_hangs", "hangs", reason, "end that shim's task first"))
    return Outlook(
        version, release, [(case, _overruled(case, one, found, timeout)) for case, one in pairs], found, estimate
    )


def _overruled(case: Case, one: Forecast, found: List[Hazard], timeout: float) -> Forecast:
    """A hazard of the host decides for each live task that would otherwise have been kept.

    Where the runtime does not load at all, no bundle is touched, whatever is wrong with it.
    """
    absent = [hazard for hazard in found if hazard.outcome == "runtime_absent"]
    if not absent and (not case.live or one.task != "kept"):
        return one
    for hazard in absent or found:
        if hazard.outcome and (hazard.namespaces is None or case.entry.namespace in hazard.namespaces):
            return judge(case, Load(hazard.outcome, hazard.id, hazard.reason, one.delay), timeout)
    return one


def _records(daemon: Daemon, read: Iterable[Bundle], deadline: Deadline) -> Dict[str, Optional[Dict[str, str]]]:
    """Container records, asked for only where a bundle depends on them (recovery-spec 1.3 step 5)."""
    needed = {one.namespace for one in read if one.shim_binary_path.kind != "file" or not one.shim_binary_path.data}
    if daemon.process is None:
        return dict.fromkeys(needed)
    return {name: daemon.ctr().containers(name, deadline.within(15)) for name in sorted(needed)}


def _sandbox_stores(daemon: Daemon, suspects: Set[str], deadline: Deadline) -> Dict[str, Optional[Set[str]]]:
    """The sandbox store, asked for only where a shim listed no processes (recovery-spec 6.1)."""
    if daemon.process is None:
        return dict.fromkeys(suspects)
    release = releases.classify(daemon.running)
    if release and release.name == "V16":
        # 1.6 has no such store, so a newer release finds it empty.
        return {name: set() for name in suspects}
    return {name: daemon.ctr().sandboxes(name, deadline.within(15)) for name in sorted(suspects)}


def _has_record(bundle: Optional[Bundle], records: Dict[str, Optional[Dict[str, str]]]) -> Optional[bool]:
    known = records.get(bundle.namespace) if bundle else None
    return None if bundle is None or known is None else bundle.id in known


def _with_runtime(case: Case, records: Dict[str, Optional[Dict[str, str]]], daemon: Daemon) -> Case:
    """What is known of the shim binary. Nothing is trimmed: a newline at the end makes another path (row F2)."""
    if case.bundle is None:
        return case
    recorded = (records.get(case.bundle.namespace) or {}).get(case.bundle.id)
    name = case.bundle.shim_binary_path.data or (recorded or "").encode("utf-8")
    if not name:
        return case
    running = releases.classify(daemon.running)
    return case._replace(
        runtime=name.decode("utf-8", "replace"),
        runc_found=runtime.finds(case.bundle.runtime.text() or "runc", daemon),
        stored_by=running.name if running else None,
        **runtime.facts(name, daemon),
    )


def _in_store(identifier: str, store: Optional[Set[str]]) -> Optional[bool]:
    return None if store is None else identifier in store
