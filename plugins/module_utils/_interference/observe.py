# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observe: what on this host could restart containerd. Reads only. Internal to the collection."""

from __future__ import annotations

import fcntl
import os
import re
import stat
import struct
from typing import Dict, List, Optional, Sequence, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import command, dockerd, processes
from ansible_collections.shimops.containerd.plugins.module_utils._interference import rules
from ansible_collections.shimops.containerd.plugins.module_utils._interference.rules import Seen, UnitState

_PROPERTIES = "Id,LoadState,ActiveState,UnitFileState,ExecStart,WantedBy,RequiredBy,UpheldBy"
#: Where package managers take their locks, with fcntl(2).
LOCKS = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
    "/var/lib/rpm/.rpm.lock",
)
_FLOCK = struct.Struct("hhqqi4x")  # struct flock of fcntl(2): type, whence, start, length, pid
_DOCKER_CONFIGURATION = "/etc/docker/daemon.json"
_LARGEST = 1 << 20


def see(custom: Sequence[str], deadline: Deadline) -> Seen:
    """All that the rules judge."""
    named = list(rules.UPGRADE_TIMERS + rules.UPGRADE_SERVICES + rules.HEALTH_CHECKERS) + list(custom)
    return Seen(
        units=units(["*.service", "*.timer"] + named, deadline),
        packages=packages(deadline),
        needrestart=os.path.isdir(os.path.dirname(rules.SNIPPET)),
        snippet=small_file(rules.SNIPPET),
        snaps=snaps(deadline),
        live_restore=live_restore(deadline),
        foreign_checkers=foreign_checkers(),
    )


def units(names: Sequence[str], deadline: Deadline) -> Dict[str, UnitState]:
    """The state of these units, by name; patterns match the loaded ones. Empty where there is no systemd.

    Raises ShimError when systemd does not answer in time.
    """
    answer = command.run(["systemctl", "show", "--property=" + _PROPERTIES, "--"] + list(names), deadline)
    if answer.code is None:
        raise ShimError("daemon", "systemctl", "did not answer in time", "check the state of systemd on the host")
    found = {}
    for block in answer.stdout.split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if values.get("Id"):
            found[values["Id"]] = UnitState(
                name=values["Id"],
                loaded=values.get("LoadState", ""),
                active=values.get("ActiveState", ""),
                file_state=values.get("UnitFileState", ""),
                command=" ".join(re.findall(r"argv\[\]=(.*?) ; ", values.get("ExecStart", ""))),
                pulled_by=tuple(
                    " ".join(values.get(key, "") for key in ("WantedBy", "RequiredBy", "UpheldBy")).split()
                ),
            )
    return found


def packages(deadline: Deadline) -> Dict[str, str]:
    """dpkg's selection of each installed package that counts; empty where there is no dpkg."""
    shape = "${Package} ${db:Status-Want} ${db:Status-Status}\n"
    answer = command.run(["dpkg-query", "--show", "--showformat=" + shape] + list(rules.PACKAGES), deadline)
    rows = [line.split() for line in answer.stdout.splitlines()]
    return {row[0]: row[1] for row in rows if len(row) == 3 and row[2] == "installed"}


def snaps(deadline: Deadline) -> Dict[str, bool]:
    """The installed snaps that bring a containerd, with whether their refresh is held."""
    answer = command.run(["snap", "list"], deadline.within(15))
    rows = [line.split() for line in answer.stdout.splitlines()[1:]] if answer.code == 0 else []
    return {row[0]: "held" in row[-1].split(",") for row in rows if row and row[0] in rules.SNAPS}


def live_restore(deadline: Deadline) -> Optional[bool]:
    """Whether dockerd keeps its containers over its own restart; None when no dockerd runs."""
    found = dockerd.live_restore(deadline)
    return None if found is None else found.now is True and found.after is True


def foreign_checkers() -> List[Tuple[str, int]]:
    """Health checkers that are of no unit of this host: in a container, most likely."""
    found = []
    for name in rules.CHECKER_COMMANDS:
        for pid in processes.named(name):
            if not processes.in_unit(pid, "system.slice"):
                found.append((name, pid))
    return found


def locks(paths: Sequence[str] = LOCKS) -> List[Tuple[str, int, str]]:
    """Which locks of package managers are held: path, pid and command of the holder."""
    found = []
    for path in paths:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _whence, _start, _length, pid = _FLOCK.unpack(fcntl.fcntl(handle, fcntl.F_GETLK, asked))
        except OSError:
            continue
        finally:
            os.close(handle)
        if kind != fcntl.F_UNLCK:
            found.append((path, pid, processes.command_name(pid)))
    return found


def small_file(path: str) -> Optional[str]:
    """The text of a small file; None when there is none, empty when it is no file. No link is followed."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError:
        return ""
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return ""
        return os.read(handle, _LARGEST).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(handle)
