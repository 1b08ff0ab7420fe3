# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shim search: the shim of a task whose bundle does not lead to it. Reads /proc and asks shims. Internal.

A container's init process is a child of its shim; the shim has its listening socket open, and its pod's sandbox may
name the same socket. What is found is only a place to ask: what the shim says there has to prove it.
"""

from __future__ import annotations

import os
import stat
from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bootstrap import Params, best, restore
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import Bundle
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint, resolve
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation, SearchResult
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes, shim_binary, unix_sockets
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._rescue.repairable import another, unproven
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import Answers, Question
from ansible_collections.shimops.containerd.plugins.module_utils._shim.ask import ask

_SHIM = "containerd-shim-"
# The flag of a socket that listens, in /proc/net/unix: __SO_ACCEPTCON of include/linux/net.h.
_LISTENS = 0x10000


class _Sockets(NamedTuple):
    """Who listens where: the path of each listening socket by its inode, and the inodes of a process."""

    paths: Dict[int, str]
    known: Dict[int, Tuple[str, ...]]

    def of(self, pid: int) -> Tuple[str, ...]:
        """The paths that a process listens on, in order; none when its descriptors cannot be read."""
        if pid not in self.known:
            try:
                inodes = unix_sockets.sockets_of(pid)
            except ShimError:
                inodes = frozenset()
            self.known[pid] = tuple(sorted(self.paths[inode] for inode in inodes if inode in self.paths))
        return self.known[pid]


def search(
    daemon: Daemon,
    observations: List[Observation],
    classes: Iterable[str],
    deadline: Deadline,
    shim_timeout: float,
    pids: bool = True,
) -> List[Observation]:
    """The same cases; those whose live task cannot be reached as each class would, with what was ``found`` of its shim.

    :param classes: the release classes that a forecast is made for.
    :param pids: whether shims may be asked for Pids; without, nothing is proven.
    """
    classes = list(classes)
    wanted = [observed for observed in observations if _is_lost(observed, classes, pids)]
    if not wanted:
        return observations
    sockets = _Sockets(_listening("/proc/net/unix"), {})
    sandboxes = {
        (observed.entry.namespace, observed.entry.id): observed.bundle for observed in observations if observed.bundle
    }
    shims = {observed.entry: _shim(observed.require_bundle().init) for observed in wanted}
    places = {observed.entry: _places(observed, shims[observed.entry], sockets, sandboxes) for observed in wanted}
    heard = ask(
        [
            ((observed.entry, place), Question(observed.entry.namespace, observed.entry.id, place))
            for observed in wanted
            for place in places[observed.entry]
            if place not in observed.answers
        ],
        deadline,
        shim_timeout,
        pids,
    )
    found = {}
    for observed in wanted:
        shim, answers = shims[observed.entry], dict(observed.answers)
        for place in places[observed.entry]:
            if place not in answers:
                answers[place] = heard[(observed.entry, place)]
        owned = tuple(place for place in places[observed.entry] if _owns(shim, place, answers[place], sockets))
        binary, problem = _binary(observed, shim, daemon)
        facts = shim_binary.facts(os.fsencode(binary), daemon) if binary else {}
        sentence = SearchResult(places[observed.entry], shim, owned, binary, problem, facts)
        found[observed.entry] = observed._replace(answers=answers, found=sentence)
    return [found.get(observed.entry, observed) for observed in observations]


def _shim(init: Optional[Process]) -> Optional[Process]:
    """The shim of an init process: its parent, if that is one; an init whose shim is dead has another parent."""
    parent = processes.parent(init) if init else None
    name = os.path.basename(processes.executable(parent.pid) or "") if parent else ""
    return parent if name.startswith(_SHIM) else None


def _owns(shim: Optional[Process], place: Endpoint, said: Answers, sockets: _Sockets) -> bool:
    """Whether who answers is that very shim, by its own word and by the kernel's."""
    return shim is not None and said.shim_pid == shim.pid and place.name in sockets.of(shim.pid)


def _is_lost(observed: Observation, classes: List[str], pids: bool) -> bool:
    """Whether a live task cannot be reached, or its runtime not be found, by what its bundle says.

    :param pids: whether shims were asked for Pids.
    """
    bundle = observed.bundle
    if bundle is None or bundle.init is None:
        return False
    if not observed.runtime_resolves or not (bundle.shim_binary_path.data or observed.has_record):
        return True
    doubt = unproven if pids else another
    for params in {restore(bundle, name) for name in classes}:
        place = resolve(params, observed.cwd) if isinstance(params, Params) else None
        said = observed.answers.get(place) if isinstance(place, Endpoint) else None
        wanted = "v{0}".format(min(params.version, 3)) if isinstance(params, Params) else None
        if said is None or doubt(said, bundle.init) or said.service != wanted:
            return True
    return False


def _places(
    observed: Observation, shim: Optional[Process], sockets: _Sockets, sandboxes: Dict[Tuple[str, str], Bundle]
) -> Tuple[Endpoint, ...]:
    """Where the task may be served: as its bundle says, on its shim's own sockets, where its sandbox is."""
    found, bundle = [place for place, said in observed.answers.items() if said.service], observed.require_bundle()
    for place in found:
        # The second socket, which a shim has where containerd logs at debug level, would keep us waiting.
        if unproven(observed.answers[place], bundle.init) is None and _owns(
            shim, place, observed.answers[place], sockets
        ):
            return (place,)
    if shim:
        found += [Endpoint("unix", path, "ttrpc") for path in sockets.of(shim.pid)]
    sandbox = sandboxes.get((observed.entry.namespace, _sandbox_id(bundle)))
    params = best(sandbox) if sandbox else None
    there = resolve(params, observed.cwd) if isinstance(params, Params) else None
    if isinstance(there, Endpoint):
        found.append(there)
    return tuple(dict.fromkeys(found))


def _sandbox_id(bundle: Bundle) -> str:
    return bundle.sandbox or (bundle.pod and bundle.pod.sandbox_id) or bundle.group


def _listening(table: str) -> Dict[int, str]:
    """The path of each listening unix socket of this network namespace by its inode, from /proc/net/unix."""
    found = {}
    with open(table, "rb") as handle:
        for line in handle.read().split(b"\n")[1:]:
            # Num RefCount Protocol Flags Type St Inode Path; a path may hold blanks.
            fields = line.split(None, 7)
            if len(fields) == 8 and int(fields[3], 16) & _LISTENS and fields[7].startswith(b"/"):
                found[int(fields[6])] = os.fsdecode(fields[7])
    return found


def _binary(observed: Observation, shim: Optional[Process], daemon: Daemon) -> Tuple[Optional[str], Optional[str]]:
    """A shim binary that is proven to be of the task's runtime, or why there is none.

    The very file that the shim runs is. Once that is removed, one of the same name is, where containerd itself would
    look for it (resolveRuntimePath, recovery-spec 1.3 step 6), if the bundle asks for that name too.
    """
    running = processes.executable(shim.pid) if shim else None
    if shim is None or running is None:
        return None, "no shim runs from which the right one could be determined"
    name = os.path.basename(running)
    if not processes.executable_gone(shim.pid):
        return (running, None) if _is_safe(running) else (None, "the {0} it runs can be changed by others".format(name))
    asked = _asked_for(observed)
    if asked != name:
        return None, "its shim runs {0}, and it asks for {1}".format(name, asked or "nothing")
    for path in (running, shim_binary.find_named(name, daemon).path):
        if path and _is_safe(path):
            return path, None
    return None, "there is no {0} that root alone can change where containerd looks".format(name)


def _asked_for(observed: Observation) -> Optional[str]:
    """The name of the binary that the bundle, or else its container record, names: by path or by runtime name."""
    wanted = (observed.require_bundle().shim_binary_path.text() or observed.runtime or "").strip()
    return os.path.basename(wanted) if "/" in wanted else shim_binary.binary_name(wanted)


def _is_safe(path: str) -> bool:
    """Whether it is a program that only root can change; containerd will run it as root."""
    try:
        status = os.stat(path)
    except OSError:
        return False
    if not stat.S_ISREG(status.st_mode) or not os.access(path, os.X_OK):
        return False
    return status.st_uid == 0 and not status.st_mode & 0o022
