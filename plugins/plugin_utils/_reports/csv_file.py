# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CSV: tables for a spreadsheet, which shall never take a name for a formula. Internal to the collection."""

from __future__ import annotations

import csv

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.files import Output
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import Finding, Head, HostReport
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.text import printable, timestamp
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.totals import Totals

HOSTS = ("host", "state", "message", "in_memory", "on_disk", "findings", "waived", "new", "gone", "at")
ROLL = ("batch", "began", "ended", "gap", "tasks")
FINDINGS = ("host", "rule", "severity", "status", "subject", "pod", "reason", "command", "waiver", "drift")
TASKS = ("host", "batch", "namespace", "id", "pod", "verdict", "shim", "containerd", "kernel", "reason")
#: What makes a spreadsheet take a cell for a formula.
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class CsvFiles:
    """``hosts.csv`` and ``findings.csv``, of a roll ``tasks.csv`` too: one line per host, finding and task."""

    def __init__(self, output: Output, head: Head):
        self._roll = head.kind == "roll"
        self._rules = head.rules
        self._hosts = _table(output, "hosts.csv", HOSTS + (ROLL if self._roll else ()))
        self._findings = _table(output, "findings.csv", FINDINGS)
        self._tasks = _table(output, "tasks.csv", TASKS) if self._roll else None

    def host(self, report: HostReport) -> None:
        """Write one host's lines."""
        open_ones = [one for one in report.findings if not one.waived and not one.unknown]
        row = [report.host, report.state, report.message, *report.daemon, len(open_ones)]
        row += [sum(bool(one.waived) for one in report.findings), sum(one.new is True for one in report.findings)]
        row += [len(report.gone), timestamp(report.at)]
        roll = report.roll
        if self._roll:
            row += (
                [roll.batch, timestamp(roll.began), timestamp(roll.ended), roll.gap, len(roll.tasks)]
                if roll
                else [""] * 5
            )
        self._hosts.writerow(cells(row))
        for one in report.findings:
            self._findings.writerow(cells(_finding(report.host, one)))
        for one in report.gone:
            self._findings.writerow(cells(_finding(report.host, one, "gone")))
        tasks = self._tasks
        if roll is None or tasks is None:
            return
        for task in roll.tasks:
            said = task.witnesses or {}
            words = [said.get(name) for name in ("shim", "containerd", "kernel")]
            line = [report.host, roll.batch, task.namespace, task.id, task.pod, task.verdict, *words, task.reason]
            tasks.writerow(cells(line))

    def end(self, totals: Totals) -> None:
        """Nothing follows."""


def cells(row) -> list:
    """A row as a spreadsheet may read it: what would be a formula begins with an apostrophe."""
    found = []
    for value in row:
        text = printable(value)
        risky = text.lstrip().startswith(FORMULA) and not isinstance(value, (int, float))
        found.append("'" + text if risky else text)
    return found


def _finding(host: str, one: Finding, drift: str = "") -> list:
    status = "waived" if one.waived else "unknown" if one.unknown else "open"
    drift = drift or {True: "new", False: "known", None: ""}[one.new]
    status = "gone" if drift == "gone" else status
    row = [host, one.rule, one.severity, status, one.subject, one.pod, one.reason, one.command]
    return [*row, one.waived or (one.expired and "expired: " + one.expired), drift]


def _table(output: Output, name: str, header):
    writer = csv.writer(output.file(name))
    writer.writerow(header)
    return writer
