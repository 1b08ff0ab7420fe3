# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a ledger proves, as a table for people."""

WITNESSES = ("shim", "containerd", "kernel")
_HEADINGS = ("container", "init pid before", "after", "shim pid", "verdict", *WITNESSES)


def table(host: str, book: dict) -> str:
    """One host's ledger as text: a heading, then a row per container with what each witness says."""
    verdicts = sorted(book["verdicts"], key=_place)
    proven = sum(1 for one in verdicts if one["verdict"] == "reattached" and _all_say_yes(one))
    gap = "not restarted" if book["gap"] is None else f"containerd away for {book['gap']:.2f} s"
    heading = f"{host}   containerd {book['daemon']['version']}   {proven} of {len(verdicts)} proven   {gap}"
    rows = [_HEADINGS, *(_row(one) for one in verdicts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([heading, *(line.rstrip() for line in lines)])


def _all_say_yes(one: dict) -> bool:
    return all(one["witnesses"][name] == "yes" for name in WITNESSES)


def _row(one: dict) -> tuple[str, ...]:
    before, after = one["before"] or {}, one["after"] or {}
    return (
        _name(one),
        _process(before),
        _process(after),
        str(after.get("shim_pid") or "-"),
        one["verdict"],
        *(one["witnesses"][name] for name in WITNESSES),
    )


def _process(side: dict) -> str:
    """A pid with its start time: a pid alone can be reused."""
    return f"{side['pid']} @{side['start_time']}" if side.get("pid") and side.get("start_time") else "-"


def _name(one: dict) -> str:
    pod = one["pod"]
    if not pod:
        return f"{one['namespace']}/{one['id']}"
    return f"{pod['namespace']}/{pod['name']}  {pod.get('container', '(sandbox)')}"


def _place(one: dict) -> tuple:
    """Plain containers first, then pod by pod with the sandbox on top."""
    pod = one["pod"] or {}
    return (bool(pod), pod.get("namespace", ""), pod.get("name", ""), pod.get("container", ""), one["id"])
