# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Audit: a host's document, judged by rules, as a report on that host. Internal to the collection."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.files import STAGE, Document, Unreadable
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import (
    Finding,
    HostReport,
    Rule,
    worst,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.text import count, printable, timestamp
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules import rule_packs, rule_set

#: What the rules engine says of one document: one entry per rule.
Judge = Callable[[dict], List[dict]]
#: The packs that come with the collection.
SHIPPED = rule_packs.SHIPPED


def rules_of(packs: Iterable) -> Dict[str, Rule]:
    """The rules of loaded packs, by id."""
    return {
        rule.id: Rule(rule.id, rule.title, rule.severity, rule.why, rule.remedy, pack.name)
        for pack in packs
        for rule in pack.rules
    }


def report(host: str, document: Document, judge: Judge) -> HostReport:
    """The report on one host; a document that cannot be read, or is not there, is a state of its own."""
    if document is None:
        return HostReport(host, "missing", "the run left no document of it")
    if isinstance(document, Unreadable):
        return HostReport(host, "unreadable", "its document " + document.reason)
    try:
        judged = judge(document)
        findings = tuple(findings_of(judged))
        return HostReport(
            host=host,
            state=worst(findings),
            message=_message(document),
            at=document.get("at"),
            facts=_facts(document),
            counts=_outcomes(document),
            daemon=_daemon(document),
            shims=_shims(document),
            checked=tuple(entry["rule"] for entry in judged),
            findings=findings,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        said = "its document is not as its schema says: {0} {1}".format(type(problem).__name__, printable(problem, 100))
        return HostReport(host, "unreadable", said)


def findings_of(judged: Iterable[dict]) -> Iterable[Finding]:
    """What the rules engine found, finding by finding; a rule that could not be judged is one too."""
    for entry in judged:
        if entry["status"] == "unknown":
            sentence = "; ".join(str(row["text"]) for row in entry["findings"]) or "this was not checked"
            yield Finding(entry["rule"], entry["severity"], reason=sentence, unknown=True)
            continue
        for row in entry["findings"]:
            yield Finding(
                rule=entry["rule"],
                severity=entry["severity"],
                subject=_subject(row),
                pod=row.get("pod") or "",
                reason=row.get("text") or "",
                command=row.get("command") or "",
                waived=_waiver(row.get("waiver")),
                expired=_waiver(row.get("expired")),
            )


def _subject(row: dict) -> str:
    if row.get("id"):
        return "{0}/{1}".format(row.get("namespace") or "", row["id"])
    if row.get("path"):
        return str(row["path"])
    return "pid {0}".format(row["pid"]) if row.get("pid") else ""


def _waiver(waiver: Optional[dict]) -> str:
    if not waiver:
        return ""
    words = [str(waiver.get("reason") or "no reason given")]
    words += [
        "{0} {1}".format(word, waiver[key])
        for word, key in (("owner", "owner"), ("until", "expires"))
        if waiver.get(key)
    ]
    return ", ".join(words)


def _message(document: dict) -> str:
    forecast = document.get("forecast") or {}
    if forecast.get("refusal"):
        return str(forecast["refusal"])
    if not forecast:
        return "what a restart would do was not checked"
    return "a restart into {0} keeps every task".format(forecast.get("target") or "the installed release")


def _facts(document: dict) -> Tuple[Tuple[str, str], ...]:
    daemon, counts = document["daemon"], document["counts"]
    rollback = document.get("rollback") or {}
    asked = [name for name in ("connect", "state", "pids") if document["asked"].get(name)]
    facts = [
        ("In memory", daemon.get("running") or "does not run"),
        ("On disk", daemon.get("installed") or "unknown"),
        ("Layout", document.get("layout")),
        ("Tasks", "{0} in {1}".format(counts["tasks"], count(counts["bundles"], "bundle"))),
        ("Shims", counts["shims"]),
        ("Rollback", rollback.get("class") or "unknown"),
        ("Shims were asked", ", ".join(name.capitalize() for name in asked) or "nothing"),
        ("Audited at", timestamp(document.get("at"))),
    ]
    if document.get("truncated"):
        facts.append(("Rows left out", document["truncated"]))
    return tuple((name, str(value)) for name, value in facts)


def _outcomes(document: dict) -> Dict[str, int]:
    outcomes = (document.get("forecast") or {}).get("outcomes") or {}
    return {str(word): int(number) for word, number in outcomes.items()}


def _daemon(document: dict) -> Tuple[str, str]:
    daemon = document["daemon"]
    return str(daemon.get("running") or "not running"), str(daemon.get("installed") or "unknown")


def _shims(document: dict) -> Tuple[Tuple[str, str, int], ...]:
    """What shims run, against what lies on disk: by their version where they report it."""
    disk = str(document["daemon"].get("installed") or "unknown")
    found: Counter = Counter()
    for shim in document.get("shims") or []:
        version = shim.get("version") or {"current": "as on disk", None: "unknown"}.get(shim.get("code"), "older code")
        found[str(version)] += 1
    return tuple((version, disk, number) for version, number in sorted(found.items()))


def engine(sources: Sequence, waivers: object, today: datetime.date) -> Tuple[Dict[str, Rule], Judge]:
    """The rules by their ids, and who judges a document by them.

    :raises ShimError: when a pack or a waiver cannot be used.
    """
    try:
        rules = rule_set.load(sources, waivers)
    except rule_set.RulesError as problem:
        raise ShimError(STAGE, "the rules", "cannot be used: " + str(problem).rstrip(".")) from problem
    return rules_of(rules.packs), lambda document: rules.judge(document, today)
