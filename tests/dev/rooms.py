# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rooms of the code: which there are, what each may touch, and that imports between them run one way."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from dev import place

MODULE_UTILS, PLUGIN_UTILS = Path("plugins/module_utils"), Path("plugins/plugin_utils")
LARGEST = 16
#: Libraries that reach files, processes, sockets or clocks. A file that imports none of them computes only.
REACHING = frozenset(
    "asyncio concurrent datetime fcntl glob mmap os pathlib select selectors shutil signal socket subprocess"
    " tempfile threading time".split()
)


class Room(NamedTuple):
    """What a room may import of REACHING, and which of its files compute only; ``but`` turns that list round."""

    touches: str
    pure: str = ""
    but: bool = False


#: In the order in which imports may point: a room imports those above it.
ROUTE: dict[Path, dict[str, Room]] = {
    MODULE_UTILS: {
        "_host": Room("concurrent os signal socket subprocess tempfile threading", "config_dump layouts releases"),
        "_bundle": Room("os", "bundle scan", but=True),
        "_shim": Room("os select socket", "allowed_calls answers messages status ttrpc_frame"),
        "_forecast": Room("os", "gather host_conditions", but=True),
        "_rescue": Room("os", "plan repairable"),
        "_packages": Room("fcntl glob os shutil subprocess", "cpio package_manager version"),
        "_restart": Room("fcntl os shutil signal", "verdict verdict_rows"),
        "_logs": Room("os select", "status"),
        "_audit": Room("os", "document_rows row_types"),
        "_interference": Room("fcntl os", "rules settings"),
    },
    PLUGIN_UTILS: {
        "_rules": Room("datetime os pathlib", "builtin_types fields query"),
        "_store": Room("fcntl os pathlib time", "address entries store"),
        "_run": Room("datetime os pathlib socket time", "budgets status"),
        "_reports": Room("datetime os pathlib shutil tempfile time", "model totals"),
        "_progress": Room("threading", "lines state"),
    },
}
#: Files of no room: what every room stands on, and what puts the rooms together for a module.
COMMON = {
    MODULE_UTILS: frozenset("_atomic _changes _deadline _errors _result _stop_file _unexpected".split()),
    PLUGIN_UTILS: frozenset(),
}
ENTRANCES = {MODULE_UTILS: frozenset(("_argspec", "_module", "_run_spec")), PLUGIN_UTILS: frozenset()}
#: Who alone may import what, below plugins/module_utils.
ALONE = {
    "google.protobuf": "_shim/messages.py",
    "grpc": "_shim/grpc_channel.py",
    "time": "_deadline.py",
    "ansible.module_utils.basic": "_module.py",
    "tempfile": "_host/command.py",
}


def _imports(text: str) -> set[str]:
    """Return the modules and names that a file imports, in full."""
    found = set()
    for base, many, one in re.findall(r"^\s*from ([\w.]+) import (?:\(([^)]*)\)|(.*))", text, re.MULTILINE):
        found |= {base, *(f"{base}.{word}" for word in re.findall(r"\w+", many or one))}
    return found | set(re.findall(r"^\s*import ([\w.]+)", text, re.MULTILINE))


def _reached(text: str) -> set[str]:
    return {name.split(".")[0] for name in _imports(text)} & REACHING


def _rooms_of(text: str, base: Path) -> set[str]:
    """Return the rooms below a base that a file imports from."""
    start = f"ansible_collections.{place.NAMESPACE}.{place.NAME}.{'.'.join(base.parts)}."
    return {name.removeprefix(start).split(".")[0] for name in _imports(text) if name.startswith(start)}


def _files(texts: Mapping[Path, str], base: Path) -> Iterator[tuple[Path, str]]:
    for name, text in sorted(texts.items()):
        if name.is_relative_to(base) and name.suffix == ".py" and name.name != "__init__.py":
            yield name, text


def placed(texts: Mapping[Path, str]) -> Iterator[str]:
    """Every file stands in a room or is one of the few common ones, and no room is too full."""
    for base, rooms in ROUTE.items():
        for name, _text in _files(texts, base):
            inside = name.relative_to(base).parts
            if len(inside) == 1 and name.stem not in COMMON[base] | ENTRANCES[base]:
                yield f"{name}: stands in no room; see ROUTE in tests/dev/rooms.py"
            if len(inside) > 1 and (inside[0] not in rooms or len(inside) > 2):
                yield f"{name}: {'/'.join(inside[:-1])} is not a room; see ROUTE in tests/dev/rooms.py"
        for room in rooms:
            if (count := sum(1 for name, _text in _files(texts, base / room))) > LARGEST:
                yield f"{base / room}: {count} files, more than {LARGEST}"


def one_way(texts: Mapping[Path, str]) -> Iterator[str]:
    """Imports point up the route, never down; what is common imports no room."""
    for base, rooms in ROUTE.items():
        order = list(rooms)
        for name, text in _files(texts, base):
            inside = name.relative_to(base).parts
            wanted = _rooms_of(text, base)
            if len(inside) == 1 and name.stem in COMMON[base]:
                for other in sorted(wanted & rooms.keys()):
                    yield f"{name}: is common to all rooms and imports {other}"
            if inside[0] in rooms:
                for other in sorted(wanted & rooms.keys()):
                    if order.index(other) > order.index(inside[0]):
                        yield f"{name}: {inside[0]} may not import from {other}, which comes after it"
                for other in sorted(wanted & ENTRANCES[base]):
                    yield f"{name}: a room may not import {other}, which puts the rooms together"


def touching(texts: Mapping[Path, str]) -> Iterator[str]:
    """A room touches only what is its own; pure files touch nothing, and say in their docstring that they are pure."""
    for base, rooms in ROUTE.items():
        for room, rule in rooms.items():
            listed = set(rule.pure.split())
            stems = set()
            for name, text in _files(texts, base / room):
                stems.add(name.stem)
                reached = _reached(text)
                pure = (name.stem in listed) is not rule.but
                for library in sorted(reached if pure else reached - set(rule.touches.split())):
                    what = "a pure file" if pure else room
                    yield f"{name}: {what} may not import {library}"
                if base == MODULE_UTILS and pure is not (
                    re.search(r'^""".*?\bPure\b.*?"""', text, re.S | re.M) is not None
                ):
                    yield f"{name}: {'is pure and does not say so' if pure else 'calls itself pure and is not listed'}"
            for stem in sorted(listed - stems):
                yield f"tests/dev/rooms.py: {room} has no file {stem}"


def alone(texts: Mapping[Path, str]) -> Iterator[str]:
    """Each dependency has one home."""
    for name, text in _files(texts, MODULE_UTILS):
        for library, home in ALONE.items():
            if not str(name).endswith(home) and any(f"{one}.".startswith(f"{library}.") for one in _imports(text)):
                yield f"{name}: imports {library}, which belongs to {home} alone"


def mirrored(texts: Mapping[Path, str]) -> Iterator[str]:
    """Unit tests stand in the room of what they test, under its name."""
    for base, rooms in ROUTE.items():
        for name, _text in _files(texts, Path("tests/unit") / base):
            inside = name.relative_to(Path("tests/unit") / base).parts
            folder = base / inside[0] if len(inside) > 1 else base
            stems = {one.stem.lstrip("_") for one in texts if one.parent == folder}
            if not name.name.startswith("test_"):
                if name.name != "conftest.py":
                    yield f"{name}: what tests share belongs into tests/unit/support"
            elif not any(name.stem.removeprefix("test_").startswith(stem) for stem in stems if stem):
                yield f"{name}: {folder} has no file that it is named after"
            if len(inside) > 1 and inside[0] not in rooms:
                yield f"{name}: {inside[0]} is not a room"


CHECKS = (placed, one_way, touching, alone, mirrored)
