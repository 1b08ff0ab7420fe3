# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prometheus: a file for node_exporter's textfile collector. Internal to the collection."""

from __future__ import annotations

from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict import VERDICTS
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports import roll
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.files import Output, pour
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import SEVERITIES, Head, HostReport
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.totals import Totals

NAME = "shimops.prom"
#: Every metric with what it means; all are gauges, and a host has no series for what it does not have.
METRICS = {
    "shimops_run_began_timestamp_seconds": "When the run that the report is of began.",
    "shimops_hosts": "Hosts by what the run says of them.",
    "shimops_findings": "Findings by rule that are not waived.",
    "shimops_waived_findings": "Findings by rule that a waiver accepts.",
    "shimops_unjudged_hosts": "Hosts by rule that could not be judged.",
    "shimops_expired_waivers": "Findings whose waiver has expired.",
    "shimops_new_findings": "Findings that the earlier run did not have.",
    "shimops_gone_findings": "Findings that only the earlier run had.",
    "shimops_tasks": "Tasks by their verdict in the roll.",
    "shimops_bundles": "Bundles by what a restart would do to them.",
    "shimops_host_state": "1, with the state of the host as a label.",
    "shimops_host_containerd_info": "1, with the releases in memory and on disk as labels.",
    "shimops_host_findings": "Findings of the host by severity that are not waived.",
    "shimops_host_gap_seconds": "Seconds the host was without containerd.",
}


class Prometheus:
    """``shimops.prom``: each metric's samples together, as the format wants."""

    def __init__(self, output: Output, head: Head):
        self._file = output.file(NAME)
        self._head = head
        self._parts = {name: output.part() for name in METRICS}

    def host(self, report: HostReport) -> None:
        """Add one host's samples."""
        self._add("shimops_host_state", 1, host=report.host, state=report.state)
        if any(report.daemon):
            running, installed = report.daemon
            self._add("shimops_host_containerd_info", 1, host=report.host, running=running, installed=installed)
        for severity in SEVERITIES:
            number = sum(one.severity == severity and not one.waived and not one.unknown for one in report.findings)
            if number:
                self._add("shimops_host_findings", number, host=report.host, severity=severity)
        if report.roll and report.roll.gap is not None:
            self._add("shimops_host_gap_seconds", report.roll.gap, host=report.host)

    def end(self, totals: Totals) -> None:
        """Add what is true of all, and put the metrics behind each other."""
        if self._head.began is not None:
            kind = {"kind": self._head.kind, "operation": self._head.operation}
            self._add("shimops_run_began_timestamp_seconds", self._head.began, **kind)
        for state, number in totals.ordered_states():
            self._add("shimops_hosts", number, state=state)
        for rule, total in totals.found():
            labels = {"rule": rule.id, "severity": rule.severity}
            self._add("shimops_findings", total.findings, **labels)
            if total.waived:
                self._add("shimops_waived_findings", total.waived, **labels)
            if total.unknown:
                self._add("shimops_unjudged_hosts", total.unknown, **labels)
        self._add("shimops_expired_waivers", totals.expired)
        if self._head.previous:
            self._add("shimops_new_findings", totals.new)
            self._add("shimops_gone_findings", totals.gone)
        for word, number in sorted(totals.counts.items()):
            if word in VERDICTS and self._head.kind == "roll":
                self._add("shimops_tasks", number, verdict=word)
            else:
                self._add(
                    "shimops_bundles", number, outcome=word[len(roll.WOULD) :] if word.startswith(roll.WOULD) else word
                )
        for name, part in self._parts.items():
            if part.tell():
                self._file.write("# HELP {0} {1}\n# TYPE {0} gauge\n".format(name, METRICS[name]))
                pour(part, self._file)

    def _add(self, name: str, number: float, **labels: str) -> None:
        sentence = ",".join('{0}="{1}"'.format(label, _label(value)) for label, value in labels.items())
        self._parts[name].write("{0}{1} {2}\n".format(name, "{" + sentence + "}" if sentence else "", repr(number)))


def _label(value: object) -> str:
    """A label's value: any character but those that the format has its own use for, and halves of one."""
    text = str(value).encode("utf-8", "backslashreplace").decode()
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\\\r").replace('"', '\\"')
