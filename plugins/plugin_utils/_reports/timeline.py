# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Timeline: where a roll's hosts are drawn over time, one band per batch, one line per host. Internal."""

from __future__ import annotations

from typing import IO, Callable, Dict, NamedTuple, Optional

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.files import Output
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import HostReport
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.totals import Totals

LANES = 12
MOST = 60


class Shape(NamedTuple):
    """The size of the drawing: times in seconds since the epoch, the rest in units of the drawing."""

    began: float
    ended: float
    left: float
    span: float
    height: int
    offsets: Dict[int, int]


class Timeline:
    """Collects one line per host, in units of seconds since the first host that was seen.

    :param line: draws a host: its report, the left and right end, and the distance from the band's top.
    """

    def __init__(self, output: Output, line: Callable[[HostReport, float, float, int], str]):
        self._output = output
        self._line = line
        self.bands: Dict[int, IO[str]] = {}
        self._lanes: Dict[int, int] = {}
        self._origin: Optional[float] = None

    def host(self, report: HostReport) -> None:
        """Draw one host."""
        roll = report.roll
        if roll is None or roll.batch is None or roll.began is None or roll.ended is None:
            return
        if roll.batch not in self.bands:
            if len(self.bands) >= MOST:
                return
            self.bands[roll.batch] = self._output.part()
            self._lanes[roll.batch] = 0
        if self._origin is None:
            self._origin = roll.began
        lane = self._lanes[roll.batch] % LANES
        self._lanes[roll.batch] += 1
        line = self._line(report, roll.began - self._origin, roll.ended - self._origin, 5 + 6 * lane)
        self.bands[roll.batch].write(line)

    def shape(self, totals: Totals) -> Shape:
        """The size of the drawing, and where each band begins."""
        began = min(wave.began for wave in totals.waves.values() if wave.began is not None)
        ended = max(wave.ended for wave in totals.waves.values() if wave.ended is not None)
        offsets, height = {}, 0
        for number in sorted(self.bands):
            offsets[number] = height
            height += 6 * min(self._lanes[number], LANES) + 10
        return Shape(began, ended, began - (self._origin or 0), max(ended - began, 1), height, offsets)
