# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Templates: Jinja2 as the page and the Markdown report use it, with every value made printable. Internal."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, Callable, Iterator

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.text import (
    count,
    printable,
    seconds,
    timestamp,
)

FOLDER = Path(__file__).resolve().parent / "templates"
_CHUNK = 1 << 16


def environment(html: bool, **more: object) -> Environment:
    """Return what renders the templates.

    :param html: whether values are escaped for HTML; else they are taken as they are.
    :param more: names that every template knows.
    """
    found = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_printable if html else None,
    )
    found.filters.update(printable=printable, timestamp=timestamp, seconds=seconds, count_of=count)
    found.globals.update(more)
    return found


def macros(templates: Environment, name: str) -> Any:
    """Return the macros of a template as functions."""
    return templates.get_template(name).module


def text(name: str) -> str:
    """Return a file of the templates' folder as it is."""
    return (FOLDER / name).read_text(encoding="utf-8")


def reader(wrap: Callable[[str], object]) -> Callable[[IO[str]], Iterator[object]]:
    """Return what a template reads a finished part with, piece by piece.

    :param wrap: makes of a piece what the template puts out as it is.
    """

    def part(handle: IO[str]) -> Iterator[object]:
        handle.seek(0)
        while chunk := handle.read(_CHUNK):
            yield wrap(chunk)

    return part


def _printable(value: object) -> object:
    return value if isinstance(value, (Markup, int, float)) else printable(value)
