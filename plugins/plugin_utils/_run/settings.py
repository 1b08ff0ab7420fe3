# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings: what a run is begun with, checked before any host is looked at. Internal.

Each function gives the checked value or raises ValueError with one sentence: the thing, what is wrong, the remedy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

#: A day, as the modules have it: their waits take no longer ones.
LONGEST = 86400
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def run_id(wanted: str) -> str:
    """Return a name that can be a folder and a run of the ledger."""
    if not _RUN_ID.fullmatch(wanted):
        raise ValueError(f"run_id {wanted!r} cannot be a file name; use up to 64 letters, digits, dots, dashes")
    return wanted


def batches(wanted: object) -> list[str]:
    """Return batch sizes that Ansible's ``serial`` takes: numbers above 0 and percentages."""
    sizes = wanted if isinstance(wanted, (list, tuple)) else [wanted]
    for size in sizes:
        found = re.fullmatch(r"(\d{1,9})(%?)", str(size).strip())
        if isinstance(size, bool) or not found or int(found[1]) < 1 or (found[2] and int(found[1]) > 100):
            raise ValueError(f'batch size {size!r} is none; give numbers from 1, or shares such as "10%"')
    if not sizes:
        raise ValueError('there are no batch sizes; give a list such as [1, "10%"]')
    return [str(size) for size in sizes]


def seconds(wanted: Mapping[str, object], above: Iterable[str] = ()) -> dict[str, float]:
    """Return waits, by the name of their variable; those in ``above`` cannot be 0."""
    found = {}
    for name, value in wanted.items():
        least = "above 0" if name in above else "from 0"
        try:
            number = float(str(value))
        except ValueError:
            number = -1.0
        if not 0 <= number <= LONGEST or (name in above and number == 0):
            raise ValueError(f"{name} cannot be {value!r}; give seconds {least} to {LONGEST}")
        found[name] = number
    return found


def quarantine(wanted: Iterable[str], groups: Mapping[str, Sequence[str]], strict: bool = True) -> list[str]:
    """Return the hosts that these names of hosts and groups stand for, in the inventory's order.

    :param strict: refuse a name that is neither. A part of a split job sees only its part of the inventory, so there
        such a name may be a host of another part.
    """
    everyone = list(groups.get("all", ()))
    held: set[str] = set()
    elsewhere: list[str] = []
    for name in wanted:
        if name in groups:
            held.update(groups[name])
        elif name in everyone:
            held.add(name)
        elif not strict:
            elsewhere.append(name)
        else:
            raise ValueError(f"quarantine: {name!r} is neither a host nor a group of the inventory; correct the name")
    return [*(host for host in everyone if host in held), *elsewhere]


def task_file(wanted: str, folders: Iterable[Path]) -> str:
    """Return a task file's whole path: as it is, or in the first of these folders that has it."""
    places = [Path(wanted)] if Path(wanted).is_absolute() else [folder / wanted for folder in folders]
    for place in places:
        if place.is_file():
            return str(place.resolve())
    audited = ", ".join(str(place.parent) for place in places)
    raise ValueError(f"task file {wanted!r} was not found in {audited}; give its whole path")
