# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Survey: every bundle of a host observed, forecast, and judged for rescue. Where all modules start. Internal."""

from __future__ import annotations

import os
from typing import Any, Callable, Container, Dict, Iterable, List, Optional, Set, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.scan import Entry
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline, wall_clock
from ansible_collections.shimops.containerd.plugins.module_utils._forecast import host_conditions, host_forecast
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.gather import gather
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.host_conditions import HostConditions
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.host_forecast import HostForecast
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import (
    HostObservations,
    Observation,
)
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._rescue.repairable import repairable
from ansible_collections.shimops.containerd.plugins.module_utils._rescue.shim_search import search
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import Answers, Question
from ansible_collections.shimops.containerd.plugins.module_utils._shim.ask import ask

_AtShim = Tuple[Entry, Endpoint]
# A bundle younger than this many seconds may still be on its way up.
_YOUNG = 5.0
# Seconds between two forecasts.
_PAUSE = 0.5


def observe(
    daemon: Daemon,
    options: Dict[str, Any],
    deadline: Deadline,
    classes: Iterable[str],
    pids: bool = True,
    known: Container[Tuple[str, str]] = (),
) -> HostObservations:
    """Gather every entry of the state directory, and search for the shims that bundles do not lead to.

    :param pids: whether shims are asked for Pids too. The other arguments are those of gather().
    Raises ShimError when the state directory cannot be read.
    """

    def asker(questions: Iterable[Tuple[_AtShim, Question]]) -> Dict[_AtShim, Answers]:
        return ask(questions, deadline, options["shim_timeout"], pids)

    seen = gather(daemon, options, deadline, classes, asker, known)
    return seen._replace(all=search(daemon, seen.all, classes, deadline, options["shim_timeout"], pids))


def forecast_host(
    daemon: Daemon, observations: List[Observation], wanted: str, conditions: Optional[HostConditions] = None
) -> HostForecast:
    """The forecast for a host, each bundle marked that a rescue would keep.

    :param wanted: ``running``, ``installed``, or a release such as ``2.1.9``.
    :param conditions: what was observed of the host already, where several releases are forecast for.
    Raises ShimError when ``wanted`` is not a release, or the daemon's cannot be determined.
    """
    conditions = conditions or host_conditions.observe(daemon, observations)
    view = host_forecast.forecast_host(daemon, observations, wanted, conditions, os.cpu_count() or 1)
    hazards = {hazard.id for hazard in view.hazards}
    marked = [
        # What a hazard of the host does to a task, no file of its bundle undoes.
        (
            observed,
            one._replace(
                rescuable=one.rule not in hazards and repairable(observed, one, view.release, daemon.load_timeout)
            ),
        )
        for observed, one in view.forecasts
    ]
    return view._replace(forecasts=marked)


def at_rest(look: Callable[[], List[HostForecast]], clock: Deadline) -> List[HostForecast]:
    """Forecast until no task at risk is being made or deleted any more, at most until the deadline.

    Such a task can be seen in the middle on a node that goes on living. What is at risk in two forecasts is none,
    unless it is young, and neither is one that a hazard of the host puts at risk.

    :param look: observes the host, and gives the forecast for each target.
    """
    before: Set[Tuple[str, str]] = set()
    while True:
        views = look()
        now = wall_clock()
        hazards = {hazard.id for view in views for hazard in view.hazards}
        risky = {_key(observed) for view in views for observed, _one in view.at_risk}
        lasting = {
            _key(observed)
            for view in views
            for observed, one in view.at_risk
            if one.rule in hazards or (_key(observed) in before and now - observed.entry.changed >= _YOUNG)
        }
        if not risky or lasting or not clock.sleep(_PAUSE):
            return views
        before = risky


def _key(observed: Observation) -> Tuple[str, str]:
    return observed.entry.namespace, observed.entry.id
