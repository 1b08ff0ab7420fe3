# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Screen: progress at the bottom of a terminal, below the normal output. The one file that imports rich. Internal."""

from __future__ import annotations

import sys
import threading
from typing import Callable, Optional, Union

from ansible_collections.shimops.containerd.plugins.plugin_utils._progress.lines import duration, line
from ansible_collections.shimops.containerd.plugins.plugin_utils._progress.state import Progress
from ansible_collections.shimops.containerd.plugins.plugin_utils._progress.watched import Watched
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.text import printable
from ansible_collections.shimops.containerd.plugins.plugin_utils._run import budgets

try:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.padding import Padding
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text
except ImportError:
    HAS_RICH = False
else:
    HAS_RICH = True

#: Hosts that are named with what they do.
MOST = 6
#: Seconds between two drawings while nothing happens.
TICK = 1.0
#: Columns of a bar.
BAR = 24
GOOD_WORDS, BAD_STYLE, GOOD_STYLE = ("reattached", "exited", "new", "tasks"), "bold red", "green"


class Above:
    """A stream that writes whole lines above the drawing, as they are: rich alone would wrap them at the width."""

    def __init__(self, stream, console: Console):
        self._stream = stream
        self._console = console
        self._begun = ""

    def write(self, text: str) -> int:
        """Write what is a whole line; keep the rest."""
        self._begun += text
        lines, newline, self._begun = self._begun.rpartition("\n")
        if newline:
            self._console.print(Text.from_ansi(lines), soft_wrap=True)
        return len(text)

    def flush(self) -> None:
        """Lines are written at once."""

    def stop(self):
        """The stream itself again, with what was kept."""
        self._stream.write(self._begun)
        self._stream.flush()
        return self._stream

    def __getattr__(self, name: str):
        return getattr(self._stream, name)


class Screen:
    """Draws below the normal output, which rich lets pass above.

    Workers are forked while ``lock``, Ansible's own, is held. Whatever is drawn is drawn under the same lock, so no
    worker inherits a lock of rich's that nobody will release.
    """

    def __init__(self, lock, clock: Callable[[], float]):
        self._lock = lock
        self._clock = clock
        self._progress: Union[Progress, Watched, None] = None
        self._live: Optional[Live] = None
        self._over = threading.Event()
        self._ticker: Optional[threading.Thread] = None

    def show(self, progress: Union[Progress, Watched], now: float, urgent: bool = False) -> None:
        """Draw."""
        with self._lock:
            self._progress = progress
            live = self._live or self._start()
            live.update(drawing(progress, now), refresh=True)
        if self._ticker is None:
            self._ticker = threading.Thread(target=self._tick, daemon=True)
            self._ticker.start()

    def pause(self) -> None:
        """Take the drawing away, until the next one: somebody is going to be asked something."""
        with self._lock:
            if self._live is not None:
                self._live.stop()
                self._live = None
                sys.stdout, sys.stderr = (
                    one.stop() if isinstance(one, Above) else one for one in (sys.stdout, sys.stderr)
                )

    def over(self, progress: Progress, now: float) -> None:
        """A play is over: leave its last line among the output."""
        with self._lock:
            print("progress: " + line(progress, now), flush=True)

    def _start(self) -> Live:
        # The stream by name: a console without one writes to whatever sys.stdout is then.
        console = Console(file=sys.stdout)
        live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)
        live.start()
        self._live = live
        sys.stdout, sys.stderr = (Above(one, console) if one.isatty() else one for one in (sys.stdout, sys.stderr))
        return live

    def close(self) -> None:
        """Take it away for good."""
        self._over.set()
        self.pause()

    def _tick(self) -> None:
        while not self._over.wait(TICK):
            with self._lock:
                if self._live is not None and self._progress is not None and not self._over.is_set():
                    self._live.update(drawing(self._progress, self._clock()), refresh=True)


def drawing(progress: Union[Progress, Watched], now: float):
    """What stands at the bottom of the terminal: a play of this controller, or a run that is watched."""
    return _watched(progress) if isinstance(progress, Watched) else _play(progress, now)


def _watched(watched: Watched) -> Group:
    """A bar, and the lines for people."""
    title, *rest = (Text(printable(text), no_wrap=True, overflow="ellipsis") for text in watched.lines)
    title.stylize("bold")
    for text in rest:
        if text.plain.lstrip().startswith(("stopped", *budgets.NAMES)):
            text.stylize(BAD_STYLE)
    done = Padding(ProgressBar(max(watched.hosts, 1), watched.done, width=BAR), (0, 0, 0, 2))
    return Group(Text(""), title, done, *rest)


def _play(progress: Progress, now: float) -> Group:
    """Two bars, the counts, and what the hosts do."""
    left = progress.left(now)
    rest = "about {0} left".format(duration(left)) if left is not None and progress.done < progress.hosts else ""
    grid = Table.grid(padding=(0, 1))
    for _column in range(2):
        grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    sentence = "{0} of {1} hosts  {2}  {3}".format(progress.done, progress.hosts, duration(now - progress.began), rest)
    grid.add_row("fleet", ProgressBar(max(progress.hosts, 1), progress.done, width=BAR), sentence)
    if progress.rolling:
        size = len(progress.current)
        sentence = "{0} of {1}, {2} of {3} hosts".format(
            progress.batch, len(progress.batches), len(progress.done_here), size
        )
        grid.add_row("batch", ProgressBar(max(size, 1), len(progress.done_here), width=BAR), sentence)
    counts = Text(no_wrap=True, overflow="ellipsis")
    for word, number in progress.counts():
        style = GOOD_STYLE if word in GOOD_WORDS else BAD_STYLE
        counts.append("{0} {1}  ".format(number, word), style=style)
    rows = [
        (printable(host, 60), printable(doing.task, 80), now - doing.since) for host, doing in progress.busiest(MOST)
    ]
    hosts = Table.grid(padding=(0, 1))
    # A host keeps its name when its task is long.
    hosts.add_column(
        no_wrap=True, overflow="ellipsis", min_width=min(max([len(row[0]) for row in rows] or [0]) + 2, 32)
    )
    hosts.add_column(no_wrap=True, overflow="ellipsis")
    hosts.add_column(no_wrap=True, min_width=4)
    for host, task, since in rows:
        # Text: a name in brackets is no markup.
        hosts.add_row(Text("  " + host), Text(task), Text(duration(since)))
    surplus = len(progress.doing) - MOST
    if surplus > 0:
        hosts.add_row(Text("  and {0} more".format(surplus)))
    title = Text(printable(progress.name, 100), style="bold", no_wrap=True, overflow="ellipsis")
    return Group(Text(""), title, grid, counts, hosts)
