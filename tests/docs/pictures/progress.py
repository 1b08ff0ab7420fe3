# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress display: the drawing of the callback's own screen, from a scripted roll, as rich exports it."""

import io
from pathlib import Path

import yaml
from rich.console import Console

from ansible_collections.shimops.containerd.plugins.plugin_utils._progress import screen
from ansible_collections.shimops.containerd.plugins.plugin_utils._progress.state import Progress
from docs.pictures import svg

ROOT = Path(__file__).resolve().parents[3]
WIDTH = 112
MODULE = "shimops.containerd.shim_reconnect"
DONE = {"summary": {"reattached": 24, "exited": 1}}
REFUSED = {"summary": {}, "refused": True}


def play_name() -> str:
    """Return the name of the play that restarts, from the playbook."""
    plays = yaml.safe_load((ROOT / "playbooks" / "rolling_restart.yml").read_text())
    return next(play["name"] for play in plays if "serial" in play)


def task_name() -> str:
    """Return the name of the task that restarts, from the role."""
    files = sorted((ROOT / "roles" / "rolling_restart" / "tasks").glob("*.yml"))
    return next(task["name"] for path in files for task in yaml.safe_load(path.read_text()) if MODULE in task)


def roll(task: str) -> Progress:
    """Return a roll over 12 hosts in its third batch, 96 seconds after its begin."""
    hosts = [f"node-{number:02d}" for number in range(1, 13)]
    one = Progress(play_name(), len(hosts), [1, 3, 8], 5, 0.0)
    one.begin_batch(hosts[:1], 0.0)
    one.end(hosts[0], MODULE, DONE, "ok", 34.0)
    one.begin_batch(hosts[1:4], 35.0)
    for number, host in enumerate(hosts[1:4]):
        one.end(host, MODULE, REFUSED if number == 1 else DONE, "ok", 68.0 + number)
    one.begin_batch(hosts[4:], 71.0)
    for number, host in enumerate(hosts[4:9]):
        one.begin(host, task, 72.0 + number)
    one.end(hosts[4], MODULE, DONE, "ok", 95.0)
    return one


def draw() -> str:
    """Return the picture as SVG."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor", highlight=False
    )
    task = task_name()
    head = f"TASK [shimops.containerd.rolling_restart : {task}] "
    console.print(head.ljust(WIDTH, "*"), markup=False)
    console.print("ok: [node-05]", style="green", markup=False)
    console.print(screen.drawing(roll(task), 96.0))
    title = "ansible-playbook shimops.containerd.rolling_restart"
    picture = console.export_svg(title=title, unique_id="progress", code_format=FORMAT)
    return svg.HEAD + "\n".join(row.rstrip() for row in picture.splitlines()) + "\n"


# rich's own form without the web font, which no image may load; the font is one that terminals have.
FORMAT = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: {char_height}px;
 line-height: {line_height}px }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: "DejaVu Sans", Arial, sans-serif }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
