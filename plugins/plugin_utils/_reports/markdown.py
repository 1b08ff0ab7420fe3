# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Markdown: a page for a wiki, a ticket or a job's summary. Internal to the collection."""

from __future__ import annotations

import re

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.files import Output, pour
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import (
    SEVERITIES,
    STATES,
    Head,
    HostReport,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.text import count, moment, plain, seconds
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.totals import Totals

NAME = "report.md"
#: Hosts that are listed one by one, and findings of each; report.json has them all.
MOST_HOSTS, MOST_FINDINGS = 200, 20
GOOD = ("clean", "verified", "current")


class Markdown:
    """``report.md``: the counts, then the hosts that something is to be said of."""

    def __init__(self, output: Output, head: Head):
        self._file = output.file(NAME)
        self._body = output.part()
        self._head = head
        self._sentence = self._left_out = 0

    def host(self, report: HostReport) -> None:
        """Write one host, unless there is nothing to say of it."""
        if report.state in GOOD and not report.findings and not report.gone:
            return
        if self._sentence >= MOST_HOSTS:
            self._left_out += 1
            return
        self._sentence += 1
        out = self._body
        out.write("\n### {0}: {1}\n\n".format(prose(report.host), STATES[report.state][0]))
        if report.message:
            out.write(prose(report.message) + "\n\n")
        if report.findings or report.gone:
            out.write("| rule | severity | what | why |\n|---|---|---|---|\n")
        listed = 0
        for one in report.findings[:MOST_FINDINGS]:
            listed += 1
            marks = "waived: " + one.waived if one.waived else "new" if one.new else ""
            pod = " (pod {0})".format(code(one.pod)) if one.pod else ""
            why = prose(one.reason) + (" ({0})".format(prose(marks)) if marks else "")
            subject = code(one.subject) + pod if one.subject else "the host"
            out.write("| {0} | {1} | {2} | {3} |\n".format(prose(one.rule), one.severity, subject, why))
        for one in report.gone[: MOST_FINDINGS - listed]:
            subject = code(one.subject) if one.subject else "the host"
            out.write(
                "| {0} | {1} | {2} | gone since the earlier run |\n".format(prose(one.rule), one.severity, subject)
            )
        surplus = len(report.findings) + len(report.gone) - MOST_FINDINGS
        if surplus > 0:
            out.write("\nand {0} more\n".format(surplus))

    def end(self, totals: Totals) -> None:
        """Write the counts, then the hosts."""
        head, out = self._head, self._file
        out.write("# {0}\n\nRun {1}, {2}".format(prose(head.title), code(head.run_id), count(totals.hosts, "host")))
        out.write(", began {0}.\n".format(moment(head.began)) if head.began else ".\n")
        for note in head.notes:
            out.write("\n{0}\n".format(prose(note)))
        out.write("\n| state | hosts |\n|---|---:|\n")
        for state, number in totals.ordered_states():
            out.write("| {0} {1} | {2} |\n".format(STATES[state][1], STATES[state][0], number))
        sentence = ["{0} {1}".format(totals.severities[one], one) for one in SEVERITIES if totals.severities[one]]
        out.write("\nFindings: {0}.".format(", ".join(sentence) or "none"))
        out.write(" Waived: {0}.".format(totals.waived) if totals.waived else "")
        out.write(" Waivers that have expired: {0}.".format(totals.expired) if totals.expired else "")
        if head.previous:
            out.write(" Since {0}: {1} new, {2} gone.".format(code(head.previous), totals.new, totals.gone))
        out.write("\n")
        self._rules(totals)
        self._rest(totals)
        if self._sentence:
            out.write("\n## Hosts\n")
            pour(self._body, out)
        if self._left_out:
            out.write("\n{0} more are in report.json.\n".format(count(self._left_out, "host")))

    def _rules(self, totals: Totals) -> None:
        found = totals.found()
        if not found:
            return
        self._file.write("\n## Rules\n\n| rule | severity | hosts | findings | waived | not judged | what to do |\n")
        self._file.write("|---|---|---:|---:|---:|---:|---|\n")
        for rule, total in found:
            numbers = " | ".join(str(one) for one in (total.hosts, total.findings, total.waived, total.unknown))
            title = "{0}: {1}".format(prose(rule.id), prose(rule.title))
            self._file.write("| {0} | {1} | {2} | {3} |\n".format(title, rule.severity, numbers, prose(rule.remedy)))

    def _rest(self, totals: Totals) -> None:
        out = self._file
        if totals.counts:
            out.write("\n## {0}\n\n".format("Verdicts" if self._head.kind == "roll" else "What a restart would do"))
            out.write("| | |\n|---|---:|\n")
            for word, number in totals.counts.most_common():
                out.write("| {0} | {1} |\n".format(prose(word), number))
        if totals.daemons:
            out.write("\n## containerd in memory and on disk\n\n| in memory | on disk | hosts |\n|---|---|---:|\n")
            for (running, installed), number in totals.daemons.most_common():
                out.write("| {0} | {1} | {2} |\n".format(prose(running), prose(installed), number))
        if totals.waves:
            out.write("\n## Waves\n\n| batch | hosts | began | took | longest gap |\n|---:|---:|---|---|---|\n")
        for number, wave in sorted(totals.waves.items()):
            took = seconds(wave.ended - wave.began) if wave.began is not None and wave.ended is not None else ""
            row = (number, sum(wave.states.values()), moment(wave.began), took, seconds(wave.gap))
            out.write("| {0} | {1} | {2} | {3} | {4} |\n".format(*row))


def prose(value: object) -> str:
    """Text in which nothing is markup."""
    return re.sub(r"([\\`*_\[\]<>|~&#!])", r"\\\1", plain(value))


def code(value: object) -> str:
    """Text as a code span, also within a table."""
    text = plain(value).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return fence + pad + text + pad + fence if text else ""
