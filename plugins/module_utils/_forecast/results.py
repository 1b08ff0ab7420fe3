# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A forecast as the modules return it. Pure. Internal to the collection."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._forecast.forecast import OUTCOMES, Forecast
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.host_forecast import HostForecast
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon


def shim_row(observed: Observation, one: Forecast) -> Dict[str, Any]:
    """One entry of ``shims``."""
    said = observed.best_answers
    return {
        "namespace": observed.entry.namespace,
        "id": observed.entry.id,
        "pod": observed.pod_names,
        "outcome": one.outcome,
        "task": one.task,
        "client": one.client,
        "at_risk": one.at_risk,
        "rule": one.rule,
        "reason": one.reason,
        "delay": one.delay,
        "shim_pid": said.shim_pid if said else None,
        "task_pid": said.task_pid if said else observed.listed.pid if observed.listed else None,
        "status": observed.status,
        "answers": said.brief() if said else "",
    }


def counts(pairs: Iterable[Tuple[Observation, Forecast]]) -> Dict[str, Any]:
    """Exact counts of a forecast."""
    pairs = list(pairs)
    outcomes = dict.fromkeys(OUTCOMES, 0)
    for _case, one in pairs:
        outcomes[one.outcome] += 1
    return {
        "bundles": sum(1 for observed, _one in pairs if observed.bundle),
        "tasks": sum(1 for observed, _one in pairs if observed.live),
        "at_risk": sum(1 for _case, one in pairs if one.at_risk),
        "rescuable": sum(1 for _case, one in pairs if one.rescuable),
        "outcomes": {name: count for name, count in outcomes.items() if count},
    }


def risks(view: Optional[HostForecast]) -> List[Dict[str, Any]]:
    """The tasks at risk, for people."""
    if view is None:
        return []
    rows = [shim_row(observed, one) for observed, one in view.at_risk]
    return [{key: row[key] for key in ("namespace", "id", "pod", "outcome", "rule", "reason")} for row in rows]


def release(daemon: Daemon, view: Optional[HostForecast]) -> Dict[str, Any]:
    """Which releases run, are installed, and were forecast for."""
    return {
        "running": daemon.running,
        "installed": daemon.installed,
        "target": view.version if view else None,
        "release_class": view.release.name if view else None,
        "release_class_sure": view.release.sure if view else None,
    }


def target(view: HostForecast) -> Dict[str, Any]:
    """One entry of ``targets``: the forecast for one release, in counts."""
    count = counts(view.forecasts)
    return {
        "target": view.version,
        "release_class": view.release.name,
        "release_class_sure": view.release.sure,
        "at_risk": count["at_risk"],
        "rescuable": count["rescuable"],
        "outcomes": count["outcomes"],
        "start_estimate": view.start_estimate,
        "refusal": refusal(view),
    }


def refusal(view: HostForecast) -> str:
    """Why a host is refused, in one sentence that names the first task; empty when nothing is at risk."""
    if not view.at_risk:
        return ""
    observed, first = view.at_risk[0]
    names = observed.pod_names or {}
    sentence = "forecast: {0} of {1} tasks at risk in a restart into {2}: {3}/{4}{5} {6}, {7} (row {8})".format(
        len(view.at_risk),
        sum(1 for one, _forecast in view.forecasts if one.live),
        view.version,
        observed.entry.namespace,
        observed.entry.id[:16],
        " (pod {0}/{1})".format(names.get("namespace"), names.get("name")) if names else "",
        # Kept by containerd and at risk all the same, or unknown.
        "may be lost" if first.outcome in ("reattached", "unknown") else "would be " + first.outcome,
        first.reason,
        first.rule,
    )
    remedy = next((hazard.remedy for hazard in view.hazards if hazard.id == first.rule), "repair it, or drain the host")
    return "{0}; {1}.".format(sentence, remedy)
