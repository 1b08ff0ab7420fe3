# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What systemd says of containerd's unit. Internal to the collection."""

from __future__ import annotations

import os
import re
from typing import List, NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import command

_PROPERTIES = (
    "LoadState",
    "ActiveState",
    "MainPID",
    "KillMode",
    "Delegate",
    "NeedDaemonReload",
    "TimeoutStartUSec",
    "NRestarts",
    "InvocationID",
    "ExecStart",
    "DropInPaths",
    "TasksMax",
    "TasksCurrent",
    "RuntimeDirectory",
    "RuntimeDirectoryPreserve",
    "Result",
    "ExecStop",
    "ExecStopPost",
)
# What a stop or a restart of a unit does to the others: UNIT_ATOM_PROPAGATE_STOP of systemd.
_STOPS = ("RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "PropagatesStopTo")
# Where systemd looks for drop-ins (systemd.unit(5)).
_DIRECTORIES = (
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}

_STOP_COMMAND = re.compile(r"^ExecStop(?:Post)?=\{ path=.*? ; argv\[\]=(.*?) ; ignore_errors=", re.MULTILINE)
# Of the journal: lines, and characters of each.
_LINES, _WIDTH = 5, 160


class Unit(NamedTuple):
    """The properties of a loaded unit that decide what a restart does. Times in seconds.

    ``tasks_max`` is None where there is no limit; ``stop_commands`` are those of ExecStop and ExecStopPost, with their
    arguments. ``result`` says why it failed, ``success`` where it did not.
    """

    name: str
    active_state: str
    main_pid: Optional[int]
    kill_mode: str
    delegate: bool
    need_daemon_reload: bool
    timeout_start: Optional[float]
    restarts: int
    invocation_id: str
    exec_start: Optional[str]
    arguments: List[str]
    drop_ins: List[str]
    tasks_max: Optional[int] = None
    tasks_current: Optional[int] = None
    runtime_directories: Tuple[str, ...] = ()
    runtime_directories_kept: bool = True
    stop_commands: Tuple[str, ...] = ()
    result: str = "success"


def look_up(name: str, deadline: Deadline) -> Optional[Unit]:
    """The unit of that name, or None when systemd has none (or there is no systemd).

    Raises ShimError when systemd does not answer in time.
    """
    answer = command.run(["systemctl", "show", "--property=" + ",".join(_PROPERTIES), "--", name], deadline)
    if answer.code is None:
        raise _silent()
    values = dict(line.split("=", 1) for line in answer.stdout.splitlines() if "=" in line)
    if answer.code != 0 or values.get("LoadState") != "loaded":
        return None
    path, arguments = _exec_start(values.get("ExecStart", ""))
    drop_ins = values.get("DropInPaths", "").split()
    return Unit(
        name=name,
        active_state=values["ActiveState"],
        main_pid=int(values["MainPID"]) or None,
        kill_mode=values["KillMode"],
        delegate=values["Delegate"] == "yes",
        need_daemon_reload=values["NeedDaemonReload"] == "yes" or _drop_ins_differ(name, drop_ins),
        timeout_start=_seconds(values["TimeoutStartUSec"]),
        restarts=int(values.get("NRestarts") or 0),
        invocation_id=values.get("InvocationID", ""),
        exec_start=path,
        arguments=arguments,
        drop_ins=drop_ins,
        tasks_max=_limit(values.get("TasksMax", "")),
        tasks_current=_limit(values.get("TasksCurrent", "")),
        runtime_directories=tuple("/run/" + name for name in values.get("RuntimeDirectory", "").split()),
        runtime_directories_kept=values.get("RuntimeDirectoryPreserve", "no") != "no",
        result=values.get("Result", ""),
        # These come once per command.
        stop_commands=tuple(_STOP_COMMAND.findall(answer.stdout)),
    )


def reset_start_limit(name: str, deadline: Deadline) -> None:
    """Let systemd start a unit that was started too often, or failed (StartLimitBurst= of systemd.unit(5))."""
    command.run(["systemctl", "reset-failed", "--", name], deadline)


def journal_tail(unit: str, deadline: Deadline) -> List[str]:
    """The last few lines of the journal, each cut to a bounded width; empty when there is no journal."""
    argv = ["journalctl", "--no-pager", "--quiet", "--output=cat", "--lines={0}".format(_LINES), "--unit=" + unit]
    answer = command.run(argv, deadline.within(10))
    return [line[:_WIDTH] for line in answer.stdout.splitlines()] if answer.code == 0 else []


def stops_with(name: str, deadline: Deadline) -> List[str]:
    """The active services that a restart of a unit stops as well, and those that stop with them, in order.

    Raises ShimError when systemd does not answer in time.
    """
    known, fresh, active = {name}, [name], []
    while fresh:
        argv = ["systemctl", "show", "--property=Id,ActiveState," + ",".join(_STOPS), "--"] + fresh
        answer = command.run(argv, deadline)
        if answer.code is None:
            raise _silent()
        fresh = []
        for text in answer.stdout.split("\n\n"):
            values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
            if values.get("Id") != name and values.get("ActiveState") not in (None, "inactive", "failed"):
                active.append(values.get("Id", ""))
            for other in [one for key in _STOPS for one in values.get(key, "").split()]:
                if other not in known:
                    known.add(other)
                    fresh.append(other)
    return sorted(one for one in active if one.endswith(".service"))


def _silent() -> ShimError:
    return ShimError("daemon", "systemctl", "did not answer in time", "check the state of systemd on the host")


def _limit(text: str) -> Optional[int]:
    """A number of tasks; None for no limit, which older systemds print as the largest number there is."""
    return int(text) if text.isdigit() and int(text) < 2**64 - 1 else None


def _drop_ins_differ(name: str, loaded: List[str]) -> bool:
    """Whether drop-ins on disk are not loaded, or loaded ones are gone.

    NeedDaemonReload stays ``no`` for a drop-in whose directory is new, so the directories are looked at too.
    """
    known, on_disk = {os.path.basename(path) for path in loaded}, set()
    for directory in _DIRECTORIES:
        for drop_ins in (name + ".d", "service.d"):
            place = os.path.join(directory, drop_ins)
            for file in os.listdir(place) if os.path.isdir(place) else ():
                if file.endswith(".conf") and os.path.realpath(os.path.join(place, file)) != os.devnull:
                    on_disk.add(file)
    return bool(on_disk - known) or any(not os.path.exists(path) for path in loaded)


def _exec_start(text: str) -> Tuple[Optional[str], List[str]]:
    """Path and arguments of the last ``{ path=… ; argv[]=… ; … }`` of ExecStart."""
    found = re.findall(r"\{ path=(\S+) ; argv\[\]=(.*?) ; ", text)
    return (found[-1][0], found[-1][1].split()[1:]) if found else (None, [])


def _seconds(text: str) -> Optional[float]:
    """A time span as systemd prints it (``1min 30s``) in seconds; None for ``infinity``."""
    if text == "infinity":
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"([\d.]+)(us|ms|s|min|h|d)\b", text))
