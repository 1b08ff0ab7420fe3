# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Audit: one host as one document, for rules and reports on the controller. Internal to the collection.

Nothing is changed. Shims are asked Connect and State, and Pids only when that was asked for; containerd for its tasks.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline, wall_clock
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import (
    daemon_shims,
    host_document,
    leftovers,
    modes,
    processes,
    report,
    scene,
)
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.case import Case
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.look import Outlook
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.scene import Scene

#: Rows that one list of a document may have.
LONGEST = 5000
#: Seconds between the two looks that tell what is left over from what is on its way.
_PAUSE = 1.0


class Looked(NamedTuple):
    """What shim_probe found before: ``views`` has the forecast for each target, ``rollback`` as it returns it.

    ``again`` looks a second time and asks no shim.
    """

    daemon: Daemon
    cases: List[Case]
    views: List[Outlook]
    rollback: Dict[str, Any]
    pids: bool
    again: Callable[[], List[Case]]


def document(looked: Looked, deadline: Deadline) -> Dict[str, Any]:
    """The host document, as docs/host-document.schema.json describes it; the controller adds the host's name."""
    here = scene.observe(looked.daemon, looked.cases, deadline)
    targets = [report.target(view) for view in looked.views]
    lists: Dict[str, Optional[List[Dict[str, Any]]]] = {
        "bundles": _bundles(here, looked.views[0]),
        "shims": _shims(here, deadline),
        "leftovers": _leftovers(here, looked, deadline),
        "modes": modes.find(here),
    }
    counts = {name: len(rows or ()) for name, rows in lists.items()}
    counts["tasks"] = sum(1 for case in looked.cases if case.live)
    left_out = host_document.cut(lists, LONGEST)
    return dict(
        lists,
        schema=host_document.SCHEMA,
        kind="host",
        host=None,
        run_id=None,
        at=round(wall_clock(), 3),
        layout=looked.daemon.layout,
        asked={"connect": True, "state": True, "pids": looked.pids},
        daemon=_daemon(looked.daemon),
        unit=host_document.unit_part(looked.daemon.unit),
        forecast=targets[0],
        targets=targets,
        hazards=[hazard.told() for hazard in looked.views[0].hazards],
        rollback=dict(looked.rollback, containers=list(looked.rollback["containers"])),
        counts=counts,
        truncated=left_out,
        elapsed=round(deadline.elapsed(), 3),
    )


def _daemon(daemon: Daemon) -> Dict[str, Any]:
    process = daemon.process
    code = daemon_shims.code_of(process.pid) if process else None
    behind = None if code is None else code != "current" or _starts_another(daemon)
    started = round(processes.started_at(process), 3) if process else None
    return host_document.daemon_part(daemon, code, behind, started)


def _starts_another(daemon: Daemon) -> bool:
    """Whether the unit would start another file than the one that runs; k3s and its like start themselves."""
    path = daemon.unit.exec_start if daemon.unit else None
    if daemon.process is None or not path or os.path.basename(path) != "containerd":
        return False
    try:
        return not os.path.samefile(path, "/proc/{0}/exe".format(daemon.process.pid))
    except OSError:
        return True


def _bundles(here: Scene, view: Outlook) -> List[Dict[str, Any]]:
    of_host, rows = {hazard.id for hazard in view.hazards}, []
    for case, one in view.forecasts:
        if case.bundle:
            found = (one.rule in of_host, here.daemon, here.shim_of(case), here.listed(case))
            rows.append(host_document.bundle_row(case, one, *found))
    return rows


def _shims(here: Scene, deadline: Deadline) -> List[Dict[str, Any]]:
    told, served, rows = daemon_shims.versions(here.shims, deadline), here.served(), []
    for shim in here.shims:
        cases = served[shim.process.pid]
        held = None if here.held is None else sum(here.held.get(path, 0) for path in shim.sockets)
        known = [here.listed(case) for case in cases]
        listed = None if None in known else known.count(True)
        started = round(processes.started_at(shim.process), 3)
        children = here.children.get(shim.process.pid)
        rows.append(host_document.shim_row(shim, cases, children, told[shim.process.pid], started, held, listed))
    return rows


def _leftovers(here: Scene, looked: Looked, deadline: Deadline) -> List[Dict[str, Any]]:
    """What is still there after a moment: bundles and shims on their way come and go."""
    found = leftovers.find(here)
    if not found or not deadline.sleep(_PAUSE):
        return found
    return leftovers.in_both(found, leftovers.find(scene.observe(looked.daemon, looked.again(), deadline)))
