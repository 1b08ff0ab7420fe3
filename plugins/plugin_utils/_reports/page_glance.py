# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet at a glance: the first part of the page. Internal to the collection."""

from __future__ import annotations

from typing import IO, Iterable, Tuple

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import STATES, Head
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.page_parts import (
    SEVERITY_TONES,
    TABLE_END,
    cell,
    esc,
    meter,
    row,
    row_head,
    table_begin,
    tag,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.text import count
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.totals import Totals


class Glance:
    """Writes the glance around the map's cells, which the page has."""

    def __init__(self, out: IO[str], head: Head, totals: Totals):
        self._out = out
        self._head = head
        self._totals = totals

    def begin(self) -> None:
        """Write what comes before the map's cells."""
        out, totals = self._out, self._totals
        out.write('<section id="glance" aria-labelledby="glance-head">\n')
        out.write('<h2 id="glance-head">The fleet at a glance</h2>\n<ul class="tiles">\n')
        for state, number in totals.ordered_states():
            words, _sign, tone = STATES[state]
            out.write('<li class="{0}"><strong>{1:,}</strong>{2}</li>\n'.format(tone, number, esc(words)))
        out.write("</ul>\n")
        if self._head.previous:
            sentence = "Since {0}: {1}, {2} gone.".format(
                self._head.previous, count(totals.new, "new finding"), "{0:,}".format(totals.gone)
            )
            out.write("<p>{0}</p>\n".format(esc(sentence)))
        if totals.expired:
            out.write("<p>{0}</p>\n".format(esc(count(totals.expired, "finding") + " whose waiver has expired.")))
        out.write('<h3>Hosts by state</h3>\n<ol class="map" aria-label="Every host with its state">\n')

    def end(self) -> None:
        """Write what comes after them."""
        out, totals = self._out, self._totals
        out.write('</ol>\n<ul class="legend">\n')
        for state, _number in totals.ordered_states():
            words, sign, tone = STATES[state]
            out.write('<li><b class="{0}" aria-hidden="true">{1}</b> {2}</li>\n'.format(tone, sign, esc(words)))
        out.write("</ul>\n")
        self._bars()
        self._versions()
        self._rules()
        out.write("</section>\n")

    def _bars(self) -> None:
        counts = self._totals.counts
        if not counts:
            return
        roll = self._head.kind == "roll"
        title = "Verdicts on the tasks" if roll else "What a restart would do"
        self._out.write("<h3>{0}</h3>\n".format(title))
        heads = [("Verdict" if roll else "Outcome", ""), ("Tasks" if roll else "Bundles", "number"), ("Share", "bar")]
        self._out.write(table_begin(title, heads, unseen=True))
        whole = sum(counts.values())
        for word, number in counts.most_common():
            numbers = cell("{0:,}".format(number), heads[1][0], "number")
            self._out.write(row([row_head(esc(word)), numbers, cell(meter(number, whole), "", "bar")]))
        self._out.write(TABLE_END)

    def _versions(self) -> None:
        totals = self._totals
        if not totals.daemons:
            return
        self._out.write("<h3>Versions in memory and on disk</h3>\n")
        rows = (("containerd", running, disk, number) for (running, disk), number in totals.daemons.most_common())
        shims = (("shims", running, disk, number) for (running, disk), number in totals.shims.most_common())
        self._table_of_versions("Daemons, by host", "Hosts", rows)
        if totals.shims:
            self._table_of_versions("Shims, by process", "Shims", shims)

    def _table_of_versions(self, caption: str, what: str, rows: Iterable[Tuple[str, str, str, int]]) -> None:
        heads = [("In memory", ""), ("On disk", ""), (what, "number"), ("", "")]
        self._out.write(table_begin(caption, heads[:3] + [("Restart needed", "")]))
        for _what, running, disk, number in rows:
            same = running == disk or running == "as on disk"
            mark = "" if same else tag("differs", "warn")
            cells = [cell(esc(disk), "On disk"), cell("{0:,}".format(number), what, "number"), cell(mark)]
            self._out.write(row([row_head(esc(running)), *cells]))
        self._out.write(TABLE_END)

    def _rules(self) -> None:
        found = self._totals.found()
        if not found:
            return
        drift = bool(self._head.previous)
        heads = [("Rule", ""), ("Severity", ""), ("Hosts", "number"), ("Findings", "number"), ("Waived", "number")]
        heads += [("Not judged", "number")] + ([("New", "number"), ("Gone", "number")] if drift else [])
        self._out.write("<h3>Counts per rule</h3>\n" + table_begin("Counts per rule", heads, unseen=True))
        for rule, total in found:
            link = '<a href="#rule-{0}">{1}</a>'.format(esc(rule.id), esc(rule.title))
            numbers = [total.hosts, total.findings, total.waived, total.unknown]
            numbers += [total.new, total.gone] if drift else []
            cells = [cell(tag(rule.severity, SEVERITY_TONES[rule.severity]), "Severity")]
            cells += [cell("{0:,}".format(number), head[0], "number") for number, head in zip(numbers, heads[2:])]
            self._out.write(row([row_head(link), *cells]))
        self._out.write(TABLE_END)
