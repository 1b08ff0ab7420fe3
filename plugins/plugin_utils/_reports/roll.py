# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roll: a host's document of a restart or an upgrade, as a report on that host. Internal to the collection."""

from __future__ import annotations

from collections import Counter
from typing import Dict, Iterable, List, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict import GOOD
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.files import Document, Unreadable
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import (
    STATES,
    Finding,
    HostReport,
    Roll,
    Rule,
    Task,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.text import printable, seconds, timestamp

_WHY = "A roll promises that every task runs on under the same shim, and that containerd still manages it."
_AFTER = "See the host's ledger and the end of containerd's journal, then docs/restart.md."
#: What a roll is asked for on every host. There are no packs here: the verdicts are the rules.
RULES = {
    rule.id: rule
    for rule in (
        Rule("killed", "A task was killed", "blocker", _WHY, _AFTER),
        Rule("restarted", "A task was replaced by a new one", "blocker", _WHY, _AFTER),
        Rule("duplicated", "A task runs twice", "blocker", _WHY, _AFTER),
        Rule("orphaned", "A task runs on, and containerd does not know it", "blocker", _WHY, _AFTER),
        Rule("unproven", "The state of a task is not proven", "blocker", _WHY, _AFTER),
        Rule(
            "failed",
            "The host failed",
            "blocker",
            "What was begun on it was not finished, or not proven.",
            "Repair the host, then run the same run_id again: it is verified against its ledger, not restarted twice.",
        ),
        Rule(
            "begun",
            "The host was cut in the middle",
            "blocker",
            "The run ended while this host acted, so nothing is proven of it.",
            "Run the same run_id again: the host is verified against its ledger first.",
        ),
        Rule(
            "refused",
            "The host was refused and is untouched",
            "major",
            "A restart would have lost a task, or the host could not be judged.",
            "Do what the reason says, then run again.",
        ),
        Rule(
            "untouched",
            "The host was not begun",
            "info",
            "The run stopped, or its time was over, before its turn came.",
            "Run the same run_id again: only what is left is done.",
        ),
        Rule(
            "hazard",
            "Something endangers the host",
            "minor",
            "It did not stop this roll, and may stop or hurt the next one.",
            "Do what the row says.",
        ),
    )
}
#: Before an outcome that is only foretold.
WOULD = "would be "
#: States of a document that are findings themselves.
_STATES = ("failed", "begun", "refused", "untouched")


def report(host: str, document: Document) -> HostReport:
    """The report on one host; a document that cannot be read, or is not there, is a state of its own."""
    if document is None:
        return HostReport(host, "missing", "the run left no document of it")
    if isinstance(document, Unreadable):
        return HostReport(host, "unreadable", "its document " + document.reason)
    state = str(document.get("state"))
    if state not in STATES:
        return HostReport(host, "unreadable", "its document has the state {0}".format(printable(state, 40)))
    try:
        tasks = tuple(_tasks(document.get("verdicts") or []))
        release = document.get("release") or {}
        return HostReport(
            host=host,
            state=state,
            message=str(document.get("message") or ""),
            at=document.get("ended") or document.get("began"),
            facts=_facts(document, release),
            counts=_counts(document, tasks),
            daemon=(str(release.get("running") or "unknown"), str(release.get("installed") or "unknown")),
            checked=tuple(RULES),
            findings=tuple(_findings(document, state, tasks)),
            roll=Roll(
                batch=_number(document.get("batch")),
                began=_number(document.get("began")),
                ended=_number(document.get("ended")),
                gap=_number(document.get("gap")),
                tasks=tasks,
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        said = "its document is not as it should be: {0} {1}".format(type(problem).__name__, printable(problem, 100))
        return HostReport(host, "unreadable", said)


def _tasks(rows: Iterable[dict]) -> Iterable[Task]:
    for row in rows:
        yield Task(
            namespace=str(row["namespace"]),
            id=str(row["id"]),
            pod=pod_name(row.get("pod")),
            verdict=str(row["verdict"]),
            reason=str(row.get("reason") or ""),
            witnesses=row.get("witnesses") or {},
        )


def pod_name(pod: object) -> str:
    """A pod as ``namespace/name``; empty for none."""
    if isinstance(pod, dict) and pod.get("name"):
        return "{0}/{1}".format(pod.get("namespace") or "", pod["name"])
    return str(pod) if pod and not isinstance(pod, dict) else ""


def _findings(document: dict, state: str, tasks: Iterable[Task]) -> Iterable[Finding]:
    if state in _STATES:
        yield Finding(state, RULES[state].severity, reason=str(document.get("message") or ""))
    for task in tasks:
        if task.verdict not in GOOD:
            rule = task.verdict if task.verdict in RULES else "unproven"
            yield Finding(rule, RULES[rule].severity, task.subject, task.pod, task.reason)
    # The rows that a restart would lose are why the host was refused.
    for row in document.get("at_risk") or [] if state == "refused" else []:
        subject = "{0}/{1}".format(row["namespace"], row["id"])
        sentence = "would be {0}: {1} (row {2})".format(row.get("outcome"), row.get("reason"), row.get("rule"))
        yield Finding("refused", RULES["refused"].severity, subject, pod_name(row.get("pod")), sentence)
    for hazard in document.get("hazards") or []:
        sentence = "{0}; {1}".format(hazard.get("reason"), hazard.get("remedy") or "no remedy is known")
        yield Finding("hazard", RULES["hazard"].severity, str(hazard.get("id") or ""), reason=sentence)


def _counts(document: dict, tasks: Tuple[Task, ...]) -> Dict[str, int]:
    """Verdicts where there are any; else what the forecast says, which is all that a forecast has."""
    if tasks:
        return dict(Counter(task.verdict for task in tasks))
    forecast = document.get("forecast") or {}
    if document.get("state") in ("forecast", "refused") and isinstance(forecast.get("outcomes"), dict):
        return {WOULD + str(word): int(number) for word, number in forecast["outcomes"].items()}
    return {}


def _facts(document: dict, release: dict) -> Tuple[Tuple[str, str], ...]:
    began, ended = _number(document.get("began")), _number(document.get("ended"))
    facts: List[Tuple[str, Optional[object]]] = [
        ("In memory", release.get("running")),
        ("On disk", release.get("installed")),
        ("Wanted", release.get("target")),
        ("Batch", document.get("batch")),
        ("Began", timestamp(began)),
        ("Took", seconds(ended - began) if began and ended else ""),
        ("Without containerd", seconds(_number(document.get("gap")) or None)),
        ("Tries", document.get("attempts") if (document.get("attempts") or 1) != 1 else ""),
        ("Rescued", len(document.get("rescued") or []) or ""),
    ]
    return tuple((name, str(value)) for name, value in facts if value not in (None, ""))


def _number(value: object):
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
