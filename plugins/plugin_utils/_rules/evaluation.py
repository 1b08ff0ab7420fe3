# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judge: one host document by the rules of packs, with waivers. Pure. Internal to the collection."""

from __future__ import annotations

import datetime
import json
from typing import Iterable, List, Sequence

from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.fields import DOCUMENT
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.query import QueryError
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.rule_packs import SEVERITIES, Pack, Rule
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.waiver_list import Waiver

# What a rule's status can be, from worst to best.
STATUSES = ("failed", "unknown", "waived", "passed")
_SECTIONS = frozenset(name for name, shape in DOCUMENT.items() if shape is not None)


def judge(document: dict, packs: Iterable[Pack], waivers: Sequence[Waiver], today: datetime.date) -> List[dict]:
    """One result per rule, in the order of the packs.

    ``status`` is ``passed``; ``failed``; ``waived`` when every finding is; ``unknown`` when the host was not checked
    for what the rule needs, which never counts as passed. ``findings`` name what each is about.
    """
    pods = {(row["namespace"], row["id"]): _pod(row["pod"]) for row in document.get("bundles") or ()}
    return [_apply(rule, pack, document, pods, waivers, today) for pack in packs for rule in pack.rules]


def refusing(results: Iterable[dict]) -> List[dict]:
    """The results that refuse a host: blockers that failed or are unknown."""
    return [one for one in results if one["severity"] == SEVERITIES[0] and one["status"] in ("failed", "unknown")]


def _apply(rule: Rule, pack: Pack, document: dict, pods: dict, waivers: Sequence[Waiver], today: datetime.date) -> dict:
    status, findings = _check(rule, document)
    if status == "failed":
        for finding in findings:
            # A query that gives namespace/id alone does not know the pod.
            finding["pod"] = finding["pod"] or pods.get((finding["namespace"], finding["id"]))
            _waive(finding, rule.id, document.get("host"), waivers, today)
        if all(finding["waiver"] for finding in findings):
            status = "waived"
    return {
        "host": document.get("host"),
        "pack": pack.name,
        "rule": rule.id,
        "title": rule.title,
        "severity": rule.severity,
        "tags": list(rule.tags),
        "why": rule.why,
        "remedy": rule.remedy,
        "status": status,
        "findings": findings,
    }


def _check(rule: Rule, document: dict) -> tuple:
    """Status and findings, before waivers."""
    blind = sorted(name for name in rule.query.sections & _SECTIONS if document.get(name) is None)
    if blind:
        return "unknown", [_finding({"text": "the host was not checked for {0}".format(", ".join(blind))}, rule)]
    try:
        if rule.needs and rule.needs.search(document) is not True:
            return "unknown", [
                _finding(
                    {"text": "cannot be determined: {0} is not true in this document".format(rule.needs.text)}, rule
                )
            ]
        found = rule.query.search(document)
    except QueryError as error:
        return "unknown", [_finding({"text": "its query {0}".format(error)}, rule)]
    offending = _offending(found, rule.expected)
    return ("failed", [_finding(one, rule) for one in offending]) if offending else ("passed", [])


def _offending(found: object, expected: object) -> list:
    """What of an answer is not as expected. By default nothing is: a list has an offender per member."""
    if isinstance(expected, list):
        if found is None or found is False or found in ("", {}):
            return []
        return [one for one in found if one not in expected] if isinstance(found, list) else [found]
    # Python takes true for 1.
    if found == expected and isinstance(found, bool) is isinstance(expected, bool):
        return []
    return [{"text": "found {0}, expected {1}".format(json.dumps(found), json.dumps(expected))}]


def _finding(found: object, rule: Rule) -> dict:
    """What a query found, by what it is about. Text such as namespace/id names a container."""
    row = found if isinstance(found, dict) else {}
    if isinstance(found, str):
        namespace, slash, identifier = found.partition("/")
        row = {"namespace": namespace, "id": identifier} if slash and namespace else {"text": found}
    elif not row and not isinstance(found, bool):
        row = {"text": json.dumps(found)}
    # A leftover's reason is what was found; a bundle's, which speaks of a restart, is meant only where it is asked for.
    reason = None if "outcome" in row else row.get("reason")
    return {
        "namespace": row.get("namespace"),
        "id": row.get("id"),
        "pod": _pod(row.get("pod")),
        "pid": row.get("pid"),
        "path": row.get("path"),
        "text": str(row.get("text") or reason or rule.title),
        "command": row.get("command"),
        "waiver": None,
        "expired": None,
    }


def _pod(names: object) -> str | None:
    """namespace/name of a pod."""
    if not isinstance(names, dict):
        return names if isinstance(names, str) else None
    return "/".join(str(names[key]) for key in ("namespace", "name") if names.get(key)) or None


def _waive(finding: dict, rule: str, host, waivers: Sequence[Waiver], today: datetime.date) -> None:
    for waiver in waivers:
        if waiver.covers(rule, host, finding):
            key = "expired" if waiver.expires < today else "waiver"
            finding[key] = finding[key] or waiver.row()
