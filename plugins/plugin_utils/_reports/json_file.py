# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON: everything a report knows, host by host. Internal to the collection."""

from __future__ import annotations

import json

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.files import Output
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import Finding, Head, HostReport
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.totals import Totals

NAME = "report.json"


class JsonFile:
    """``report.json``: ``hosts`` in play order, then ``rules`` and ``summary``."""

    def __init__(self, output: Output, head: Head):
        self._file = output.file(NAME)
        self._head = head
        self._comma = ""
        about = {
            "schema": 1,
            "kind": "report",
            "of": head.kind,
            "title": head.title,
            "run_id": head.run_id,
            "operation": head.operation,
            "began": head.began,
            "previous": head.previous or None,
            "notes": list(head.notes),
        }
        self._file.write(json.dumps(about)[:-1] + ', "hosts": [')

    def host(self, report: HostReport) -> None:
        """Write one host."""
        self._file.write(self._comma + "\n" + json.dumps(document(report)))
        self._comma = ","

    def end(self, totals: Totals) -> None:
        """Write what is true of all."""
        rules = []
        for rule, total in totals.found():
            counts = {key: getattr(total, key) for key in ("hosts", "findings", "waived", "unknown", "new", "gone")}
            rules.append(dict(rule._asdict(), **counts))
        tail = {"rules": rules, "summary": totals.document()}
        self._file.write("\n], " + json.dumps(tail)[1:] + "\n")


def document(report: HostReport) -> dict:
    """One host as data."""
    entry = {
        "host": report.host,
        "state": report.state,
        "message": report.message,
        "at": report.at,
        "facts": dict(report.facts),
        "counts": report.counts or {},
        "findings": [finding(one) for one in report.findings],
        "gone": [finding(one) for one in report.gone],
    }
    if report.roll:
        roll = report.roll._asdict()
        entry.update(roll, tasks=[task._asdict() for task in report.roll.tasks])
    return entry


def finding(one: Finding) -> dict:
    """One finding as data, without what it does not have."""
    return {key: value for key, value in one._asdict().items() if value not in ("", None, False) or key == "rule"}
