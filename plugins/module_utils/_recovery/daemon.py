# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Daemon: which containerd runs here, from what, and what its restart would load with. Internal to the collection."""

from __future__ import annotations

import os
from typing import List, NamedTuple, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import (
    command,
    configuration,
    processes,
    releases,
)
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import (
    unit as systemd,
)
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.configuration import Configuration
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.ctr import Ctr
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.layouts import LAYOUTS, Layout, named_by
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.scan import TASK_DIRECTORY
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.unit import Unit
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.unix_sockets import peer_pid


class Daemon(NamedTuple):
    """One containerd of a host, running or not. ``load_timeout`` in seconds.

    Its directories are those it uses now; ``configured`` is what its next start would read.
    """

    layout: str
    unit_name: str
    unit: Optional[Unit]
    state_dir: str
    root_dir: str
    address: str
    process: Optional[Process]
    executable: Optional[str]
    running: Optional[str]
    installed: Optional[str]
    load_timeout: float
    configured: Optional[Configuration] = None

    def ctr(self) -> Ctr:
        """The client that belongs to this daemon."""
        return Ctr(self.executable or "/usr/bin/containerd", self.address)


class _Place(NamedTuple):
    """Where a containerd keeps its things; ``settings`` are those of its process, where they were asked for."""

    name: str
    layout: Layout
    settings: Optional[Configuration] = None


def find(options: dict, deadline: Deadline) -> List[Daemon]:
    """Every containerd that the options can mean, running ones first.

    :param options: ``layout``, ``state_dir``, ``root_dir``, ``address`` and ``unit`` of the module.
    Raises ShimError when there is none.
    """
    explicit = {name: options[name] for name in ("state_dir", "root_dir", "address") if options.get(name)}
    if options["layout"] != "auto":
        places = [_Place(options["layout"], LAYOUTS[options["layout"]]._replace(**explicit))]
    elif "state_dir" in explicit:
        named = _Place("containerd", LAYOUTS["containerd"]._replace(**explicit))
        places = [place for place in _on_this_host(deadline) if _fits(place.layout, explicit)] or [named]
    else:
        places = [place._replace(layout=place.layout._replace(**explicit)) for place in _on_this_host(deadline)]
        places = places or _only_installed(deadline)
    if not places:
        raise ShimError(
            "daemon",
            "containerd",
            "was not found on this host",
            "install it, or name its layout, or its state_dir and address",
        )
    return [_observe(place, options.get("unit"), deadline) for place in places]


def only(daemons: List[Daemon]) -> Daemon:
    """The one daemon that is meant; raises ShimError when there are two or more."""
    if len(daemons) > 1:
        raise ShimError(
            "daemon",
            "layout auto",
            "fits {0} containerd daemons (state {1})".format(
                len(daemons), " and ".join(daemon.state_dir for daemon in daemons)
            ),
            "name the one you mean with state_dir and address, or with layout",
        )
    return daemons[0]


def _fits(place: Layout, explicit: dict) -> bool:
    return all(getattr(place, name) == value for name, value in explicit.items())


def _on_this_host(deadline: Deadline) -> List[_Place]:
    """Every containerd process in our namespaces, then the state directories that none of them uses."""
    found, ours = {}, processes.namespaces("self")
    for pid in processes.named("containerd"):
        path = processes.executable(pid)
        if not path or os.path.basename(path) != "containerd" or processes.namespaces(pid) != ours:
            continue
        settings = configuration.effective("/proc/{0}/exe".format(pid), processes.arguments(pid)[1:], deadline)
        used = _in_use(pid, settings)
        if used.state_dir and used.state_dir not in found:
            name = named_by(used.state_dir, used.root_dir)
            layout = Layout(_units(name, pid), used.state_dir, used.root_dir, used.address)
            found[used.state_dir] = _Place(name, layout, settings)
    for name, layout in LAYOUTS.items():
        if layout.state_dir not in found and os.path.isdir(os.path.join(layout.state_dir, TASK_DIRECTORY)):
            found[layout.state_dir] = _Place(name, layout)
    return list(found.values())


def _in_use(pid: int, settings: Configuration) -> Configuration:
    """The settings with the directories that a process has files open in: its configuration may have changed since."""
    state_dir, root_dir = settings.state_dir, settings.root_dir
    for path in processes.open_files(pid):
        above, found, below = path.partition("/" + TASK_DIRECTORY + "/")
        if found and below.endswith("/log"):
            state_dir = _same_or(state_dir, above)
        above, found, _below = path.partition("/io.containerd.metadata.v1.bolt/meta.db")
        if found:
            root_dir = _same_or(root_dir, above)
    return settings._replace(state_dir=state_dir, root_dir=root_dir)


def _same_or(named: Optional[str], real: str) -> str:
    """The name that is known for a directory, when it is one of it."""
    return named if named and os.path.realpath(named) == real else real


def _units(name: str, pid: int):
    """The units of a layout that a process really belongs to, or all of them when it is in none."""
    return tuple(unit for unit in LAYOUTS[name].units if processes.in_unit(pid, unit)) or LAYOUTS[name].units


def _only_installed(deadline: Deadline) -> List[_Place]:
    return [
        _Place(name, layout)
        for name, layout in LAYOUTS.items()
        if name != "docker" and any(systemd.look_up(unit, deadline) for unit in layout.units)
    ]


def _observe(place: _Place, unit_name: Optional[str], deadline: Deadline) -> Daemon:
    name, layout, settings = place
    names = (unit_name,) if unit_name else layout.units
    found = [unit for unit in (systemd.look_up(one, deadline) for one in names) if unit]
    unit = found[0] if found else None
    process = _serving(layout.address, deadline)
    path = unit.exec_start if unit else None
    arguments = unit.arguments if unit else []
    running = installed = None
    if process:
        path = processes.executable(process.pid)
        arguments = processes.arguments(process.pid)[1:]
        running = installed = _version("/proc/{0}/exe".format(process.pid), deadline)
    if path and not (process and _same_file(path, process.pid)):
        installed = _version(path, deadline)
    # The next start has the arguments of the unit, which may have changed since this one.
    changed = unit and process and unit.main_pid == process.pid and unit.arguments != arguments
    if path and (changed or not settings):
        settings = configuration.effective(path, unit.arguments if changed else arguments, deadline)
    return Daemon(
        layout=name,
        unit_name=unit.name if unit else names[0],
        unit=unit,
        state_dir=layout.state_dir,
        root_dir=layout.root_dir,
        address=layout.address,
        process=process,
        executable=path,
        running=running,
        installed=installed,
        load_timeout=settings.load_timeout if settings else configuration.DEFAULT_LOAD_TIMEOUT,
        configured=settings,
    )


def _same_file(path: str, pid: int) -> bool:
    """Whether a process still runs what is on disk at that path."""
    try:
        return os.path.samefile(path, "/proc/{0}/exe".format(pid))
    except OSError:
        return False


def _serving(address: str, deadline: Deadline) -> Optional[Process]:
    """The process that serves containerd's socket; None when nobody does."""
    try:
        return processes.look_up(peer_pid(address, deadline.within(5))[0])
    except ShimError:
        return None


def _version(path: str, deadline: Deadline) -> Optional[str]:
    """The third word of ``containerd --version``."""
    words = command.run([path, "--version"], deadline).stdout.split()
    return releases.plain(words[2]) if len(words) > 2 else None
