# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Order: the steps of staging, from the judged path to the result of the module. Internal to the collection."""

from __future__ import annotations

from typing import Any, Dict, Optional

from ansible_collections.shimops.containerd.plugins.module_utils import _stop_file
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.upgrade_paths import UpgradePath, judge
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import upstream
from ansible_collections.shimops.containerd.plugins.module_utils._packages import policy, version
from ansible_collections.shimops.containerd.plugins.module_utils._packages.stage import Stage, Stager


def stage(options: Dict[str, Any], here: Daemon, check_mode: bool, deadline: Deadline) -> Dict[str, Any]:
    """Judge the path, then stage. Gives the module's result; raises ShimError."""
    wanted = version.pinned(options["version"])
    release = version.release_of(wanted)
    path = judge(here.running, here.installed, release or wanted)
    if not path.allowed:
        return dict(_result(here, release or wanted, path), refused=True, failure=path.refusal)
    if check_mode:
        return dict(_result(here, release, path), changed=True, msg="containerd {0} would be staged".format(wanted))
    _stop_file.require_absent()
    repaired = policy.put_back()
    done = Stager(options, here, wanted, deadline).run()
    result = dict(_result(here, release, path, done), repaired=repaired)
    if options["require_rollback"] and not done.back and not result["current"]:
        raise ShimError(
            "package", "the rollback", "cannot be staged ({0})".format(done.back_reason.rstrip(".")), _BRING
        )
    return result


_BRING = "bring the package of the release that runs, too, or do without require_rollback"


def _result(here: Daemon, release: str, path: UpgradePath, done: Optional[Stage] = None) -> Dict[str, Any]:
    result = {
        "changed": bool(done and done.changed),
        "refused": False,
        "current": False,
        "staged": "",
        "upgrade_path": {"id": path.id, "backward": path.backward, "notes": list(path.notes)},
        "release": {"running": here.running, "installed": here.installed, "target": release},
        "package": {},
        "config": {},
        "rollback": {"path": "", "version": "", "reason": ""},
        "repaired": [],
        "msg": "",
    }
    if done is None:
        return result
    plan, back = done.plan, done.back
    result.update(
        current=_current(here, done),
        staged=plan.directory,
        package={
            "kind": plan.kind,
            "name": plan.package,
            "version": plan.version,
            "files": list(plan.files),
            "changes": [one._asdict() for one in done.changes],
        },
        config={
            "path": done.configuration.path,
            "differs": done.configuration.after is not None,
            "applied": plan.config is not None,
        },
        rollback={
            "path": back.directory if back else "",
            "version": back.version if back else "",
            "reason": done.back_reason,
        },
        diff=[done.configuration.diff()] if done.configuration.after else [],
    )
    result["msg"] = ("{0} is in memory and on the disk already" if result["current"] else "{0} is staged").format(
        plan.version
    )
    return result


def _current(here: Daemon, done: Stage) -> bool:
    """The wanted package is on the disk, and the running process was started from what is there."""
    if here.process is None or done.plan.kind != "nothing" or upstream(here.running or "") != done.plan.release:
        return False
    return processes.executable_gone(here.process.pid) is False and done.plan.config is None
