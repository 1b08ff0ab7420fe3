# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Markdown: the report as text that a merge request or a chat shows. Internal to the collection."""

from __future__ import annotations

import re

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports import template
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.files import Output
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import (
    SEVERITIES,
    STATES,
    Head,
    HostReport,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.text import printable
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.totals import Totals

NAME = "report.md"
#: Hosts that are listed one by one, and findings of each; report.json has them all.
MOST_HOSTS, MOST_FINDINGS = 200, 20
GOOD = ("clean", "verified", "current")


class Markdown:
    """``report.md``: the counts, then the hosts that have something to report."""

    def __init__(self, output: Output, head: Head):
        self._file = output.file(NAME)
        self._hosts = output.part()
        self._head = head
        self._listed = self._left_out = 0
        self._templates = template.environment(False, states=STATES, severities=SEVERITIES, most_findings=MOST_FINDINGS)
        self._templates.filters.update(prose=prose, code=code)
        self._host = template.macros(self._templates, "host.md.j2").host

    def host(self, report: HostReport) -> None:
        """Write one host, unless it has nothing to report."""
        if report.state in GOOD and not report.findings and not report.gone:
            return
        if self._listed >= MOST_HOSTS:
            self._left_out += 1
            return
        self._listed += 1
        self._hosts.write(self._host(report))

    def end(self, totals: Totals) -> None:
        """Write the counts, then the hosts."""
        for piece in self._templates.get_template("report.md.j2").generate(
            head=self._head,
            totals=totals,
            hosts=self._hosts,
            listed=self._listed,
            left_out=self._left_out,
            part=template.reader(str),
        ):
            self._file.write(piece)


def prose(value: object) -> str:
    """Text in which nothing is markup."""
    return re.sub(r"([\\`*_\[\]<>|~&#!])", r"\\\1", printable(value))


def code(value: object) -> str:
    """Text as a code span, also within a table."""
    text = printable(value).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return fence + pad + text + pad + fence if text else ""
