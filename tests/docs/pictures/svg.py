# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few SVG elements that the drawings are made of. Coordinates are user units of the view box, y grows downwards."""

from html import escape

HEAD = """<!--
Copyright (c) 2026 the shimops.containerd authors
GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
Drawn by the command "docs" of the developers' door, see tests/docs/pictures
-->
"""
# A card of its own colour: the page around it may be light or dark.
STYLE = """<style>
text { font: 13px "DejaVu Sans", Verdana, sans-serif; fill: #1f2933 }
.title { font-weight: bold; font-size: 16px }
.strong { font-weight: bold }
.soft { fill: #52606d; font-size: 12px }
.inverse { fill: #ffffff }
.card { fill: #ffffff; stroke: #cbd2d9 }
.read { fill: #dceefb; stroke: #2b6cb0 }
.compute { fill: #ebe6f7; stroke: #6b46c1 }
.change { fill: #fdebd3; stroke: #b7560b }
.side { fill: #e3f5ec; stroke: #2f855a }
.refuse { fill: #fde4e4; stroke: #b91c1c }
.old { fill: #52606d }
.new { fill: #2b6cb0 }
.absent { fill: #fde4e4; stroke: #b91c1c; stroke-dasharray: 4 3 }
.line { stroke: #52606d; stroke-width: 1.5; fill: none }
.dashed { stroke: #2f855a; stroke-width: 1.5; stroke-dasharray: 4 3; fill: none }
.mark { stroke: #b7560b; stroke-width: 1.5; stroke-dasharray: 2 3; fill: none }
</style>
<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0 0L10 5L0 10z" fill="#52606d"/></marker></defs>
"""


def drawing(width: int, height: int, title: str, *parts: str) -> str:
    """Return a whole SVG document on a card; `title` is what a screen reader says."""
    shape = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    card = f'<rect class="card" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>'
    head = f'{shape} role="img">\n<title>{escape(title)}</title>\n'
    return "\n".join([HEAD + head + STYLE + card, *parts, "</svg>\n"])


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    """Return a rectangle of one of the style's kinds, such as `read` or `change`."""
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5"/>'


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "middle") -> str:
    """Return one line of text; `y` is its base line, `anchor` is start, middle or end."""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'


def line(kind: str, *points: tuple[float, float], tip: bool = False) -> str:
    """Return a line through points, with an arrow's tip at its end when `tip` is set."""
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    end = ' marker-end="url(#tip)"' if tip else ""
    return f'<polyline class="{kind}" points="{path}"{end}/>'
