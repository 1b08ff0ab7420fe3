# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Host document: the rows of host-document.schema.json from what the stages found. Pure. Internal.

None means that something was not asked, or cannot be determined; it never means that all is well.
"""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._audit.row_types import (
    BootstrapRow,
    BundleRow,
    DaemonRow,
    OtherTaskRow,
    ShimRow,
    UnitRow,
)
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bootstrap import Params, best
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import Bundle
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.forecast import Forecast
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host import releases
from ansible_collections.shimops.containerd.plugins.module_utils._host.ctr import Task
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.shim_processes import ShimProcess
from ansible_collections.shimops.containerd.plugins.module_utils._host.unit import Unit
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import TOO_LITTLE_TIME, Answers

SCHEMA = 1

# What a failure of Connect means, by the row of the forecast's rules it would decide.
_ANSWERS = {"D1": "unreachable", "D2": "unreachable", "D3": "silent", "D4": "silent", "D5": "refused"}


def daemon_part(
    daemon: Daemon, code: Optional[str], behind_disk: Optional[bool], started: Optional[float]
) -> DaemonRow:
    """``daemon``. ``started`` is in seconds since the epoch."""
    return {
        "running": daemon.running,
        "installed": daemon.installed,
        "running_class": _class(daemon.running),
        "installed_class": _class(daemon.installed),
        "pid": daemon.process.pid if daemon.process else None,
        "started": started,
        "executable": daemon.executable,
        "code": code,
        "behind_disk": behind_disk,
        "address": daemon.address,
        "state_dir": daemon.state_dir,
        "root_dir": daemon.root_dir,
        "load_timeout": daemon.load_timeout,
    }


def unit_part(unit: Optional[Unit]) -> Optional[UnitRow]:
    """``unit``; None without systemd."""
    if unit is None:
        return None
    return {
        "name": unit.name,
        "active_state": unit.active_state,
        "kill_mode": unit.kill_mode,
        "delegate": unit.delegate,
        "need_daemon_reload": unit.need_daemon_reload,
        "timeout_start": unit.timeout_start,
        "restarts": unit.restarts,
        "drop_ins": list(unit.drop_ins),
    }


def bundle_row(
    observed: Observation,
    one: Forecast,
    by_host: bool,
    daemon: Daemon,
    shim: Optional[ShimProcess],
    listed: Optional[bool],
) -> BundleRow:
    """One row of ``bundles``. ``by_host`` says that a hazard of the host decided."""
    said, bundle = observed.best_answers, observed.require_bundle()
    return {
        "namespace": observed.entry.namespace,
        "id": observed.entry.id,
        "pod": bundle.pod_names(),
        "role": bundle.role,
        "runtime": observed.runtime,
        "bootstrap": _bootstrap(bundle, daemon),
        "record": observed.has_record,
        "status": observed.status,
        "live": observed.live,
        "shim_pid": shim.process.pid if shim else None,
        "task_pid": said.task_pid if said and said.task_pid else (bundle.init.pid if bundle.init else None),
        "shim_code": shim.code if shim else None,
        "answer": answer_word(said),
        "pids_answer": pids_word(said),
        "answers": said.brief() if said else "",
        "listed": listed,
        "outcome": one.outcome,
        "decided_by": "host" if by_host else "bundle",
        "task": one.task,
        "client": one.client,
        "at_risk": one.at_risk,
        "rescuable": one.rescuable,
        "rule": one.rule,
        "reason": one.reason,
        "delay": one.delay,
    }


def other_task_row(observed: Observation, task: Task, one: Forecast, shim: Optional[ShimProcess]) -> OtherTaskRow:
    """One row of ``other_tasks``. ``task`` is containerd's row."""
    return {
        "namespace": observed.entry.namespace,
        "id": observed.entry.id,
        "runtime": observed.runtime,
        "record": observed.has_record,
        "status": task.status,
        "live": observed.live,
        "shim_pid": shim.process.pid if shim else None,
        "task_pid": task.pid,
        "outcome": one.outcome,
        "task": one.task,
        "client": one.client,
        "at_risk": one.at_risk,
        "rule": one.rule,
        "reason": one.reason,
    }


def shim_row(
    shim: ShimProcess,
    observations: List[Observation],
    children: Optional[List[int]],
    version: Optional[str],
    started: float,
    connections: Optional[int],
    listed: Optional[int],
) -> ShimRow:
    """One row of ``shims``. ``children`` are known of a shim without bundles."""
    first = next(
        (observed for observed in observations if observed.entry.id == shim.id),
        observations[0] if observations else None,
    )
    pod = first.pod_names if first else None
    if pod:
        # A shim serves the whole pod.
        pod = {key: value for key, value in pod.items() if key != "container"}
    words = [answer_word(observed.best_answers) for observed in observations]
    return {
        "pid": shim.process.pid,
        "started": started,
        "namespace": shim.namespace,
        "id": shim.id,
        "pod": pod,
        "executable": shim.executable,
        "code": shim.code,
        "version": version,
        "endpoint": shim.sockets[0] if shim.sockets else None,
        "bundles": ["{0}/{1}".format(observed.entry.namespace, observed.entry.id) for observed in observations],
        "live": any(observed.live for observed in observations) if observations else bool(children),
        "answer": max(words, key=_WORST.index) if words else "not_asked",
        "connections": connections,
        "tasks": listed,
    }


# One that was silent once is worth more words than one that answered otherwise.
_WORST = ("not_asked", "ok", "unsure", "unreachable", "refused", "silent")


def answer_word(said: Optional[Answers]) -> str:
    """What became of Connect, in one word of the document."""
    if said is None:
        return "not_asked"
    if said.service:
        return "ok"
    if not said.asked:
        return "unsure"
    return _ANSWERS.get(said.failure[0], "refused") if said.failure else "refused"


def pids_word(said: Optional[Answers]) -> str:
    """What became of Pids, in one word of the document."""
    if said is None or (said.pids is None and said.pids_failure is None):
        return "not_asked"
    if said.pids is not None:
        return "ok"
    return {None: "silent", TOO_LITTLE_TIME: "unsure"}.get(
        said.pids_failure[0] if said.pids_failure else None, "refused"
    )


def cut(lists: Mapping[str, Optional[List[Any]]], longest: int) -> int:
    """Shorten the lists in place to that many rows; gives how many were left out."""
    left_out = 0
    for rows in lists.values():
        if rows and len(rows) > longest:
            left_out += len(rows) - longest
            del rows[longest:]
    return left_out


def _bootstrap(bundle: Bundle, daemon: Daemon) -> BootstrapRow:
    """Which form the parameters have. Legacy is one that the release on disk no longer writes itself."""
    newer, older = bundle.bootstrap_json.kind != "absent", bundle.address.kind != "absent"
    params, release = best(bundle), releases.classify(daemon.installed or daemon.running)
    usable = params if isinstance(params, Params) else None
    writes_json = bool(release and releases.at_least(release.name, "V20a"))
    return {
        "kind": {(True, True): "both", (True, False): "bootstrap.json", (False, True): "address"}.get(
            (newer, older), "none"
        ),
        "version": usable.version if usable else None,
        "protocol": usable.protocol if usable else None,
        "legacy": older and not newer and writes_json,
    }


def _class(version: Optional[str]) -> Optional[str]:
    release = releases.classify(version)
    return release.name if release else None
