# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Timeline: a roll's waves over time, one band per batch, one line per host. Internal to the collection."""

from __future__ import annotations

from typing import IO, Dict, Optional

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.files import Output, pour
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import STATES, HostReport
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.page_parts import (
    TABLE_END,
    cell,
    esc,
    row,
    row_head,
    table_begin,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.text import count, moment, seconds
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.totals import Totals

#: Lines of one band before the next host is drawn over the first again.
LANES = 12
#: Bands that are drawn; the table has every batch.
MOST = 60


class Timeline:
    """Collects one line per host, in units of seconds since the first host that was seen."""

    def __init__(self, output: Output):
        self._output = output
        self._bands: Dict[int, IO[str]] = {}
        self._lanes: Dict[int, int] = {}
        self._origin: Optional[float] = None

    def host(self, report: HostReport) -> None:
        """Draw one host."""
        roll = report.roll
        if roll is None or roll.batch is None or roll.began is None or roll.ended is None:
            return
        if roll.batch not in self._bands:
            if len(self._bands) >= MOST:
                return
            self._bands[roll.batch] = self._output.part()
            self._lanes[roll.batch] = 0
        if self._origin is None:
            self._origin = roll.began
        lane = self._lanes[roll.batch] % LANES
        self._lanes[roll.batch] += 1
        self._bands[roll.batch].write(
            '<line class="{0}" x1="{1:.2f}" x2="{2:.2f}" y1="{3}" y2="{3}"><title>{4}</title></line>\n'.format(
                STATES[report.state][2],
                roll.began - self._origin,
                roll.ended - self._origin,
                5 + 6 * lane,
                esc("{0}: {1}, {2}".format(report.host, report.state, seconds(roll.ended - roll.began))),
            )
        )

    def write(self, out: IO[str], totals: Totals) -> None:
        """Write the bands and the table of waves."""
        out.write('<section id="waves" aria-labelledby="waves-head">\n<h2 id="waves-head">The waves of the roll</h2>\n')
        if self._bands:
            self._draw(out, totals)
        heads = [("Batch", ""), ("Hosts", "number"), ("Began", ""), ("Took", ""), ("Longest gap", ""), ("States", "")]
        out.write(table_begin("Waves", heads, unseen=True))
        for number, wave in sorted(totals.waves.items()):
            took = seconds(wave.ended - wave.began) if wave.began is not None and wave.ended is not None else ""
            states = ", ".join("{0} {1}".format(wave.states[one], one) for one in STATES if wave.states[one])
            out.write(
                row(
                    [
                        row_head("batch {0}".format(number)),
                        cell(str(sum(wave.states.values())), "Hosts", "number"),
                        cell(moment(wave.began), "Began"),
                        cell(took, "Took"),
                        cell(seconds(wave.gap), "Longest gap"),
                        cell(esc(states), "States"),
                    ]
                )
            )
        out.write(TABLE_END)
        if totals.longest:
            self._gaps(out, totals)
        sentence = "Every task with its verdict and the word of each witness is in tasks.csv and report.json."
        out.write('<p class="soft">{0}</p>\n'.format(sentence))
        out.write("</section>\n")

    def _draw(self, out: IO[str], totals: Totals) -> None:
        began = min(wave.began for wave in totals.waves.values() if wave.began is not None)
        ended = max(wave.ended for wave in totals.waves.values() if wave.ended is not None)
        left, span = began - self._origin, max(ended - began, 1)
        offsets, height = {}, 0
        for number in sorted(self._bands):
            offsets[number] = height
            height += 6 * min(self._lanes[number], LANES) + 10
        shape = (
            '<svg class="timeline" height="{0}" viewBox="{1:.2f} 0 {2:.2f} {0}" preserveAspectRatio="none" role="img"'
        )
        out.write(shape.format(height, left - span * 0.01, span * 1.02))
        sentence = "{0} from {1} to {2}; the table below says the same".format(
            count(len(self._bands), "batch", "batches"), moment(began), moment(ended)
        )
        out.write(' aria-label="{0}">\n'.format(esc(sentence)))
        for number, top in offsets.items():
            out.write('<g transform="translate(0 {0})">\n'.format(top))
            if top:
                edge = '<line class="edge" x1="{0:.2f}" x2="{1:.2f}" y1="0" y2="0"/>\n'
                out.write(edge.format(left - span, left + span * 2))
            pour(self._bands[number], out)
            out.write("</g>\n")
        out.write('</svg>\n<p class="axis"><span>{0}</span><span>{1}</span></p>\n'.format(moment(began), moment(ended)))

    @staticmethod
    def _gaps(out: IO[str], totals: Totals) -> None:
        mean = seconds(totals.gap_sum / totals.gaps)
        out.write(table_begin("Longest without containerd", [("Host", ""), ("Gap", "number")]))
        for gap, host in sorted(totals.longest, reverse=True):
            out.write(row([row_head(esc(host)), cell(seconds(gap), "Gap", "number")]))
        out.write(TABLE_END)
        out.write(
            '<p class="soft">{0} without containerd, on average {1}</p>\n'.format(count(totals.gaps, "host"), mean)
        )
