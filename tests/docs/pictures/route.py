# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The route: the stages from host to restart, in the order in which containerd recovers."""

from collections.abc import Iterator

from docs.pictures import svg

WIDTH, HEIGHT = 1000, 350
BOX, GAP, MARGIN, TOP, TALL = 132, 28, 34, 108, 104
#: Name, kind, and what the stage answers, in lines of at most 20 characters.
STAGES = (
    ("host", "read", ("which containerd", "runs, its unit and", "configuration")),
    ("bundle", "read", ("what containerd", "will find in the", "state directory")),
    ("shim", "read", ("what each shim", "answers")),
    ("forecast", "compute", ("what a restart", "does to each task")),
    ("rescue", "change", ("repairs damaged", "bundles where it", "is proven correct")),
    ("restart", "change", ("ledger, restart,", "a verdict for", "each task")),
)
#: Name, first and last stage above it, and what it answers.
SIDES = (
    ("audit", 0, 3, "the host document: leftovers, open modes, old code in memory"),
    ("logs", 4, 5, "are they read, what will stall"),
)
LEGEND = (
    ("read", "only reads"),
    ("compute", "only computes"),
    ("change", "changes the host"),
    ("side", "only reads, at the side"),
)


def left(stage: int) -> float:
    """Return the left edge of a stage's box."""
    return MARGIN + stage * (BOX + GAP)


def stages() -> Iterator[str]:
    """Yield the boxes of the route and the arrows between them."""
    for number, (name, kind, lines) in enumerate(STAGES):
        x = left(number)
        yield svg.box(x, TOP, BOX, TALL, kind)
        yield svg.text(x + BOX / 2, TOP + 26, name, "title")
        for row, words in enumerate(lines):
            yield svg.text(x + BOX / 2, TOP + 50 + 18 * row, words, "soft")
        if number:
            yield svg.line("line", (x - GAP + 2, TOP + TALL / 2), (x - 3, TOP + TALL / 2), tip=True)


def refusal() -> Iterator[str]:
    """Yield the way out of the route: a host that is refused."""
    x = left(3)
    yield svg.box(x, 24, 2 * BOX + GAP, 40, "refuse")
    yield svg.text(x + BOX + GAP / 2, 49, "refused: no restart, with the reason")
    for stage in (3, 4):
        middle = left(stage) + BOX / 2
        yield svg.line("line", (middle, TOP - 2), (middle, 67), tip=True)
    yield svg.text(left(3) + BOX / 2 + 8, 92, "task at risk", "soft", "start")
    yield svg.text(left(4) + BOX / 2 + 8, 92, "no proof", "soft", "start")


def sides() -> Iterator[str]:
    """Yield what looks at the stages from the side."""
    y = TOP + TALL + 32
    for name, first, last, words in SIDES:
        x, width = left(first), left(last) + BOX - left(first)
        yield svg.box(x, y, width, 44, "side")
        yield svg.text(x + 14, y + 27, name, "title", "start")
        yield svg.text(x + 72, y + 27, words, "soft", "start")
        for stage in range(first, last + 1):
            middle = left(stage) + BOX / 2
            yield svg.line("dashed", (middle, y - 2), (middle, TOP + TALL + 3))


def legend() -> Iterator[str]:
    """Yield what the colours mean."""
    for number, (kind, words) in enumerate(LEGEND):
        x = MARGIN + number * 165
        yield svg.box(x, HEIGHT - 36, 16, 14, kind)
        yield svg.text(x + 24, HEIGHT - 24, words, "soft", "start")


def draw() -> str:
    """Return the picture as SVG."""
    title = "The route: host, bundle, shim, forecast, rescue, restart; audit and logs at the side"
    return svg.drawing(WIDTH, HEIGHT, title, *stages(), *refusal(), *sides(), *legend())
