# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scene: what an audit compares on one host, each from a witness of its own. Internal to the collection.

The bundles and their shims' answers, the shim processes, the kernel's sockets, containerd's own list of tasks.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bootstrap import Params, best
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint, resolve
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes, shim_processes, unix_sockets
from ansible_collections.shimops.containerd.plugins.module_utils._host.ctr import Task
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.shim_processes import ShimProcess

Key = Tuple[str, str]


class Inventory(NamedTuple):
    """One moment of a host.

    ``sockets`` is None when the kernel does not list them. ``tasks`` has containerd's list per namespace, None where
    it did not answer. ``held`` says how many connections containerd has to each path, None when unknown.
    ``children`` has the living children of each shim that serves no bundle.
    """

    daemon: Daemon
    observations: List[Observation]
    shims: List[ShimProcess]
    sockets: Optional[unix_sockets.UnixSockets]
    tasks: Dict[str, Optional[Dict[str, Task]]]
    held: Optional[Dict[str, int]]
    children: Dict[int, List[int]]
    serving: Dict[Key, ShimProcess]

    def shim_of(self, observed: Observation) -> Optional[ShimProcess]:
        """The process that serves a bundle."""
        return self.serving.get((observed.entry.namespace, observed.entry.id))

    def served(self) -> Dict[int, List[Observation]]:
        """The bundles of each shim, by its pid."""
        found: Dict[int, List[Observation]] = {shim.process.pid: [] for shim in self.shims}
        for observed in self.observations:
            shim = self.shim_of(observed)
            if shim:
                found[shim.process.pid].append(observed)
        return found

    def listed(self, observed: Observation) -> Optional[bool]:
        """Whether containerd has the task in its list; None when it did not say."""
        rows = self.tasks.get(observed.entry.namespace)
        return None if rows is None else observed.entry.id in rows


def observe(daemon: Daemon, observations: List[Observation], deadline: Deadline) -> Inventory:
    """Hear the kernel, the process table and containerd on what stands in the cases."""
    try:
        sockets = unix_sockets.snapshot()
    except ShimError:
        sockets = None
    shims = shim_processes.find(daemon, sockets, {path for path in map(endpoint_of, observations) if path})
    names = {observed.entry.namespace for observed in observations if observed.bundle or observed.listed} | {
        shim.namespace for shim in shims
    }
    tasks: Dict[str, Optional[Dict[str, Task]]] = dict.fromkeys(name for name in names if name)
    if daemon.process:
        tasks = {name: daemon.ctr().tasks(name, deadline.within(15)) for name in sorted(tasks)}
    held = None
    if sockets and daemon.process:
        held = sockets.connections_of(unix_sockets.sockets_of(daemon.process.pid))
    inventory = Inventory(daemon, observations, shims, sockets, tasks, held, {}, _serving(observations, shims))
    idle: Set[int] = {pid for pid, found in inventory.served().items() if not found}
    return inventory._replace(children=processes.children_of(idle))


def _serving(observations: List[Observation], shims: List[ShimProcess]) -> Dict[Key, ShimProcess]:
    """Which shim serves which bundle: by its own word, by the socket the bundle names, by its command line.

    A task without a bundle is the child of its shim.
    """
    by_pid = {shim.process.pid: shim for shim in shims}
    by_path = {path: shim for shim in shims for path in shim.sockets}
    by_name = {(shim.namespace, shim.id): shim for shim in shims}
    found = {}
    for observed in observations:
        if observed.bundle:
            said = observed.best_answers
            shim = by_pid.get(said.shim_pid) if said and said.shim_pid else None
            path = endpoint_of(observed)
            shim = shim or (by_path.get(path) if path else None)
            shim = shim or by_name.get((observed.bundle.namespace, observed.bundle.group))
            if shim:
                found[(observed.entry.namespace, observed.entry.id)] = shim
        elif observed.listed:
            init = processes.look_up(observed.listed.pid)
            parent = processes.parent(init) if init else None
            if parent and parent.pid in by_pid:
                found[(observed.entry.namespace, observed.entry.id)] = by_pid[parent.pid]
    return found


def endpoint_of(observed: Observation) -> Optional[str]:
    """The socket path that a bundle names, whatever release reads it; None when it names none."""
    params = best(observed.bundle) if observed.bundle else None
    place = resolve(params) if isinstance(params, Params) else None
    return place.name if isinstance(place, Endpoint) and place.kind == "unix" else None
