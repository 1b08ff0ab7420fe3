# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Forecast: what a restart into a release class does to one entry. Pure. Internal to the collection.

It follows containerd's own order (loadExistingTasks, loadShims, loadShim; recovery-spec 10.4). ``rule`` is the row of
recovery-spec 10.2. Where we cannot tell, the outcome is ``unknown`` and the task at risk.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._recovery.ask import (
    DEADLINE_EXCEEDED,
    NOT_FOUND,
    OK,
    UNAVAILABLE,
    UNIMPLEMENTED,
    Answers,
)
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.bootstrap import Params, Unusable, restore
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.case import Case
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.endpoint import Nowhere, resolve
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.releases import ReleaseClass, at_least

# From harmless to worst: of several candidate classes the worst outcome counts.
_SEVERITY = (
    "reattached",
    "skipped",
    "retained",
    "reaped",
    "unknown",
    "dropped",
    "orphaned",
    "killed",
    "hangs",
    "runtime_absent",
)

#: The words for what a restart does to a bundle, in the order of recovery-spec 10.1.
OUTCOMES = (
    "reattached",
    "killed",
    "dropped",
    "reaped",
    "orphaned",
    "retained",
    "skipped",
    "hangs",
    "runtime_absent",
    "unknown",
)

# What becomes of a live task under each outcome (recovery-spec 10.1).
_TASK = {
    "reattached": "kept",
    "killed": "killed",
    "dropped": "unmanaged",
    "reaped": "killed",
    "orphaned": "unmanaged",
    "retained": "unmanaged",
    "skipped": "unmanaged",
    "hangs": "unmanaged",
    "runtime_absent": "unmanaged",
    "unknown": "unknown",
}


# Seconds containerd takes to load one healthy bundle: 12.4 s were measured for 300 pods (containerd issue 12142).
_USUAL_DELAY = 0.02


class Forecast(NamedTuple):
    """What a restart does to one entry. ``delay`` is what it adds to containerd's start, in seconds.

    ``rescuable``: the task is at risk, and shim_migrate would restore files of its bundle that keep it.
    """

    outcome: str
    task: str
    client: str
    at_risk: bool
    rule: str
    reason: str
    delay: float
    rescuable: bool = False


class _Load(NamedTuple):
    """How the load of one bundle ends."""

    outcome: str
    rule: str
    reason: str
    delay: float = 0.0


def forecast(case: Case, release: ReleaseClass, load_timeout: float) -> Forecast:
    """The forecast for one entry: the worst of the release's candidate classes.

    :param load_timeout: containerd's time-out for one shim, in seconds.
    """
    loads = [_entry(case, name, load_timeout) for name in release.candidates]
    load = max(loads, key=lambda one: _SEVERITY.index(one.outcome))
    return judge(case, load.outcome, load.rule, load.reason, load.delay, load_timeout)


def judge(case: Case, outcome: str, rule: str, reason: str, delay: float, load_timeout: float) -> Forecast:
    """What an outcome means for the task, its client and the operator."""
    task = _TASK[outcome] if case.live else "gone_before"
    client = _client(case)
    at_risk = case.live and (task != "kept" or client != "keeps")
    said = case.best_answers
    if case.live and not at_risk and said and _slow(said, load_timeout):
        at_risk = True
        reason = "its shim took {0:.1f} s to answer, more than half of the {1:g} s that containerd waits".format(
            said.elapsed, load_timeout
        )
    elif case.live and task == "kept" and client == "deletes":
        reason = "it is created but not started: CRI deletes such a task when containerd comes back"
    elif case.live and task == "kept" and client == "unknown":
        reason = "it is paused, which CRI does not understand when containerd comes back"
    return Forecast(outcome, task, client, at_risk, rule, reason, round(delay, 3))


def _client(case: Case) -> str:
    """What the client does with a task that containerd kept (recovery-spec 6.4, containerd issue 11281)."""
    if case.bundle and case.bundle.pod:
        return {"created": "deletes", "paused": "unknown", "pausing": "unknown"}.get(case.status, "keeps")
    return "keeps"


def _entry(case: Case, name: str, load_timeout: float) -> _Load:
    """loadShims: what is passed over, dropped, or loaded."""
    kind, bundle = case.entry.kind, case.bundle
    if kind != "bundle" or bundle is None:
        row = {"hidden": "H1", "link": "H2", "namespace_invalid": "H8"}.get(kind, "H3")
        return _Load("skipped", row, "containerd passes over this entry ({0})".format(kind.replace("_", " ")))
    if bundle.problem:
        return _Load("dropped", "H5", "the bundle cannot be read ({0})".format(bundle.problem))
    if bundle.empty:
        return _Load("dropped", "H4", "the bundle is empty")
    runtime = _runtime(case)
    if runtime:
        return runtime
    if bundle.log_kind in ("directory", "other"):
        return _failed("H10", "its log is a {0}".format(bundle.log_kind))
    if bundle.log_kind == "link":
        return _Load("unknown", "H10", "its log is a link")
    return _shim(case, name, load_timeout)


def _runtime(case: Case) -> Optional[_Load]:
    """LoadBundle and resolveRuntimePath: the runtime has to be known and its binary to exist (rows F, A11)."""
    path = case.bundle.shim_binary_path
    if path.kind not in ("absent", "file", "unreadable", "directory"):
        return _Load("unknown", "F8", "shim-binary-path is not a plain file ({0})".format(path.kind.replace("_", " ")))
    if not path.data:
        if case.has_record is None:
            return _Load("unknown", "A11", "it has no shim-binary-path, and containerd did not list its containers")
        if not case.has_record:
            return _Load("dropped", "A11", "it has neither shim-binary-path nor a container record")
    if case.runtime_resolves is None:
        return _Load("unknown", "F4", "containerd's search path could not be read")
    if not case.runtime_resolves:
        named = repr(path.text()) if path.data else "of its container record"
        return _Load("dropped", "F1" if path.data else "F4", "the runtime {0} does not exist".format(named))
    return None


def _shim(case: Case, name: str, load_timeout: float) -> _Load:
    """loadShim: restore parameters, dial, Connect, Pids."""
    params = restore(case.bundle, name)
    if isinstance(params, Unusable):
        return _failed(params.rule, params.reason, params.sure)
    target = resolve(params)
    if isinstance(target, Nowhere):
        return _failed(target.rule, target.reason, target.sure)
    said = case.answers.get(target)
    if said is None:
        return _Load("unknown", "D3", "the shim was not asked")
    if said.failure:
        rule, reason = said.failure
        return _failed(rule, reason, said.asked, load_timeout if rule in ("D3", "D4") else 0.0)
    refusal = _connect(params, said, name)
    if refusal:
        return refusal
    if name == "V16":
        return _Load("reattached", _healthy(params), "its shim answers", _delay(said, load_timeout))
    return _pids(case, params, said, name, load_timeout)


def _connect(params: Params, said: Answers, name: str) -> Optional[_Load]:
    """NewTaskClient and PID(): which service is asked, and whether it answers (recovery-spec 4.2 and 5)."""
    if params.protocol == "grpc":
        return _connect_grpc(params, said, name)
    wanted = "v3" if params.version >= 3 else "v2"
    code = _code(said, wanted)
    if code == UNIMPLEMENTED and wanted == "v3" and at_least(name, "V20b"):
        wanted, code = "v2", _code(said, "v2")
    if code == OK:
        return None
    if code is None:
        return _Load("unknown", "D5", "its shim did not say whether it serves task {0}".format(wanted))
    if code == UNIMPLEMENTED:
        row = "A5" if params.version >= 3 else "A6"
        if all(reply.code == UNIMPLEMENTED for reply in said.connect.values()):
            row = "D7"
        return _failed(row, "its shim does not serve task {0}".format(wanted))
    return _failed("D6", "its shim refuses Connect: {0}".format(said.connect[wanted].text))


def _connect_grpc(params: Params, said: Answers, name: str) -> Optional[_Load]:
    if at_least(name, "V20a") and params.version != 3:
        return _failed("A7", "containerd 2.x speaks gRPC only to version 3")
    if name == "V16":
        return _failed("A7", "containerd 1.6 does not speak gRPC to shims")
    if _code(said, "v3") != OK:
        return _failed("D6", "its shim refuses Connect over gRPC")
    if name in ("V20a", "V20b"):
        # Where releases race, the worst counts (footnote 3 of recovery-spec 10.2).
        return _failed("A8", "containerd 2.0 closes gRPC shims right after loading them")
    return None


def _code(said: Answers, service: str) -> Optional[int]:
    return said.connect[service].code if service in said.connect else None


def _pids(case: Case, params: Params, said: Answers, name: str, load_timeout: float) -> _Load:
    """The check for leaked shims, 1.7 and later (recovery-spec 6.1)."""
    good = _Load("reattached", _healthy(params), "its shim answers", _delay(said, load_timeout))
    if said.pids:
        return good
    if said.pids is None and said.pids_failure is None:
        return good._replace(reason="its shim answers Connect; Pids was not asked")
    code, reason = said.pids_failure or (None, "")
    if said.pids is None and code in (DEADLINE_EXCEEDED, UNAVAILABLE):
        return _Load("unknown", "E7", "its shim answers Connect, and then: {0}".format(reason))
    if said.pids is None and code is None:
        if at_least(name, "V23c"):
            return good._replace(rule="E7", reason="its shim does not answer Pids", delay=load_timeout)
        return _Load("hangs", "E7", "its shim never answers Pids, and containerd waits for ever")
    if case.in_sandbox_store:
        return good._replace(rule="E3", reason="its shim answers, and it is in the sandbox store")
    missing = said.pids is not None or code == NOT_FOUND
    if not missing and at_least(name, "V23b"):
        return good._replace(rule="E4", reason="its shim answers Connect, and a failing Pids is forgiven")
    if case.in_sandbox_store is None:
        return _Load("unknown", "E3", "containerd did not list its sandboxes")
    if not case.live:
        if code == NOT_FOUND:
            return _Load("reaped", "E1", "its shim has no such task: containerd deletes it")
        return _Load("reaped", "E2" if missing else "E5", "its task has exited: containerd deletes it")
    if missing:
        # Row E6: V23c races between leaving the task alone and killing it, so the worst counts.
        outcome = "killed" if at_least(name, "V23c") else "orphaned"
        return _Load(outcome, "E6", "its shim does not know the task any more")
    return _Load("orphaned", "E4", "its shim answers Connect but cannot list processes: {0}".format(reason))


def _slow(said: Answers, load_timeout: float) -> bool:
    return said.elapsed > load_timeout / 2


def _delay(said: Answers, load_timeout: float) -> float:
    """What a shim that answers costs containerd's start. We ask many at once, so only a slow one's own time counts."""
    return said.elapsed if _slow(said, load_timeout) else _USUAL_DELAY


def _healthy(params: Params) -> str:
    if params.source == "address" or params.version == 2:
        return "A1" if params.source == "address" else "A2"
    return "A3"


def _failed(rule: str, reason: str, sure: bool = True, delay: float = 0.0) -> _Load:
    """A failed load: containerd runs the shim's delete, which kills the container (recovery-spec 1.3 and 1.5)."""
    return _Load("killed" if sure else "unknown", rule, reason, delay)


def start_estimate(delays: Tuple[float, ...], release: ReleaseClass, processors: int) -> float:
    """Seconds containerd's start takes for loading: one after another, from 2.2 on so many at once."""
    if not at_least(release.name, "V22"):
        return round(sum(delays), 3)
    lanes = [0.0] * max(1, processors)
    for delay in delays:
        lanes[lanes.index(min(lanes))] += delay
    return round(max(lanes), 3)
