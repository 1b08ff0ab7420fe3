# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Audit: one host as one document, for rules and reports on the controller. Internal to the collection.

Nothing is changed. Shims are asked Connect and State, and Pids only when that was asked for; containerd for its tasks.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, NamedTuple

from ansible_collections.shimops.containerd.plugins.module_utils._audit import (
    document_rows,
    inventory,
    leftovers,
    permissions,
)
from ansible_collections.shimops.containerd.plugins.module_utils._audit.inventory import Inventory
from ansible_collections.shimops.containerd.plugins.module_utils._audit.row_types import (
    BundleRow,
    DaemonRow,
    HostDocument,
    LeftoverRow,
    OtherTaskRow,
    ShimRow,
)
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline, wall_clock
from ansible_collections.shimops.containerd.plugins.module_utils._forecast import results
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.host_forecast import HostForecast
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes, shim_processes
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon

#: Rows that one list of a document may have.
LONGEST = 5000
#: Seconds between two observations: what is left over is in both, what is on its way is not.
_PAUSE = 1.0


class HostObserved(NamedTuple):
    """What shim_probe found before: ``views`` has the forecast for each target, ``rollback`` as it returns it.

    ``again`` looks a second time and asks no shim.
    """

    daemon: Daemon
    observations: List[Observation]
    views: List[HostForecast]
    rollback: Dict[str, Any]
    pids: bool
    again: Callable[[], List[Observation]]


def document(observed: HostObserved, deadline: Deadline) -> HostDocument:
    """The host document, as host-document.schema.json describes it; the controller adds the host's name."""
    here = inventory.observe(observed.daemon, observed.observations, deadline)
    targets = [results.target(view) for view in observed.views]
    bundles, shims = _bundles(here, observed.views[0]), _shims(here, deadline)
    left, modes = _leftovers(here, observed, deadline), permissions.find(here)
    others = _other_tasks(here, observed.views[0])
    lists: Dict[str, List[Any]] = {
        "bundles": bundles,
        "other_tasks": others,
        "shims": shims,
        "leftovers": left,
        "modes": modes,
    }
    counts = {name: len(rows) for name, rows in lists.items()}
    counts["tasks"] = sum(1 for one in observed.observations if one.live)
    left_out = document_rows.cut(lists, LONGEST)
    return HostDocument(
        bundles=bundles,
        other_tasks=others,
        shims=shims,
        leftovers=left,
        modes=modes,
        schema=document_rows.SCHEMA,
        kind="host",
        host=None,
        run_id=None,
        at=round(wall_clock(), 3),
        layout=observed.daemon.layout,
        asked={"connect": True, "state": True, "pids": observed.pids},
        daemon=_daemon(observed.daemon),
        unit=document_rows.unit_part(observed.daemon.unit),
        forecast=targets[0],
        targets=targets,
        hazards=[hazard.row() for hazard in observed.views[0].hazards],
        rollback=dict(observed.rollback, containers=list(observed.rollback["containers"])),
        counts=counts,
        truncated=left_out,
        elapsed=round(deadline.elapsed(), 3),
    )


def _daemon(daemon: Daemon) -> DaemonRow:
    process = daemon.process
    code = shim_processes.code_of(process.pid) if process else None
    behind = None if code is None else code != "current" or _starts_another(daemon)
    started = round(processes.started_at(process), 3) if process else None
    return document_rows.daemon_part(daemon, code, behind, started)


def _starts_another(daemon: Daemon) -> bool:
    """Whether the unit would start another file than the one that runs; k3s and its like start themselves."""
    path = daemon.unit.exec_start if daemon.unit else None
    if daemon.process is None or not path or os.path.basename(path) != "containerd":
        return False
    try:
        return not os.path.samefile(path, "/proc/{0}/exe".format(daemon.process.pid))
    except OSError:
        return True


def _bundles(here: Inventory, view: HostForecast) -> List[BundleRow]:
    of_host, rows = {hazard.id for hazard in view.hazards}, []
    for observed, one in view.forecasts:
        if observed.bundle:
            found = (one.rule in of_host, here.daemon, here.shim_of(observed), here.listed(observed))
            rows.append(document_rows.bundle_row(observed, one, *found))
    return rows


def _other_tasks(here: Inventory, view: HostForecast) -> List[OtherTaskRow]:
    return [
        document_rows.other_task_row(observed, observed.listed, one, here.shim_of(observed))
        for observed, one in view.forecasts
        if observed.listed
    ]


def _shims(here: Inventory, deadline: Deadline) -> List[ShimRow]:
    sentence, served, rows = shim_processes.versions(here.shims, deadline), here.served(), []
    for shim in here.shims:
        observations = served[shim.process.pid]
        held = None if here.held is None else sum(here.held.get(path, 0) for path in shim.sockets)
        known = [here.listed(observed) for observed in observations]
        listed = None if None in known else known.count(True)
        started = round(processes.started_at(shim.process), 3)
        children = here.children.get(shim.process.pid)
        rows.append(
            document_rows.shim_row(shim, observations, children, sentence[shim.process.pid], started, held, listed)
        )
    return rows


def _leftovers(here: Inventory, observed: HostObserved, deadline: Deadline) -> List[LeftoverRow]:
    """What is still there after a moment: bundles and shims on their way come and go."""
    found = leftovers.find(here)
    if not found or not deadline.sleep(_PAUSE):
        return found
    return leftovers.in_both(found, leftovers.find(inventory.observe(observed.daemon, observed.again(), deadline)))
