# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Preflight: what has to be true of a host before anything on it is restarted. Internal to the collection."""

from __future__ import annotations

from typing import Any, Container, Dict

from ansible_collections.shimops.containerd.plugins.module_utils._errors import HostRefused, ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes, unix_sockets
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon, require_same_paths
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process


def require_whole_host(options: Dict[str, Any], what: str = "a restart") -> None:
    """It concerns every task of the host, so none may be left out."""
    for name in ("namespaces", "ids"):
        if options.get(name):
            raise ShimError(
                "options", name, "cannot narrow {0}, which concerns every task".format(what), "leave it out"
            )


def require_running(daemon: Daemon) -> Process:
    """There has to be a containerd that answers, or nothing can be compared; gives its process."""
    if daemon.process is None:
        raise HostRefused(
            "daemon",
            "containerd",
            "does not answer on {0}".format(daemon.address),
            "start it with: systemctl start {0}".format(daemon.unit_name),
        )
    return daemon.process


def require_same_places(daemon: Daemon) -> None:
    """Pids, sockets and paths have to mean the same to us and to containerd."""
    pid = require_running(daemon).pid
    theirs, ours = processes.namespaces(pid), processes.namespaces("self")
    different = [kind for kind in ("net", "pid") if ours[kind] != theirs[kind]]
    if different:
        raise ShimError(
            "daemon",
            "containerd",
            "runs in another {0} namespace than this module".format(" and ".join(different)),
            "run the task on the host itself, not in a container",
        )
    require_same_paths(pid, ("/", daemon.state_dir, daemon.root_dir, daemon.address))


def require_unit(daemon: Daemon) -> None:
    """The unit that would be restarted has to be the one containerd runs in."""
    if daemon.unit is None:
        raise ShimError("daemon", "unit " + daemon.unit_name, "is not known to systemd", "name containerd's with unit")
    process = require_running(daemon)
    if not processes.in_unit(process.pid, daemon.unit_name):
        raise ShimError(
            "daemon",
            "unit " + daemon.unit_name,
            "is not the one containerd (pid {0}) runs in".format(process.pid),
            "name containerd's with unit",
        )


def require_witnesses(daemon: Daemon, witnesses: Container[str], listed: bool) -> None:
    """Each witness is heard once before anything is restarted, not after; the shims were asked by the forecast.

    :param listed: whether containerd gave its task list for the forecast.
    """
    if "kernel" in witnesses:
        try:
            unix_sockets.snapshot()
        except ShimError as error:
            raise ShimError(
                "kernel", "unix_diag", error.problem, "run modprobe unix_diag, or leave kernel out of witnesses"
            ) from error
    if "containerd" in witnesses and not listed:
        raise ShimError(
            "daemon",
            " ".join(daemon.ctr().program),
            "gave no task list of {0}".format(daemon.address),
            "put containerd's own ctr there or on root's PATH, and see that it answers: ctr tasks list",
        )
