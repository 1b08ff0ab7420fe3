# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JUnit XML: a suite per host, a test per rule or per task, for what shows test results. Internal to the collection."""

from __future__ import annotations

from typing import Iterable, List, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.files import Output, pour
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import (
    UNKNOWN,
    Finding,
    Head,
    HostReport,
    Rule,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.text import printable
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.totals import Totals

NAME = "junit.xml"
#: Findings that the text of one failure lists.
MOST = 50


class Test(NamedTuple):
    """One test of a suite; ``result`` is ``passed``, ``failed``, ``skipped`` or ``error``."""

    name: str
    result: str
    message: str = ""
    text: str = ""


class Junit:
    """``junit.xml``. What is waived is skipped, with its reason; what could not be judged is an error."""

    def __init__(self, output: Output, head: Head):
        self._file = output.file(NAME)
        self._body = output.part()
        self._head = head
        self._counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}

    def host(self, report: HostReport) -> None:
        """Write one host's suite."""
        tests = list(_tests(report, self._head))
        counts = {
            "tests": len(tests),
            "failures": sum(test.result == "failed" for test in tests),
            "errors": sum(test.result == "error" for test in tests),
            "skipped": sum(test.result == "skipped" for test in tests),
        }
        for name, number in counts.items():
            self._counts[name] += number
        self._body.write("<testsuite name={0}{1}>\n".format(_attribute(report.host), _numbers(counts)))
        group = _attribute("{0}.{1}".format(self._head.kind, report.host))
        for name, result, message, text in tests:
            self._body.write("<testcase classname={0} name={1}".format(group, _attribute(name)))
            self._body.write(
                "/>\n" if result == "passed" else ">{0}</testcase>\n".format(_result(result, message, text))
            )
        self._body.write("</testsuite>\n")

    def end(self, totals: Totals) -> None:
        """Write the root with its counts around the suites."""
        name = _attribute("{0} {1}".format(self._head.title, self._head.run_id))
        self._file.write('<?xml version="1.0" encoding="utf-8"?>\n')
        self._file.write("<testsuites name={0}{1}>\n".format(name, _numbers(self._counts)))
        pour(self._body, self._file)
        self._file.write("</testsuites>\n")


def _tests(report: HostReport, head: Head) -> Iterable[Test]:
    if report.state in UNKNOWN:
        yield Test("document", "error", report.message)
        return
    if report.roll:
        yield from _roll_tests(report)
        return
    for name in report.checked:
        yield _rule_test(head.rules.get(name) or Rule(name, name, "info"), report.findings)


def _rule_test(rule: Rule, findings: Iterable[Finding]) -> Test:
    mine = [one for one in findings if one.rule == rule.id]
    name = "{0}: {1}".format(rule.id, rule.title)
    open_ones = [one for one in mine if not one.waived]
    if any(one.unknown for one in open_ones):
        return Test(name, "error", open_ones[0].reason)
    if open_ones:
        return Test(name, "failed", "{0}: {1} found".format(rule.severity, len(open_ones)), _text(open_ones, rule))
    if mine:
        return Test(name, "skipped", "waived: " + mine[0].waived)
    return Test(name, "passed")


def _roll_tests(report: HostReport) -> Iterable[Test]:
    """The host itself, then each of its tasks."""
    own = [one for one in report.findings if not one.subject]
    result = "passed" if report.state in ("verified", "current", "forecast") else "failed"
    result = "skipped" if report.state in ("refused", "untouched") else result
    yield Test("host", result, report.message or report.state, "\n".join(printable(one.reason) for one in own))
    bad = {one.subject: one for one in report.findings}
    for task in report.roll.tasks if report.roll else ():
        one = bad.get(task.subject)
        name = task.subject + (" (pod {0})".format(task.pod) if task.pod else "")
        yield Test(name, "failed", task.verdict, task.reason) if one else Test(name, "passed")


def _text(findings: List[Finding], rule: Rule) -> str:
    lines = []
    for one in findings[:MOST]:
        pod = " (pod {0})".format(one.pod) if one.pod else ""
        lines.append(printable("{0}{1}: {2}".format(one.subject or "the host", pod, one.reason)))
        lines += ["  to clean: " + printable(one.command)] if one.command else []
    lines += ["and {0} more".format(len(findings) - MOST)] if len(findings) > MOST else []
    return "\n".join(lines + (["What to do: " + printable(rule.remedy)] if rule.remedy else []))


def _result(result: str, message: str, text: str) -> str:
    tag = {"failed": "failure", "error": "error", "skipped": "skipped"}[result]
    kind = "" if result == "skipped" else ' type="finding"'
    return "<{0}{1} message={2}>{3}</{0}>".format(tag, kind, _attribute(message), escape(text))


def _attribute(text: str) -> str:
    return quoteattr(printable(text))


def _numbers(counts: dict) -> str:
    return "".join(' {0}="{1}"'.format(name, number) for name, number in counts.items())
