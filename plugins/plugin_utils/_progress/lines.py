# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines: progress where no terminal is, as in AWX. Internal to the collection."""

from __future__ import annotations

from typing import Callable, Optional, Union

from ansible_collections.shimops.containerd.plugins.plugin_utils._progress.state import Progress
from ansible_collections.shimops.containerd.plugins.plugin_utils._progress.watched import Watched
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.text import printable

#: Hosts that one line names.
MOST = 3


class Lines:
    """Writes a line when a batch begins and when something is lost, else at most one per ``interval`` seconds."""

    def __init__(self, write: Callable[[str], None], interval: float):
        self._write = write
        self._interval = interval
        self._last: Optional[float] = None

    def show(self, progress: Union[Progress, Watched], now: float, urgent: bool = False) -> None:
        """Write a line if it is time."""
        if urgent or self._last is None or now - self._last >= self._interval:
            self._last = now
            text = printable(progress.sentence) if isinstance(progress, Watched) else line(progress, now)
            self._write("progress: " + text)

    def over(self, progress: Progress, now: float) -> None:
        """A play is over: write its last line."""
        self.show(progress, now, urgent=True)

    def pause(self) -> None:
        """Nothing stands in the way of a question."""

    def close(self) -> None:
        """Nothing is left on the screen."""


def line(progress: Progress, now: float) -> str:
    """Everything in one line."""
    words = ["{0}: {1} of {2} hosts".format(printable(progress.name, 60), progress.done, progress.hosts)]
    if progress.rolling:
        words.append("batch {0} of {1}".format(progress.batch, len(progress.batches)))
    words += ["{0} {1}".format(number, word) for word, number in progress.counts()]
    left = progress.left(now)
    words.append("{0} passed".format(duration(now - progress.began)))
    if left is not None and progress.done < progress.hosts:
        words.append("about {0} left".format(duration(left)))
    sentence = ", ".join(words)
    busy = progress.busiest(MOST)
    if busy:
        names = ", ".join(
            "{0} {1} ({2})".format(printable(host, 60), printable(doing.task, 60), duration(now - doing.since))
            for host, doing in busy
        )
        more = len(progress.doing) - len(busy)
        sentence += "; now: " + names + (" and {0} more".format(more) if more else "")
    return sentence


def duration(seconds: float) -> str:
    """A duration as people read it, to the second below ten minutes."""
    whole = max(int(seconds), 0)
    if whole < 60:
        return "{0} s".format(whole)
    if whole < 600:
        return "{0} min {1:02d} s".format(whole // 60, whole % 60)
    if whole < 3600:
        return "{0} min".format(whole // 60)
    return "{0} h {1:02d} min".format(whole // 3600, whole % 3600 // 60)
