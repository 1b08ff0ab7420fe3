# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a containerd daemon is configured to use, in its own words. Internal to the collection."""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import command

# timeout "io.containerd.timeout.shim.load" when the configuration does not name it (recovery-spec 1.7).
DEFAULT_LOAD_TIMEOUT = 5.0

_SECTION = re.compile(r"^\s*\[([^\]]+)\]\s*$")
_VALUE = re.compile(r"""^\s*["']?([\w.]+)["']?\s*=\s*["']([^"']*)["']\s*$""")
_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class Configuration(NamedTuple):
    """The effective settings that recovery depends on; None where containerd did not say. Time in seconds."""

    state_dir: Optional[str]
    root_dir: Optional[str]
    address: Optional[str]
    load_timeout: float


def effective(executable: str, arguments: List[str], deadline: Deadline) -> Configuration:
    """The configuration a daemon with these arguments would use, as ``containerd config dump`` prints it.

    Arguments win over the file, as they do in containerd (cmd/containerd/command/main.go:applyFlags).
    """
    file = named(arguments)
    argv = [executable] + (["--config", file] if file else []) + ["config", "dump"]
    values = parse(command.run(argv, deadline).stdout)
    return Configuration(
        state_dir=_flag(arguments, "--state") or values.get("state"),
        root_dir=_flag(arguments, "--root") or values.get("root"),
        address=_flag(arguments, "--address", "-a") or values.get("grpc.address"),
        load_timeout=_duration(values.get("timeouts.io.containerd.timeout.shim.load", "")) or DEFAULT_LOAD_TIMEOUT,
    )


def named(arguments: List[str]) -> Optional[str]:
    """The configuration file that a daemon's arguments name, or None for the default one."""
    return _flag(arguments, "--config", "-c")


def parse(text: str) -> Dict[str, str]:
    """The string values of TOML as containerd writes it, keyed ``section.key``; tables of arrays are passed over."""
    values, section = {}, ""
    for line in text.splitlines():
        heading = _SECTION.match(line)
        if heading:
            section = heading.group(1) + "."
            continue
        value = _VALUE.match(line)
        if value:
            values[section + value.group(1)] = value.group(2)
    return values


def _flag(arguments: List[str], *names: str) -> Optional[str]:
    for place, argument in enumerate(arguments):
        for name in names:
            if argument == name and place + 1 < len(arguments):
                return arguments[place + 1]
            if argument.startswith(name + "="):
                return argument[len(name) + 1 :]
    return None


def _duration(text: str) -> float:
    """A Go duration such as ``1m30s`` in seconds; 0 for anything else."""
    return sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"([\d.]+)(ms|h|m|s)", text))
