# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gates print: full logs of failures, one line of what passed, a table at the end."""

from __future__ import annotations

import re
import typing
from pathlib import Path

if typing.TYPE_CHECKING:
    from dev.gate import Result


def slug(name: str) -> str:
    """Return the name as a file name."""
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-")


def begin(name: str) -> None:
    """Say what is running."""
    print(f"== {name}", flush=True)


def end(result: Result, log: Path) -> None:
    """Print how it went, in one piece since lanes share the terminal; the whole log if it failed."""
    first, *rest = result.note.splitlines() or [""]
    said = [log.read_text(errors="replace").rstrip()] if result.result == "failed" and log.exists() else []
    said.append(f"   {result.gate}: {result.result} in {result.seconds:.0f} s{': ' + first if first else ''}")
    said += [f"     {line}" for line in rest]
    print("\n".join(said), end="\n\n", flush=True)


def table(rows: list[tuple[str, ...]]) -> str:
    """Lay rows out in columns; the first row is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def slowest(log_dir: Path, most: int = 20) -> list[tuple[str, str]]:
    """Return the slowest tests of all logs: seconds, and the test's name; pytest lists those of each gate."""
    found = []
    for log in log_dir.glob("*.log"):
        found += re.findall(r"^([\d.]+)s (?:call|setup) +(\S.*)$", log.read_text(errors="replace"), re.MULTILINE)
    found = sorted(found, key=lambda row: -float(row[0]))[:most]
    return [(f"{float(seconds):.0f}".rjust(7), name.rpartition("/")[2]) for seconds, name in found]


def summary(results: list[Result], log_dir: Path) -> None:
    """Print the table of all gates, where the logs are, and the count as the last line."""
    rows = [("gate", "result", "seconds", "")]
    for result in results:
        note = (result.note.splitlines() or [""])[0]
        rows.append(
            (
                result.gate,
                result.result,
                f"{result.seconds:.0f}".rjust(7),
                note if len(note) <= 80 else f"{note[:77]}...",
            )
        )
    print(table(rows))
    if tests := slowest(log_dir):
        print("\n" + table([("seconds", "slowest tests"), *tests]))
    print(f"\nlogs: {log_dir}")
    count = [f"{sum(one.result == kind for one in results)} {kind}" for kind in ("passed", "failed", "skipped")]
    print(", ".join(count), flush=True)
