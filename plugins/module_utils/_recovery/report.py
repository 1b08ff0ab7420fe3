# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Report: what a module returns of all it saw, small unless more is asked for. Pure. Internal to the collection."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._recovery.case import Case
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.forecast import OUTCOMES, Forecast
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.ledger import pod_names
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.look import Outlook
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.verdict import GOOD, VERDICTS

#: Bytes of JSON that a host's result may take when no more detail is asked for; Ansible adds the arguments to it.
SMALL = 1300
# Characters of a target's refusal where the result would be too large with the whole of it.
_SENTENCE = 120


def shim_row(case: Case, one: Forecast) -> Dict[str, Any]:
    """One entry of ``shims``."""
    said = case.best_answers
    return {
        "namespace": case.entry.namespace,
        "id": case.entry.id,
        "pod": pod_names(case.bundle.pod if case.bundle else None) if case.bundle else None,
        "outcome": one.outcome,
        "task": one.task,
        "client": one.client,
        "at_risk": one.at_risk,
        "rule": one.rule,
        "reason": one.reason,
        "delay": one.delay,
        "shim_pid": said.shim_pid if said else None,
        "task_pid": said.task_pid if said else None,
        "status": case.status,
        "answers": said.brief() if said else "",
    }


def forecast_summary(pairs: Iterable[Tuple[Case, Forecast]]) -> Dict[str, Any]:
    """Exact counts of a forecast."""
    pairs = list(pairs)
    outcomes = dict.fromkeys(OUTCOMES, 0)
    for _case, one in pairs:
        outcomes[one.outcome] += 1
    return {
        "bundles": sum(1 for case, _one in pairs if case.bundle),
        "tasks": sum(1 for case, _one in pairs if case.live),
        "at_risk": sum(1 for _case, one in pairs if one.at_risk),
        "rescuable": sum(1 for _case, one in pairs if one.rescuable),
        "outcomes": {name: count for name, count in outcomes.items() if count},
    }


def verdict_summary(found: List[Dict[str, Any]]) -> Dict[str, Any]:
    """Exact counts of verdicts; every word is there, also with 0."""
    counts = dict.fromkeys(VERDICTS, 0)
    for one in found:
        counts[one["verdict"]] += 1
    return dict(counts, tasks=len(found), lost=sum(1 for one in found if one["verdict"] not in GOOD))


def risks(view: Optional[Outlook]) -> List[Dict[str, Any]]:
    """The tasks at risk, for people."""
    if view is None:
        return []
    rows = [shim_row(case, one) for case, one in view.at_risk]
    return [{key: row[key] for key in ("namespace", "id", "pod", "outcome", "rule", "reason")} for row in rows]


def release(daemon: Daemon, view: Optional[Outlook]) -> Dict[str, Any]:
    """Which releases run, are installed, and were forecast for."""
    return {
        "running": daemon.running,
        "installed": daemon.installed,
        "target": view.version if view else None,
        "release_class": view.release.name if view else None,
        "release_class_sure": view.release.sure if view else None,
    }


def target(view: Outlook) -> Dict[str, Any]:
    """One entry of ``targets``: the forecast for one release, in counts."""
    counts = forecast_summary(view.forecasts)
    return {
        "target": view.version,
        "release_class": view.release.name,
        "release_class_sure": view.release.sure,
        "at_risk": counts["at_risk"],
        "rescuable": counts["rescuable"],
        "outcomes": counts["outcomes"],
        "start_estimate": view.start_estimate,
        "refusal": refusal(view),
    }


def select(rows: List[Dict[str, Any]], detail: str, wrong: Callable[[Dict[str, Any]], Any]) -> List[Dict[str, Any]]:
    """All rows for ``full``, else those that are wrong."""
    return rows if detail == "full" else [row for row in rows if wrong(row)]


def fit(result: Dict[str, Any], detail: str) -> Dict[str, Any]:
    """Shorten lists until the result is small; what was left out is counted in ``summary.truncated``.

    The first row of each list stays. With detail ``problems`` or ``full`` nothing is left out.
    """
    result["summary"]["truncated"] = 0
    # What was asked for is answered: of the targets none is left out.
    lists = _lists({key: result[key] for key in result if key != "targets"}) if detail == "summary" else []
    lengths = [[len(json.dumps(row)) for row in one] for one in lists]
    surplus = len(json.dumps(result)) - SMALL
    for one in result.get("targets", ()) if detail == "summary" and surplus > 0 else ():
        surplus -= max(0, len(one["refusal"]) - _SENTENCE)
        one["refusal"] = _shortened(one["refusal"])
    while surplus > 0 and any(len(one) > 1 for one in lists):
        longest = max(range(len(lists)), key=lambda place: sum(lengths[place][1:]))
        lists[longest].pop()
        # A comma and a blank go with it.
        surplus -= lengths[longest].pop() + 2
        surplus -= len(str(result["summary"]["truncated"]))
        result["summary"]["truncated"] += 1
        surplus += len(str(result["summary"]["truncated"]))
    return result


def _shortened(sentence: str) -> str:
    return sentence if len(sentence) <= _SENTENCE else sentence[: _SENTENCE - 3] + "..."


def _lists(value: object) -> List[List[Any]]:
    """Every list that can be cut: those in dictionaries, and instead of a list of instances the tables in them."""
    if isinstance(value, dict):
        return [found for child in value.values() for found in _lists(child)]
    if not isinstance(value, list):
        return []
    children = [child for row in value if isinstance(row, dict) for child in row.values()]
    tables = [child for child in children if isinstance(child, list) and child and isinstance(child[0], dict)]
    return [found for table in tables for found in _lists(table)] or [value]


def refusal(view: Outlook) -> str:
    """Why a host is refused, in one sentence that names the first task; empty when nothing is at risk."""
    if not view.at_risk:
        return ""
    case, first = view.at_risk[0]
    names = pod_names(case.bundle.pod if case.bundle else None) or {}
    told = "forecast: {0} of {1} tasks at risk in a restart into {2}: {3}/{4}{5} {6}, {7} (row {8})".format(
        len(view.at_risk),
        sum(1 for one, _forecast in view.forecasts if one.live),
        view.version,
        case.entry.namespace,
        case.entry.id[:16],
        " (pod {0}/{1})".format(names.get("namespace"), names.get("name")) if names else "",
        # Kept by containerd and at risk all the same, or nobody can tell.
        "may be lost" if first.outcome in ("reattached", "unknown") else "would be " + first.outcome,
        first.reason,
        first.rule,
    )
    remedy = next((hazard.remedy for hazard in view.hazards if hazard.id == first.rule), "mend it or drain the host")
    return "{0}; {1}.".format(told, remedy)
