# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Daemon: which containerd runs here, from what, and what its restart would load with. Internal to the collection."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import (
    command,
    configuration,
    daemon_paths,
    processes,
    releases,
)
from ansible_collections.shimops.containerd.plugins.module_utils._host import unit as systemd
from ansible_collections.shimops.containerd.plugins.module_utils._host.configuration import Configuration
from ansible_collections.shimops.containerd.plugins.module_utils._host.ctr import Ctr
from ansible_collections.shimops.containerd.plugins.module_utils._host.layouts import (
    BUNDLED,
    LAYOUTS,
    PROGRAMS,
    TASK_DIRECTORY,
    Layout,
    named_by,
)
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._host.unit import Unit
from ansible_collections.shimops.containerd.plugins.module_utils._host.unix_sockets import peer

# Seconds for a program that has only to say its version.
_PATIENCE = 5.0
# The longest tick of a kernel (CONFIG_HZ=100).
_TICK = 0.01
# What programs have said of their release, by device, inode and change time.
_VERSIONS: Dict[Tuple[int, int, int], str] = {}


class Daemon(NamedTuple):
    """One containerd of a host, running or not.

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
    configured: Configuration = configuration.USUAL

    @property
    def load_timeout(self) -> float:
        """containerd's time-out for one shim, in seconds; its default where the configuration is not known."""
        return self.configured.load_timeout

    @property
    def supervised(self) -> bool:
        """Whether another program than containerd is what its unit started, such as dockerd or k3s."""
        main = self.unit.main_pid if self.unit else None
        return main is not None and self.process is not None and main != self.process.pid

    @property
    def serving_since(self) -> Optional[float]:
        """When its socket was made, in seconds since the epoch; None when there is none.

        The file has that time by a clock of the kernel's that is at most one tick late.
        """
        try:
            return os.stat(self.address).st_mtime + _TICK
        except OSError:
            return None

    def ctr(self) -> Ctr:
        """The client that belongs to this daemon.

        It lies next to containerd's program, or to the one that its unit starts, or is a part of that (k0s cmd/ctr), or
        lies on containerd's PATH, or on root's.
        """
        programs = [self.executable, self.unit.exec_start if self.unit else None]
        found = [[os.path.join(os.path.dirname(one), "ctr")] for one in programs if one]
        found += [[one, "ctr"] for one in programs if one and os.path.basename(one) == "k0s"]
        path = processes.search_path(self.process.pid) if self.process else None
        homes = [one for one in (path or "").split(":") + command.SAFE_PATH.split(":") if os.path.isabs(one)]
        found += [[os.path.join(one, "ctr")] for one in homes]
        return Ctr(next((one for one in found if os.access(one[0], os.X_OK)), found[0]), self.address)


class _Start(NamedTuple):
    """The program and the arguments of the next start."""

    program: str
    arguments: List[str]


class _Place(NamedTuple):
    """Where a containerd keeps its things."""

    name: str
    layout: Layout


def find(options: Dict[str, Any], deadline: Deadline) -> List[Daemon]:
    """Every containerd that the options can mean, running ones first.

    :param options: ``layout``, ``state_dir``, ``root_dir``, ``address`` and ``unit`` of the module.
    Raises ShimError when there is none.
    """
    explicit = {name: options[name] for name in ("state_dir", "root_dir", "address") if options.get(name)}
    if options["layout"] != "auto":
        places = [_Place(options["layout"], LAYOUTS[options["layout"]]._replace(**explicit))]
        _require_there(places[0], options.get("unit"), deadline)
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
            "install it, or set layout, or state_dir and address",
        )
    return [_observe(place, options.get("unit"), deadline) for place in places]


def _require_there(place: _Place, unit: Optional[str], deadline: Deadline) -> None:
    """A layout that was named has a unit here, or has left files."""
    layout = place.layout
    units = (unit,) if unit else layout.units
    if os.path.isdir(layout.state_dir) or any(systemd.look_up(one, deadline) for one in units):
        return
    raise ShimError(
        "daemon",
        "layout {0}".format(place.name),
        "is not on this host, which has neither {0} nor {1}".format(" nor ".join(units), layout.state_dir),
        "set the layout that is, or auto",
    )


def only(daemons: List[Daemon]) -> Daemon:
    """The one daemon that is meant; raises ShimError when there are two or more."""
    if len(daemons) > 1:
        raise ShimError(
            "daemon",
            "layout auto",
            "matches {0} containerd daemons ({1})".format(
                len(daemons), ", ".join(daemon.state_dir for daemon in daemons)
            ),
            "set layout, or state_dir and address",
        )
    return daemons[0]


def _fits(place: Layout, explicit: Dict[str, Any]) -> bool:
    return all(os.path.realpath(getattr(place, name)) == os.path.realpath(value) for name, value in explicit.items())


def _on_this_host(deadline: Deadline) -> List[_Place]:
    """Every containerd process with our files, then the state directories that none of them uses.

    Raises ShimError when a process runs and nothing says where it keeps its things.
    """
    found: Dict[str, _Place] = {}
    elsewhere: List[Tuple[int, Iterable[str]]] = []
    for pid in _processes():
        used = daemon_paths.places(pid, partial(_asked, pid, deadline))
        if not (used.state_dir and used.root_dir and used.address):
            if not daemon_paths.listens_on(pid):
                # It has only just been started.
                continue
            missing = [name for name, value in zip(used._fields, used) if not value]
            raise ShimError(
                "daemon",
                "containerd (pid {0})".format(pid),
                "does not show its {0}, and neither does its configuration".format(" and ".join(missing)),
                "name them with state_dir, root_dir and address",
            )
        paths = (used.state_dir, used.root_dir, used.address)
        if processes.another_path(pid, paths):
            # It may run in a container that has the host's processes and network.
            elsewhere.append((pid, paths))
            continue
        if used.state_dir not in found:
            name = named_by(used.state_dir, used.root_dir)
            found[used.state_dir] = _Place(name, Layout(_units(name, pid), used.state_dir, used.root_dir, used.address))
    running = bool(found)
    for name, layout in LAYOUTS.items():
        tasks = os.path.join(layout.state_dir, TASK_DIRECTORY)
        # One that is left by another way of installing containerd says nothing as long as it is empty.
        if layout.state_dir not in found and (_has_entries(tasks) if running else os.path.isdir(tasks)):
            found[layout.state_dir] = _Place(name, layout)
    if not found:
        for place in elsewhere:
            require_same_paths(*place)
    return list(found.values())


def _has_entries(tasks: str) -> bool:
    """Whether a directory of bundles has any."""
    try:
        return any(os.listdir(os.path.join(tasks, name)) for name in os.listdir(tasks))
    except OSError:
        return False


def require_same_paths(pid: int, paths: Iterable[str]) -> None:
    """Paths have to mean the same to us and to the containerd of that pid; raises ShimError where one does not.

    A mount namespace of its own, as PrivateTmp= gives it, is fine where they lead to the same files.
    """
    path = processes.another_path(pid, paths)
    if path:
        raise ShimError(
            "daemon",
            "containerd (pid {0})".format(pid),
            "has another {0} than this module, in a mount namespace of its own".format(path),
            "run the task where containerd's files are, or give its unit the host's {0}".format(path),
        )


def _processes() -> List[int]:
    """The pids of the containerd daemons in our pid and network namespaces."""
    return [
        pid
        for pid in processes.running(PROGRAMS)
        # The program of k3s is all of its parts.
        if processes.command_name(pid).startswith("containerd") and processes.shares_namespaces(pid)
    ]


def _asked(pid: int, deadline: Deadline) -> Configuration:
    """What the very program that runs makes of its configuration now."""
    return configuration.effective("/proc/{0}/exe".format(pid), processes.arguments(pid)[1:], deadline)


def _units(name: str, pid: int) -> Tuple[str, ...]:
    """The units of a layout that a process really belongs to, or all of them when it is in none."""
    return tuple(unit for unit in LAYOUTS[name].units if processes.in_unit(pid, unit)) or LAYOUTS[name].units


def _only_installed(deadline: Deadline) -> List[_Place]:
    return [
        _Place(name, layout)
        for name, layout in LAYOUTS.items()
        if name != "docker" and any(systemd.look_up(unit, deadline) for unit in layout.units)
    ]


def _observe(place: _Place, unit_name: Optional[str], deadline: Deadline) -> Daemon:
    name, layout = place
    process = _serving(layout.address, deadline)
    own = processes.unit_of(process.pid) if process else None
    names = (unit_name,) if unit_name else tuple(dict.fromkeys(filter(None, (own, *layout.units))))
    found = [unit for unit in (systemd.look_up(one, deadline) for one in names) if unit]
    unit = found[0] if found else None
    start = _next_start(unit, process)
    with command.aside() as aside:
        asked = aside.submit(_version, "/proc/{0}/exe".format(process.pid), deadline) if process else None
        configured = configuration.effective(start.program, start.arguments, deadline) if start else configuration.USUAL
    now = installed = asked.result() if asked else None
    if start and not (process and _same_file(start.program, process.pid)):
        installed = _version(start.program, deadline)
    daemon = Daemon(
        layout=name,
        unit_name=unit.name if unit else names[0],
        unit=unit,
        state_dir=layout.state_dir,
        root_dir=layout.root_dir,
        address=layout.address,
        process=process,
        executable=processes.executable(process.pid) if process else start.program if start else None,
        running=now,
        installed=installed,
        configured=configured,
    )
    if name in BUNDLED and daemon.supervised and unit and _replaced(unit):
        # Which containerd is in the new program, nobody can say before it runs.
        return daemon._replace(installed=None)
    return daemon


def _next_start(unit: Optional[Unit], process: Optional[Process]) -> Optional[_Start]:
    """What would be started next: what the unit names, else what runs; None when neither is containerd.

    The unit of a supervisor such as dockerd names another program, and what a shell makes of a variable is not known.
    """
    own = unit is not None and (process is None or unit.main_pid == process.pid)
    if unit and own and unit.exec_start and os.path.basename(unit.exec_start) == "containerd":
        if not any("$" in argument for argument in unit.arguments):
            return _Start(unit.exec_start, unit.arguments)
        if process is None:
            return _Start(unit.exec_start, [])
        return _Start(unit.exec_start, processes.arguments(process.pid)[1:])
    path = processes.executable(process.pid) if process else None
    return _Start(path, processes.arguments(process.pid)[1:]) if process and path else None


def _replaced(unit: Unit) -> bool:
    """Whether the program of a unit was replaced since its process was started."""
    main = processes.look_up(unit.main_pid)
    try:
        return main is not None and os.stat(unit.exec_start or "").st_ctime > processes.started_at(main) + 1
    except OSError:
        return True


def _same_file(path: str, pid: int) -> bool:
    """Whether a process still runs what is on disk at that path."""
    try:
        return os.path.samefile(path, "/proc/{0}/exe".format(pid))
    except OSError:
        return False


def _serving(address: str, deadline: Deadline) -> Optional[Process]:
    """The process that serves containerd's socket; None when no process does."""
    try:
        return processes.look_up(peer(address, deadline.within(5)).pid)
    except ShimError:
        return None


def still_serves(daemon: Daemon) -> bool:
    """Whether the process that was found still serves containerd's socket."""
    return daemon.process is not None and _serving(daemon.address, Deadline(5)) == daemon.process


def _version(path: str, deadline: Deadline) -> Optional[str]:
    """The release of the containerd at that path; a file that is the same as before is not run again."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    key = (status.st_dev, status.st_ino, status.st_ctime_ns)
    if key not in _VERSIONS:
        found = _asked_version(path, deadline)
        if found:
            _VERSIONS[key] = found
    return _VERSIONS.get(key)


def _asked_version(path: str, deadline: Deadline) -> Optional[str]:
    """The third word of ``containerd --version``."""
    words = command.containerd(path, ["--version"], deadline.within(_PATIENCE)).stdout.split()
    return releases.upstream(words[2]) if len(words) > 2 else None
