# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restart's timeline: what runs before, between and after the moments B, G and S, and when verdicts are given."""

from collections.abc import Iterator

from docs.pictures import svg

WIDTH, HEIGHT = 1000, 372
NAMES, BEGIN, OLD_GONE, SERVES, SETTLED, END = 168, 310, 446, 626, 890, 968
#: Where each moment is drawn: its letter, and two lines on what it is.
MOMENTS = (
    (BEGIN, "B", "the old daemon", "is asked to stop"),
    (OLD_GONE, "G", "the old daemon", "is gone"),
    (SERVES, "S", "the new daemon", "serves its socket"),
    (SETTLED, "settle", "30 s later,", "by default"),
)
#: Lanes from top to bottom: a name, and bars with begin, end, kind and words; white words on the dark kinds.
LANES = (
    (
        "containerd",
        (
            (NAMES, OLD_GONE, "old", "old daemon"),
            (OLD_GONE, SERVES, "absent", "starts, loads each shim"),
            (SERVES, END, "new", "new daemon"),
        ),
    ),
    ("shims and tasks", ((NAMES, END, "side", "run on: same init process, same shim"),)),
    (
        "container logs",
        (
            (NAMES, OLD_GONE, "side", "read by containerd"),
            (OLD_GONE, SERVES, "absent", "kept in the pipe"),
            (SERVES, END, "side", "read again"),
        ),
    ),
    (
        "shim_reconnect",
        (
            (NAMES, BEGIN - 3, "compute", "forecast, ledger"),
            (BEGIN, SERVES - 3, "change", "restart, a Wait held on each task"),
            (SERVES, SETTLED - 3, "compute", "first verdicts, then watch"),
            (SETTLED, END, "compute", "verdicts"),
        ),
    ),
    (
        "ledger phase",
        (
            (NAMES, BEGIN - 3, "card", "recorded"),
            (BEGIN, SERVES - 3, "card", "restarting"),
            (SERVES, SETTLED - 3, "card", "restarted"),
            (SETTLED, END, "card", "verified"),
        ),
    ),
)
DARK = ("old", "new")


def lanes() -> Iterator[str]:
    """Yield the lanes with their bars."""
    for number, (name, bars) in enumerate(LANES):
        y = 92 + 52 * number
        yield svg.text(NAMES - 16, y + 23, name, "strong", "end")
        for begin, end, kind, words in bars:
            yield svg.box(begin, y, end - begin, 36, kind)
            yield svg.text((begin + end) / 2, y + 23, words, "inverse" if kind in DARK else "")


def moments() -> Iterator[str]:
    """Yield the moments behind all lanes, with their letters."""
    for x, letter, first, second in MOMENTS:
        yield svg.text(x, 26, letter, "title")
        yield svg.text(x, 46, first, "soft")
        yield svg.text(x, 62, second, "soft")
        yield svg.line("mark", (x, 70), (x, 92 + 52 * len(LANES) - 10))


def draw() -> str:
    """Return the picture as SVG."""
    title = "A restart: B the old daemon is asked to stop, G it is gone, S the new daemon serves, then settle"
    return svg.drawing(WIDTH, HEIGHT, title, *moments(), *lanes())
