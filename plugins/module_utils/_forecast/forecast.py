# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Forecast: what a restart into a release class does to one entry. Pure. Internal to the collection.

It follows containerd's own order (loadExistingTasks, loadShims, loadShim; recovery-spec 10.4). ``rule`` is the row of
recovery-spec 10.2. Where it cannot be determined, the outcome is ``unknown`` and the task at risk.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import Bundle
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.load import Load, failed, shim, slow
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.removal import removal
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import ReleaseClass, at_least, ships

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


#: The runtime of containerd before 1.2, whose tasks have their bundles elsewhere.
RUNTIME_V1 = "io.containerd.runtime.v1.linux"

# What containerd cannot open as a log.
_NO_LOG = {
    "directory": "its log is a directory",
    "socket": "its log is a socket",
    "dangling": "its log is a link that leads nowhere",
    "unreadable": "its log cannot be read",
}


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


def forecast(observed: Observation, release: ReleaseClass, load_timeout: float) -> Forecast:
    """The forecast for one entry: the worst of the release's candidate classes.

    :param load_timeout: containerd's time-out for one shim, in seconds.
    """
    loads = [_entry(observed, name, load_timeout) for name in release.candidates]
    load = max(loads, key=lambda one: (bool(one.task and one.task != "kept"), _SEVERITY.index(one.outcome)))
    return judge(observed, load, load_timeout)


def judge(observed: Observation, load: Load, load_timeout: float) -> Forecast:
    """What the end of a load means for the task, its client and the operator."""
    outcome, rule, reason, delay = load[:4]
    task = (load.task or _TASK[outcome]) if observed.live else "gone_before"
    client = _client(observed)
    at_risk = observed.live and (task != "kept" or client != "keeps")
    if observed.live and not at_risk and slow(load.waited, load_timeout):
        at_risk = True
        reason = "its shim took {0:.1f} s to answer, more than half of the {1:g} s that containerd waits".format(
            load.waited, load_timeout
        )
    elif observed.live and task == "kept" and client == "deletes":
        reason = "it is created but not started: CRI deletes such a task when containerd comes back"
    elif observed.live and task == "kept" and client == "unknown":
        reason = "it is paused, which CRI does not understand when containerd comes back"
    return Forecast(outcome, task, client, at_risk, rule, reason, round(delay, 3))


def _client(observed: Observation) -> str:
    """What the client does with a task that containerd kept (recovery-spec 6.4, containerd issue 11281)."""
    if observed.bundle and observed.bundle.pod:
        return {"created": "deletes", "paused": "unknown", "pausing": "unknown"}.get(observed.status or "", "keeps")
    return "keeps"


def _entry(observed: Observation, name: str, load_timeout: float) -> Load:
    """loadShims: what is skipped, dropped, loaded, or removed."""
    kind, bundle = observed.entry.kind, observed.bundle
    if at_least(name, "V22") and observed.writable is False and not observed.mounts_db:
        return Load("runtime_absent", "C8", "containerd cannot make its mounts.db: the state file system is full")
    if observed.listed:
        return _without_bundle(observed, name)
    if kind != "bundle" or bundle is None:
        row = {"hidden": "H1", "link": "H2", "namespace_invalid": "H8"}.get(kind, "H3")
        return Load("skipped", row, "containerd skips this entry ({0})".format(kind.replace("_", " ")))
    return removal(observed, _bundle(observed, bundle, name, load_timeout), name)


def _without_bundle(observed: Observation, name: str) -> Load:
    """A task that containerd lists, and that no directory of runtime v2 has (recovery-spec 10.6)."""
    if observed.listed and observed.listed.status == "stopped":
        return Load("skipped", "I3", "it has no bundle, and its process is gone")
    if observed.runtime != RUNTIME_V1:
        named = observed.runtime or "an unknown runtime"
        return Load("unknown", "I2", "containerd lists it, and it has no bundle ({0})".format(named))
    if at_least(name, "V20a"):
        reason = "its runtime {0} was removed in containerd 2.0: it would run on, and no containerd would know it"
        return Load("orphaned", "I1", reason.format(RUNTIME_V1))
    return Load("reattached", "I1", "containerd loads tasks of {0} from their own directory".format(RUNTIME_V1))


def _bundle(observed: Observation, bundle: Bundle, name: str, load_timeout: float) -> Load:
    if bundle.problem:
        return Load("dropped", "H5", "the bundle cannot be read ({0})".format(bundle.problem))
    if bundle.empty:
        return Load("dropped", "H4", "the bundle is empty")
    return _runtime(observed, bundle, name) or _log(observed, bundle) or shim(observed, bundle, name, load_timeout)


def _runtime(observed: Observation, bundle: Bundle, name: str) -> Optional[Load]:
    """LoadBundle and resolveRuntimePath: the runtime has to be known and its binary to exist (rows F, A11)."""
    path = bundle.shim_binary_path
    if path.kind == "fifo":
        return Load("hangs", "X1", "shim-binary-path is a FIFO, and containerd would wait forever to read it")
    if path.kind in ("link", "device", "not_read"):
        return Load("unknown", "F8", "shim-binary-path is not a plain file ({0})".format(path.kind))
    if path.kind == "too_large":
        return Load("dropped", "F1", "shim-binary-path is longer than any path")
    if not path.data:
        if observed.has_record is None:
            return Load("unknown", "A11", "it has no shim-binary-path, and containerd did not list its containers")
        if not observed.has_record:
            return Load("dropped", "A11", "it has neither shim-binary-path nor a container record")
    named = ascii(path.text()) if path.data else "of its container record"
    if observed.runtime_resolves is None:
        return Load("unknown", "F4", "containerd's search path could not be read")
    packaged = observed.packaged_path and ships(name, observed.packaged_path)
    if not observed.runtime_resolves and not packaged and not (name == "V16" and observed.resolves_in_1_6):
        row = "F2" if path.data[-1:] == b"\n" else "F1" if path.data else "F4"
        return Load("dropped", row, "the runtime {0} does not exist".format(named))
    if observed.shipped_by and observed.runtime_path and not ships(name, observed.runtime_path):
        return Load("dropped", "F1", "the packages of that release have no {0} any more".format(observed.runtime_path))
    return None


def _log(observed: Observation, bundle: Bundle) -> Optional[Load]:
    """openShimLog: a FIFO, or what can be opened like one (rows H9 and H10)."""
    kind = bundle.log_kind
    if kind in _NO_LOG:
        return failed("H10", _NO_LOG[kind])
    if kind == "absent" and observed.takes_names is False:
        return failed("H10", "it has no log, and none can be made: the file system of the bundle is full or read-only")
    if kind == "device" and observed.nodev is not False:
        return failed(
            "H10", "its log is a device on a file system mounted nodev", "killed" if observed.nodev else "unknown"
        )
    return Load("unknown", "H10", "its log could not be read") if kind == "not_read" else None


def start_estimate(delays: Tuple[float, ...], release: ReleaseClass, processors: int) -> float:
    """Seconds containerd's start takes for loading: one after another, from 2.2 on so many at once."""
    if not at_least(release.name, "V22"):
        return round(sum(delays), 3)
    lanes = [0.0] * max(1, processors)
    for delay in delays:
        lanes[lanes.index(min(lanes))] += delay
    return round(max(lanes), 3)
