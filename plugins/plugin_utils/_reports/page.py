# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Page: one HTML file with everything in it, readable without its script. Internal to the collection."""

from __future__ import annotations

import base64
import hashlib
from typing import IO, Dict, Optional

from markupsafe import Markup

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports import template
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.files import Output
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import STATES, Head, HostReport
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.timeline import Timeline
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.totals import Totals

NAME = "report.html"
SEVERITY_TONES = {"blocker": "bad", "major": "warn", "minor": "note", "info": "none"}
#: Things of one rule that its row names, and findings that a host's card shows.
MOST_SUBJECTS, MOST_FINDINGS = 3, 40


class Page:
    """``report.html``: the fleet at a glance, per rule, per host. Pieces wait in files until all is counted."""

    def __init__(self, output: Output, head: Head):
        self._file = output.file(NAME)
        self._output = output
        self._head = head
        self._map, self._cards = output.part(), output.part()
        self._rules: Dict[str, IO[str]] = {}
        self._templates = template.environment(
            True, states=STATES, tones=SEVERITY_TONES, most_subjects=MOST_SUBJECTS, most_findings=MOST_FINDINGS
        )
        self._pieces = template.macros(self._templates, "host.html.j2")
        self._timeline: Optional[Timeline] = Timeline(output, self._pieces.line) if head.kind == "roll" else None
        self._number = 0

    def host(self, report: HostReport) -> None:
        """Add one host to the map, to its rules and to the list."""
        self._number += 1
        anchor = "host-{0}".format(self._number)
        self._map.write(self._pieces.map_cell(anchor, report))
        rules = sorted({one.rule for one in report.findings if not one.waived})
        drift = (["new"] if any(one.new for one in report.findings) else []) + (["gone"] if report.gone else [])
        self._cards.write(self._pieces.card(anchor, report, rules, drift))
        for name in dict.fromkeys(one.rule for one in report.findings):
            if name not in self._rules:
                self._rules[name] = self._output.part()
            mine = [one for one in report.findings if one.rule == name]
            self._rules[name].write(self._pieces.rule_row(anchor, report, mine))
        if self._timeline:
            self._timeline.host(report)

    def end(self, totals: Totals) -> None:
        """Put the pieces together."""
        style, script = template.text("page.css"), template.text("page.js")
        page = self._templates.get_template("report.html.j2")
        for piece in page.generate(
            head=self._head,
            totals=totals,
            timeline=self._timeline,
            map=self._map,
            cards=self._cards,
            rows=self._rules,
            part=template.reader(Markup),
            style=Markup(style),
            script=Markup(script),
            policy=policy(script, style),
        ):
            self._file.write(piece)


def policy(script: str, style: str) -> str:
    """What the page may load: its own script and style, and nothing else."""
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, style))
    words = "default-src 'none'; base-uri 'none'; form-action 'none'; script-src 'sha256-{0}'; style-src 'sha256-{1}'"
    return words.format(*hashes)
