# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Report: what a module returns of all it saw, small unless more is asked for. Pure. Internal to the collection."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._recovery.case import Case
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.forecast import OUTCOMES, Forecast
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.ledger import pod_names
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.look import Outlook
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.verdict import GOOD, VERDICTS


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
