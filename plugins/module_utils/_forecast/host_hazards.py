# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hazards of a restart that are not about one bundle. Pure. Internal to the collection.

Source: recovery-spec section 7, 1.1 and 2.1. A hazard with an outcome overrules the forecast of every live task that
would otherwise be kept; one without only warns.
"""

from __future__ import annotations

import re
from typing import Iterator, List, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._forecast.configuration_hazards import of_configuration
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.hazard import Hazard
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.host_conditions import HostConditions
from ansible_collections.shimops.containerd.plugins.module_utils._host.dockerd import PROGRAM, LiveRestore
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import at_least
from ansible_collections.shimops.containerd.plugins.module_utils._host.unit import Unit

# Where every shim listens whatever the state directory is, up to 2.2 (recovery-spec 3).
_SOCKETS = "/run/containerd/s"
# Fewer threads than these are too few to be sure that containerd starts.
_THREADS = 32
# Services that stop without their containers.
_HARMLESS = ("kubelet.service",)
_DOCKER = ("moby", "plugins.moby")
# Programs that start containerd and stop without touching a container (recovery-spec 9).
_SUPERVISORS = ("k3s", "rke2", "k0s")
# What the unit of RKE2 runs: it ends containerd and kubelet, and no shim, whose command line begins with a path
# (rke2 bundle/lib/systemd/system/rke2-server.service).
_OF_RKE2 = re.compile(
    r"/bin/sh -c systemd-cgls /system\.slice/rke2-\w+\.service \| grep -Eo '\[0-9\]\+ \(containerd\|kubelet\)'"
    r" \| awk '\{print \$1\}' \| xargs -r kill"
)


def of_host(around: HostConditions, release_class: str, start_estimate: float) -> List[Hazard]:
    """Every hazard of a restart into a release of that class, those of the unit first."""
    found: List[Hazard] = []
    if around.unit:
        found += _of_unit(around.unit, around.state_dir, around.threads, start_estimate)
    found += list(_of_services(around))
    found += list(_of_files(around, release_class))
    if around.start:
        found += list(of_configuration(around.start, release_class))
    return found


def _of_unit(unit: Unit, state_dir: str, tasks: int, start_estimate: float) -> Iterator[Hazard]:
    """What the unit's loaded properties and its start time-out mean for a restart.

    :param tasks: the threads in the unit, where systemd does not count them.
    """
    if unit.kill_mode != "process":
        yield Hazard(
            "kill_mode",
            "killed",
            "KillMode={0}: systemd would not stop containerd alone".format(unit.kill_mode),
            "set KillMode=process in a drop-in of {0} and run systemctl daemon-reload".format(unit.name),
        )
    if unit.need_daemon_reload:
        yield Hazard(
            "unit_not_loaded",
            "unknown",
            "{0} was changed on disk and not loaded".format(unit.name),
            "run systemctl daemon-reload, then check again",
        )
    if unit.timeout_start is not None and start_estimate >= unit.timeout_start:
        yield Hazard(
            "start_timeout",
            "hangs",
            "loading would take {0:g} s, and systemd gives it {1:g} s".format(start_estimate, unit.timeout_start),
            "repair the shims that do not answer, or raise TimeoutStartSec",
        )
    lost = [one for one in unit.runtime_directories if _holds(one, state_dir) or _holds(one, _SOCKETS)]
    if lost and not unit.runtime_directories_kept:
        yield Hazard(
            "runtime_directory",
            # The shims lose their files and their sockets, and run on.
            "dropped",
            "RuntimeDirectory= of {0} has systemd remove {1} when containerd stops".format(unit.name, lost[0]),
            "set RuntimeDirectoryPreserve=yes in a drop-in and run systemctl daemon-reload",
        )
    unknown = [one for one in unit.stop_commands if not _OF_RKE2.fullmatch(one)]
    if unknown:
        yield Hazard(
            "stop_command",
            "unknown",
            "{0} runs {1} when containerd stops, and what that does to containers is not known".format(
                unit.name, unknown[0].split(" ")[0]
            ),
            "remove ExecStop and ExecStopPost for the restart, unless you know that they are harmless",
        )
    if unit.tasks_max is not None:
        yield _tasks_max(unit, unit.tasks_max, tasks)


def _tasks_max(unit: Unit, limit: int, tasks: int) -> Hazard:
    left = limit - (tasks if unit.tasks_current is None else unit.tasks_current)
    return Hazard(
        "tasks_max",
        "unknown" if left < _THREADS else None,
        "TasksMax={0} counts the threads of all shims: {1} are left".format(limit, max(0, left)),
        "set TasksMax=infinity in a drop-in and run systemctl daemon-reload",
    )


def _of_services(around: HostConditions) -> Iterator[Hazard]:
    """What is stopped instead of containerd, or together with it."""
    if around.supervisor == PROGRAM:
        yield from _of_docker(around.live_restore, "supervisor", "dockerd, which starts containerd, is restarted")
    elif around.supervisor and around.supervisor not in _SUPERVISORS:
        yield Hazard(
            "supervisor",
            "unknown",
            "{0} is restarted, not containerd, and what it does to containers is not known".format(around.supervisor),
            "have containerd's unit start it, or restart it yourself and verify it with state: verified",
        )
    for name in around.stops_with:
        if name == "docker.service":
            yield from _of_docker(around.live_restore, "stops_with", "docker.service is stopped with containerd")
        else:
            kept = name in _HARMLESS
            yield Hazard(
                "stops_with",
                None if kept else "unknown",
                "{0} is stopped with containerd{1}".format(name, "" if kept else ": what that does is not known"),
                "stop it yourself first, or remove its dependency on containerd",
            )


def _of_docker(found: Optional[LiveRestore], name: str, event: str) -> Iterator[Hazard]:
    """What a stop and a start of dockerd do to its containers."""
    now, after, settings = found or LiveRestore(None, None)
    outcome, reason = None, event
    if now is False:
        outcome, reason = "killed", "{0}, and stops its containers: live-restore is off".format(event)
    elif now is None:
        outcome, reason = "unknown", "{0}, and does not say whether live-restore is on".format(event)
    elif after is False:
        outcome = "killed"
        reason = "{0}, and stops its containers when it starts: live-restore is not in {1}".format(event, settings)
    elif after is None:
        outcome, reason = "unknown", "{0}, and {1} cannot be read".format(event, settings)
    yield Hazard(
        name,
        outcome,
        reason,
        'set "live-restore": true in {0}, then run systemctl reload docker: no restart is needed'.format(settings),
        _DOCKER,
    )


def _of_files(around: HostConditions, release_class: str) -> Iterator[Hazard]:
    """What containerd would not find, or could not write, when it starts."""
    for now, then in around.moved:
        yield Hazard(
            "directory_moved",
            "orphaned",
            "containerd uses {0}, but its configuration says {1}".format(now, then),
            "put the directory back into the configuration, or drain the host",
        )
    if around.metadata == "missing":
        yield Hazard(
            "metadata_missing",
            "orphaned",
            "the metadata of containerd (meta.db) is gone: it would not know any container",
            "do not restart it; save what runs, or restore the file",
        )
    elif around.metadata:
        yield Hazard(
            "metadata_damaged",
            "runtime_absent",
            "the metadata of containerd (meta.db) is not a database, so no runtime would be loaded",
            "do not restart it; save what runs, or restore the file",
        )
    if around.mounts == "damaged" and at_least(release_class, "V22"):
        yield Hazard(
            "mounts_damaged",
            "runtime_absent",
            "containerd's mounts.db is not a database, so no runtime would be loaded",
            "move the file away: containerd makes a new one",
        )
    if around.full:
        absent = at_least(release_class, "V22") and not around.mounts_db
        yield Hazard(
            "state_full",
            "runtime_absent" if absent else None,
            "the file system of the state directory has no room, or is read-only",
            "make room on it",
        )
    if around.without_runc:
        lost = not around.pids_asked and at_least(release_class, "V17") and not at_least(release_class, "V23b")
        yield Hazard(
            "runc_missing",
            "orphaned" if lost else None,
            "{0} shims, first that of {1}, do not find their OCI runtime, such as runc".format(
                len(around.without_runc), around.without_runc[0]
            ),
            "put it back where it was when the containers were started",
        )


def _holds(directory: str, path: str) -> bool:
    return (path + "/").startswith(directory + "/")
