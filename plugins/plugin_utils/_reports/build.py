# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build: one run's reports, host by host, in memory that does not grow with the fleet. Internal to the collection."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports import audit, roll
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.csv_file import CsvFiles
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.drift import compare
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.files import (
    STAGE,
    Document,
    Output,
    RunFolder,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.json_file import JsonFile
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.junit import Junit
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.markdown import Markdown
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import Head, HostReport, Rule
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.page import Page
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.prometheus import Prometheus
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.text import count, printable
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.totals import Totals

FORMATS: Dict[str, Callable[[Output, Head], Any]] = {
    "json": JsonFile,
    "csv": CsvFiles,
    "junit": Junit,
    "prometheus": Prometheus,
    "markdown": Markdown,
    "html": Page,
}
TITLES = {"audit": "Compliance report", "restart": "Rolling restart", "upgrade": "Rolling upgrade"}


class Wanted(NamedTuple):
    """What is asked for: forms, a title, the rules and who judges by them, and the run to compare with."""

    formats: Sequence[str]
    title: str
    rules: Dict[str, Rule]
    judge: Optional[Callable[[dict], List[dict]]]
    previous: Optional[RunFolder] = None


def build(folder: RunFolder, wanted: Wanted, output: Output) -> Totals:
    """Write all reports of a run into ``output``, and return the totals.

    :raises ShimError: when the earlier run is of another kind.
    """
    kind = folder.kind()
    earlier = wanted.previous
    if earlier and earlier.kind() != kind:
        problem = "holds {0} documents, this run {1} documents".format(earlier.kind(), kind)
        raise ShimError(STAGE, earlier.path, problem, "compare runs of one kind")
    head = _head(folder, wanted, kind)
    totals = Totals(head)
    writers = [FORMATS[name](output, head) for name in FORMATS if name in wanted.formats]

    def report_of(host: str, document: Document) -> HostReport:
        if kind == "host" and wanted.judge:
            return audit.report(host, document, wanted.judge)
        return roll.report(host, document)

    for host, document in folder.documents(kind):
        report = report_of(host, document)
        if kind == "host" and document is None:
            report = report._replace(message=_why_not(folder, host) or report.message)
        if earlier:
            report = compare(report, report_of(host, earlier.document(host, kind)))
        totals.add(report)
        for writer in writers:
            writer.host(report)
    for writer in writers:
        writer.end(totals)
    return totals


def _head(folder: RunFolder, wanted: Wanted, kind: str) -> Head:
    began = folder.head.get("began")
    return Head(
        kind="audit" if kind == "host" else "roll",
        title=wanted.title or TITLES.get(folder.operation, "Report"),
        run_id=folder.run_id,
        operation=folder.operation,
        began=began if isinstance(began, (int, float)) else None,
        rules=wanted.rules if kind == "host" else roll.RULES,
        previous=wanted.previous.run_id if wanted.previous else "",
        notes=tuple(_notes(folder, wanted.previous)),
    )


def _why_not(folder: RunFolder, host: str) -> str:
    """Why an audit has no document of a host, as the run recorded it."""
    sentence = folder.document(host, "roll")
    return str(sentence.get("message") or "") if isinstance(sentence, dict) else ""


def _notes(folder: RunFolder, earlier: Optional[RunFolder]):
    mark = folder.stopped()
    if mark:
        sentence = "The run was stopped: {0}".format(printable(mark.get("reason") or "no reason given"))
        yield sentence + (" (host {0})".format(printable(mark["host"])) if mark.get("host") else "")
    if earlier:
        hosts = set(folder.hosts())
        left = [host for host in earlier.hosts() if host not in hosts]
        if left:
            some = ", ".join(printable(host, 80) for host in left[:20]) + (", ..." if len(left) > 20 else "")
            yield "Not in this run any more: {0} ({1})".format(count(len(left), "host"), some)
