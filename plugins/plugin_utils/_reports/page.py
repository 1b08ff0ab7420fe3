# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Page: one HTML file with everything in it, readable without its script. Internal to the collection."""

from __future__ import annotations

import base64
import hashlib
from typing import IO, Dict

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.files import Output, pour
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import (
    STATES,
    Head,
    HostReport,
    Rule,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.page_glance import Glance
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.page_parts import (
    SEVERITY_TONES,
    TABLE_END,
    cell,
    esc,
    host_card,
    map_cell,
    row,
    row_head,
    subject,
    table_begin,
    tag,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.page_script import SCRIPT
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.page_style import STYLE
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.text import count, moment
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.timeline import Timeline
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.totals import Totals

NAME = "report.html"
#: Subjects of one host that a rule's table names.
MOST_SUBJECTS = 3


class Page:
    """``report.html``: the fleet at a glance, per rule, per host. Pieces wait in files until all is counted."""

    def __init__(self, output: Output, head: Head):
        self._file = output.file(NAME)
        self._output = output
        self._head = head
        self._map, self._cards = output.part(), output.part()
        self._rules: Dict[str, IO[str]] = {}
        self._timeline = Timeline(output) if head.kind == "roll" else None
        self._number = 0

    def host(self, report: HostReport) -> None:
        """Add one host to the map, to its rules and to the list."""
        self._number += 1
        anchor = "host-{0}".format(self._number)
        self._map.write(map_cell(anchor, report))
        self._cards.write(host_card(anchor, report))
        for name in dict.fromkeys(one.rule for one in report.findings):
            if name not in self._rules:
                self._rules[name] = self._output.part()
            self._rules[name].write(_rule_row(anchor, report, name))
        if self._timeline:
            self._timeline.host(report)

    def end(self, totals: Totals) -> None:
        """Put the pieces together."""
        head, out = self._head, self._file
        title = "{0}: {1}".format(head.title, head.run_id)
        out.write('<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n')
        out.write('<meta name="viewport" content="width=device-width, initial-scale=1">\n')
        out.write('<meta name="referrer" content="no-referrer">\n')
        out.write('<meta http-equiv="Content-Security-Policy" content="{0}">\n'.format(esc(policy())))
        out.write("<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n".format(esc(title), STYLE))
        out.write('<a class="skip" href="#hosts">Skip to the hosts</a>\n<header>\n')
        out.write("<h1>{0}</h1>\n".format(esc(head.title)))
        began = ", began {0}".format(moment(head.began)) if head.began else ""
        sentence = 'Run <span class="mono">{0}</span>, {1}{2}'.format(
            esc(head.run_id), count(totals.hosts, "host"), began
        )
        out.write("<p>{0}</p>\n".format(sentence))
        for note in head.notes:
            out.write('<p class="soft">{0}</p>\n'.format(esc(note)))
        self._navigation(out, totals)
        out.write("</header>\n<main>\n")
        glance = Glance(out, head, totals)
        glance.begin()
        pour(self._map, out)
        glance.end()
        if self._timeline:
            self._timeline.write(out, totals)
        self._by_rule(out, totals)
        self._by_host(out, totals)
        out.write("</main>\n<script>{0}</script>\n</body>\n</html>\n".format(SCRIPT))

    def _navigation(self, out: IO[str], totals: Totals) -> None:
        links = [("glance", "At a glance")] + ([("waves", "Waves")] if self._timeline else [])
        links += [("rules", "By rule"), ("hosts", "By host")]
        sentence = "".join('<li><a href="#{0}">{1}</a></li>'.format(anchor, words) for anchor, words in links)
        out.write('<nav aria-label="Parts of this page"><ul>{0}</ul></nav>\n'.format(sentence))

    def _by_rule(self, out: IO[str], totals: Totals) -> None:
        out.write('<section id="rules" aria-labelledby="rules-head">\n<h2 id="rules-head">By rule</h2>\n')
        found = totals.found()
        if not found:
            out.write("<p>Nothing was found.</p>\n")
        for rule, total in found:
            self._rule(out, rule, total)
        out.write("</section>\n")

    def _rule(self, out: IO[str], rule: Rule, total) -> None:
        out.write('<article class="card" id="rule-{0}">\n'.format(esc(rule.id)))
        tone = tag(rule.severity, SEVERITY_TONES[rule.severity])
        out.write('<h3>{0} <span class="mono soft">{1}</span> {2}</h3>\n'.format(esc(rule.title), esc(rule.id), tone))
        for name, words in (("Why it matters", rule.why), ("What to do", rule.remedy), ("Pack", rule.pack)):
            if words:
                out.write("<p><strong>{0}:</strong> {1}</p>\n".format(name, esc(words)))
        if rule.id in self._rules:
            sentence = (
                [count(total.findings, "finding") + " on " + count(total.hosts, "host")] if total.findings else []
            )
            sentence += ["{0} waived".format(total.waived)] if total.waived else []
            sentence += ["not judged on {0}".format(count(total.unknown, "host"))] if total.unknown else []
            out.write("<details><summary>{0}</summary>\n".format(", ".join(sentence)))
            out.write(table_begin("Hosts of " + rule.id, [("Host", ""), ("Findings", "number"), ("What", "")], True))
            pour(self._rules[rule.id], out)
            out.write(TABLE_END + "</details>\n")
        if total.gone:
            out.write("<p>{0} gone since the earlier run</p>\n".format(count(total.gone, "finding")))
        out.write("</article>\n")

    def _by_host(self, out: IO[str], totals: Totals) -> None:
        out.write('<section id="hosts" aria-labelledby="hosts-head">\n<h2 id="hosts-head">By host</h2>\n')
        states = [(state, "{0} ({1})".format(STATES[state][0], number)) for state, number in totals.ordered_states()]
        rules = [(rule.id, "{0} ({1})".format(rule.id, total.hosts)) for rule, total in totals.found()]
        drift = [("new", "with new findings"), ("gone", "with findings gone")] if self._head.previous else []
        out.write(
            '<form id="filter" class="filter" hidden role="search" aria-label="Filter the hosts">\n'
            '<label>Words (press / to get here)<input name="words" type="search" autocomplete="off" spellcheck="false">'
            "</label>\n"
        )
        for name, words, choices in (("state", "State", states), ("rule", "Rule", rules), ("drift", "Drift", drift)):
            if name == "drift" and not drift:
                continue
            sentence = "".join('<option value="{0}">{1}</option>'.format(esc(key), esc(text)) for key, text in choices)
            out.write(
                '<label>{0}<select name="{1}"><option value="">all</option>{2}</select></label>\n'.format(
                    words, name, sentence
                )
            )
        out.write('<button type="reset">Show all</button>\n<output id="shown" aria-live="polite"></output>\n</form>\n')
        pour(self._cards, out)
        out.write("</section>\n")


def policy() -> str:
    """What the page may load: itself and nothing else."""
    script, style = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (SCRIPT, STYLE))
    words = "default-src 'none'; base-uri 'none'; form-action 'none'; script-src 'sha256-{0}'; style-src 'sha256-{1}'"
    return words.format(script, style)


def _rule_row(anchor: str, report: HostReport, name: str) -> str:
    mine = [one for one in report.findings if one.rule == name]
    sentence = ", ".join(subject(one) for one in mine[:MOST_SUBJECTS])
    more = " and {0} more".format(len(mine) - MOST_SUBJECTS) if len(mine) > MOST_SUBJECTS else ""
    marks = " " + tag("waived", "none") if all(one.waived for one in mine) else ""
    marks += " " + tag("not judged", "warn") if any(one.unknown for one in mine) else ""
    marks += " " + tag("new", "bad") if any(one.new for one in mine) else ""
    link = '<a href="#{0}">{1}</a>'.format(anchor, esc(report.host))
    return row([row_head(link), cell(str(len(mine)), "Findings", "number"), cell(sentence + more + marks, "What")])
