# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts: what is on a host, from its files and processes alone; no shim is asked. Internal."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Set, Union

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bootstrap import Params, Unusable, restore
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint, Nowhere, resolve
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.gather import gather
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host import (
    dockerd,
    releases,
    shim_processes,
    unix_sockets,
)
from ansible_collections.shimops.containerd.plugins.module_utils._host.ctr import Task
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.shim_processes import Shim

# Docker's namespace in containerd.
_MOBY = "moby"
_Place = Union[Endpoint, Nowhere, Unusable]


def instance(daemon: Daemon, options: Dict[str, Any], deadline: Deadline) -> Dict[str, Any]:
    """Everything about one containerd and its bundles."""
    observations = gather(daemon, options, deadline, ()).all
    release = releases.classify(daemon.running) or releases.classify(daemon.installed)
    name = release.name if release else "V22"
    read = [observed for observed in observations if observed.bundle]
    restored = [restore(observed.require_bundle(), name) for observed in read]
    places = [
        resolve(params, observed.cwd) if isinstance(params, Params) else params
        for observed, params in zip(read, restored)
    ]
    found = _shims({place.name for place in places if isinstance(place, Endpoint)})
    rows = [_row(observed, params, place, found) for observed, params, place in zip(read, restored, places)]
    _add_docker(rows, deadline)
    return {
        "layout": daemon.layout,
        "daemon": _daemon(daemon),
        "bundles": rows,
        "other_tasks": [_other_task(observed, observed.listed) for observed in observations if observed.listed],
        "endpoints": _endpoints(rows),
        "leftovers": [
            {"namespace": observed.entry.namespace, "id": observed.entry.id, "kind": observed.entry.kind}
            for observed in observations
            if not observed.bundle and not observed.listed
        ],
    }


def _add_docker(rows: List[Dict[str, Any]], deadline: Deadline) -> None:
    """Add what Docker calls its containers; it is asked only where there are some."""
    known = dockerd.names(deadline) if any(row["namespace"] == _MOBY for row in rows) else {}
    for row in rows:
        row["docker"] = known.get(row["id"]) if row["namespace"] == _MOBY else None


def _shims(paths: Set[str]) -> Dict[str, Shim]:
    try:
        return shim_processes.by_socket(paths, unix_sockets.snapshot())
    except ShimError:
        return {}


def _row(
    observed: Observation, params: Union[Params, Unusable], place: _Place, found: Dict[str, Shim]
) -> Dict[str, Any]:
    bundle = observed.require_bundle()
    shim = found.get(place.name) if isinstance(place, Endpoint) else None
    if shim is None and isinstance(params, Params) and params.doubt:
        # A text that is hardly an address leads somewhere only if somebody is there.
        params = place = Unusable(*params.doubt)
    return {
        "namespace": bundle.namespace,
        "id": bundle.id,
        "role": bundle.role,
        "pod": bundle.pod_names(),
        "endpoint": place.shown() if isinstance(place, Endpoint) else None,
        "endpoint_source": params.source if isinstance(params, Params) else None,
        "endpoint_version": params.version if isinstance(params, Params) else None,
        "group": bundle.group,
        "runtime": observed.runtime,
        "shim_pid": shim.process.pid if shim else None,
        "shim_executable": shim.executable if shim else None,
        "shim_executable_gone": shim.executable_gone if shim else None,
        "init_pid": bundle.init.pid if bundle.init else None,
        "init_start_time": bundle.init.start_time if bundle.init else None,
        "problems": _problems(observed, place, shim),
    }


def _other_task(observed: Observation, task: Task) -> Dict[str, Any]:
    return {
        "namespace": observed.entry.namespace,
        "id": observed.entry.id,
        "runtime": observed.runtime,
        "status": task.status,
        "init_pid": task.pid,
    }


def _problems(observed: Observation, place: _Place, shim: Optional[Shim]) -> List[str]:
    """What is wrong with a bundle, as far as it can be known without asking its shim."""
    bundle = observed.require_bundle()
    if bundle.problem:
        return ["it cannot be read ({0})".format(bundle.problem)]
    if bundle.empty:
        return ["it is empty"]
    found = []
    if isinstance(place, (Unusable, Nowhere)):
        found.append(place.reason)
    elif shim is None:
        found.append("no shim listens on its endpoint")
    if observed.runtime_resolves is False:
        found.append("the shim binary of its runtime does not exist")
    if observed.has_record is False and not bundle.shim_binary_path.data:
        found.append("it has neither shim-binary-path nor a container record")
    if bundle.init is None:
        found.append("its init process is gone")
    return found


def _daemon(daemon: Daemon) -> Dict[str, Any]:
    unit = daemon.unit
    return {
        "pid": daemon.process.pid if daemon.process else None,
        "start_time": daemon.process.start_time if daemon.process else None,
        "running": daemon.running,
        "installed": daemon.installed,
        "running_class": _class(daemon.running),
        "installed_class": _class(daemon.installed),
        "executable": daemon.executable,
        "unit": daemon.unit_name if unit else None,
        "active_state": unit.active_state if unit else None,
        "kill_mode": unit.kill_mode if unit else None,
        "delegate": unit.delegate if unit else None,
        "need_daemon_reload": unit.need_daemon_reload if unit else None,
        "state_dir": daemon.state_dir,
        "root_dir": daemon.root_dir,
        "address": daemon.address,
        "load_timeout": daemon.load_timeout,
        "configuration": {
            "file": daemon.configured.file,
            "version": daemon.configured.version,
            "problem": daemon.configured.start_failure or daemon.configured.problem,
        },
    }


def _class(version: Optional[str]) -> Optional[str]:
    release = releases.classify(version)
    return release.name if release else None


def _endpoints(rows: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """The sockets of a host with the tasks that share them."""
    found: Dict[str, Dict[str, Any]] = {}
    for row in rows:
        if row["endpoint"]:
            one = found.setdefault(
                row["endpoint"], {"endpoint": row["endpoint"], "shim_pid": row["shim_pid"], "tasks": []}
            )
            one["tasks"].append("{0}/{1}".format(row["namespace"], row["id"]))
    return [found[name] for name in sorted(found)]
