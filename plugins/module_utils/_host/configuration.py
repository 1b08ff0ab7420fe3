# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the next start of a containerd daemon would be configured to use. Internal to the collection."""

from __future__ import annotations

import os
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._host import command, config_dump
from ansible_collections.shimops.containerd.plugins.module_utils._host.config_dump import Value

#: Where containerd looks when no file is named (defaults/defaults_unix.go).
DEFAULT = "/etc/containerd/config.toml"
# timeout "io.containerd.timeout.shim.load" when the configuration does not name it (recovery-spec 1.7).
DEFAULT_LOAD_TIMEOUT = 5.0
#: The newest version of the configuration whose keys are known (RELEASES.md of containerd: 4 since 2.3).
NEWEST_VERSION = 4

# Up to version 3 the address stands in the first; a release of 2.3 or later writes the second.
_ADDRESSES = ("grpc.address", "plugins.io.containerd.server.v1.grpc.address")
_PLATFORMS = "plugins.io.containerd.runtime.v2.task.platforms"
_TIMEOUTS = "timeouts."
_LOAD_TIMEOUT = _TIMEOUTS + "io.containerd.timeout.shim.load"
# A dump takes some hundredths of a second; one that never ends must not use up the time of the rest.
_PATIENCE = 5.0
_LONGEST_MESSAGE = 300
# Seconds for which an answer counts: those between two observations of one module.
_FRESH = 10.0


class Configuration(NamedTuple):
    """The effective settings that recovery depends on; None where containerd did not say. Time in seconds.

    ``start_failure`` is containerd's own error where it cannot load its configuration, else empty. ``problem`` is why
    the settings are not known, else empty: then ``load_timeout`` is only containerd's default. ``file`` is where the
    settings come from. ``version`` is that of the configuration as containerd prints it.
    """

    state_dir: Optional[str]
    root_dir: Optional[str]
    address: Optional[str]
    load_timeout: float
    version: Optional[int] = None
    disabled_plugins: Tuple[str, ...] = ()
    required_plugins: Tuple[str, ...] = ()
    platforms: Optional[Tuple[str, ...]] = None
    file: str = DEFAULT
    start_failure: str = ""
    problem: str = ""


class _Known(NamedTuple):
    """What a containerd has said of its configuration, and how long that is taken for true."""

    configuration: Configuration
    until: Deadline


_KNOWN: Dict[Any, _Known] = {}

#: Nothing but containerd's defaults, where there is no containerd to ask.
USUAL = Configuration(None, None, None, DEFAULT_LOAD_TIMEOUT)


def effective(executable: str, arguments: List[str], deadline: Deadline) -> Configuration:
    """The configuration a daemon with these arguments would use, as ``containerd config dump`` prints it.

    Arguments win over the file, as they do in containerd (cmd/containerd/command/main.go:applyFlags). The dump includes
    imported and drop-in files. Asked again after a moment, or for a program or a file that has changed.
    """
    key = (_state(executable), tuple(arguments), _state(named(arguments) or DEFAULT))
    known = _KNOWN.get(key)
    if known and not known.until.expired():
        return known.configuration
    found = _asked(executable, arguments, deadline)
    if key[0] and not found.problem:
        _KNOWN[key] = _Known(found, Deadline(_FRESH))
    return found


def _state(path: str) -> Optional[Tuple[int, int, int]]:
    """What is another one for another file, and for the same one when it has changed."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_ctime_ns


def _asked(executable: str, arguments: List[str], deadline: Deadline) -> Configuration:
    file = named(arguments)
    options = ["--config", file] if file else []
    said = command.containerd(executable, options + ["config", "dump"], deadline.within(_PATIENCE))
    if said.code and not file and not os.path.exists(DEFAULT):
        # containerd starts without that file; only the dump of 1.x needs it (cmd/containerd/command/config.go@v1.7.24).
        said = command.containerd(executable, ["config", "default"], deadline.within(_PATIENCE))
    if said.code == 127:
        said = said._replace(stderr="{0} cannot be run ({1})".format(executable, said.stderr))
    found = _understood(said)._replace(file=file or DEFAULT)
    return found._replace(
        state_dir=flag(arguments, "--state") or found.state_dir,
        root_dir=flag(arguments, "--root") or found.root_dir,
        address=flag(arguments, "--address", "-a") or found.address,
    )


def named(arguments: List[str]) -> Optional[str]:
    """The configuration file that a daemon's arguments name, or None for the default one."""
    return flag(arguments, "--config", "-c")


def flag(arguments: List[str], *names: str) -> Optional[str]:
    """The value of a flag of containerd's, given as ``--name value`` or ``--name=value``; None when it is not there."""
    for place, argument in enumerate(arguments):
        for name in names:
            if argument == name and place + 1 < len(arguments):
                return arguments[place + 1]
            if argument.startswith(name + "="):
                return argument[len(name) + 1 :]
    return None


def _understood(said: command.Output) -> Configuration:
    """What a dump says, or why it says nothing."""
    if said.code is None:
        return USUAL._replace(problem="containerd config dump did not end in time")
    if said.code != 0:
        return USUAL._replace(start_failure=_complaint(said))
    values = config_dump.parse(said.stdout)
    state, root, version = _text(values, "state"), _text(values, "root"), values.get("version")
    load_timeout = _text(values, _LOAD_TIMEOUT)
    if not (state and root and load_timeout) or not isinstance(version, int):
        # Every containerd prints all four, so this is no dump, or only its beginning.
        return USUAL._replace(problem="containerd config dump printed no whole configuration")
    found = Configuration(
        state_dir=state,
        root_dir=root,
        address=next(filter(None, (_text(values, name) for name in _ADDRESSES)), None),
        load_timeout=config_dump.duration(load_timeout) or 0.0,
        version=version,
        disabled_plugins=_texts(values, "disabled_plugins") or (),
        required_plugins=_texts(values, "required_plugins") or (),
        platforms=_texts(values, _PLATFORMS),
    )
    return found._replace(start_failure=_unreadable_timeout(values))


def _unreadable_timeout(values: Dict[str, Value]) -> str:
    """server.New ends with an error for a time-out that is no Go duration, which the dump does not look at."""
    for name, value in values.items():
        if name.startswith(_TIMEOUTS) and (not isinstance(value, str) or config_dump.duration(value) is None):
            return "the time-out {0} is {1!r}, which is not a duration".format(name[len(_TIMEOUTS) :], value)
    return ""


def _complaint(said: command.Output) -> str:
    """containerd's own error in one line: the last it printed, without its name before it."""
    lines = [line.strip() for line in (said.stderr or said.stdout).splitlines() if line.strip()]
    if not lines:
        return "containerd config dump ended with status {0} and no word".format(said.code)
    ours = [line for line in lines if line.startswith("containerd: ")] or lines
    return ours[-1].replace("containerd: ", "", 1)[:_LONGEST_MESSAGE].rstrip(".")


def _text(values: Dict[str, Value], name: str) -> Optional[str]:
    value = values.get(name)
    return value if isinstance(value, str) else None


def _texts(values: Dict[str, Value], name: str) -> Optional[Tuple[str, ...]]:
    value = values.get(name)
    return value if isinstance(value, tuple) else None
