# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Host forecast: what a restart into one release does to every bundle of a host. Pure. Internal to the collection."""

from __future__ import annotations

from typing import List, NamedTuple, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._forecast import host_hazards
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.forecast import (
    Forecast,
    forecast,
    judge,
    start_estimate,
)
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.hazard import Hazard
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.host_conditions import HostConditions
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.load import Load
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host import releases
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import ReleaseClass


class HostForecast(NamedTuple):
    """What a restart into one release does to the host. ``start_estimate`` in seconds."""

    version: str
    release: ReleaseClass
    forecasts: List[Tuple[Observation, Forecast]]
    hazards: List[Hazard]
    start_estimate: float

    @property
    def at_risk(self) -> List[Tuple[Observation, Forecast]]:
        """The tasks that the restart would lose, or may."""
        return [pair for pair in self.forecasts if pair[1].at_risk]


def target(daemon: Daemon, wanted: str) -> Tuple[str, ReleaseClass]:
    """The version and class that ``running``, ``installed`` or a release such as ``2.1.9`` stands for.

    Raises ShimError when it is not a release, or the daemon's cannot be determined.
    """
    installed = daemon.installed
    if not installed and (daemon.configured.start_failure or daemon.configured.problem):
        # What is on disk does not say its version: a hazard refuses the restart, and the rest is known all the same.
        installed = daemon.running
    version = {"running": daemon.running, "installed": installed}.get(wanted, wanted)
    release = releases.classify(version)
    if version is None or release is None:
        if wanted in ("running", "installed"):
            raise ShimError(
                "daemon",
                "the {0} release of containerd".format(wanted),
                "could not be determined",
                "start containerd, or name a release with target_version",
            )
        raise ShimError(
            "forecast",
            "target_version {0!r}".format(wanted),
            "is not a containerd release",
            "name one such as 1.7.24, or running, or installed",
        )
    return version, release


def forecast_host(
    daemon: Daemon, observations: List[Observation], wanted: str, conditions: HostConditions, processors: int
) -> HostForecast:
    """The forecast for every bundle and for the host as a whole; which bundles can be rescued is not known here.

    :param wanted: ``running``, ``installed``, or a release such as ``2.1.9``.
    :param conditions: what else on the host decides how a restart ends.
    :param processors: how many processors containerd can use to load its shims.
    Raises ShimError when ``wanted`` is not a release, or the daemon's cannot be determined.
    """
    version, release = target(daemon, wanted)
    timeout = daemon.load_timeout
    pairs = [(observed, forecast(observed, release, timeout)) for observed in observations]
    estimate = start_estimate(tuple(one.delay for _case, one in pairs), release, processors)
    if not daemon.installed and wanted not in ("running", "installed"):
        # What is on disk does not run, and another program is to be put in its place.
        conditions = conditions._replace(start=None)
    found = host_hazards.of_host(conditions, release.name, estimate)
    stuck = [observed for observed, one in pairs if one.outcome == "hangs"]
    if stuck:
        reason = "containerd's start hangs on {0}/{1}".format(stuck[0].entry.namespace, stuck[0].entry.id)
        found.append(Hazard("start_hangs", "hangs", reason, "end that shim's task first"))
    return HostForecast(
        version,
        release,
        [(observed, _overruled(observed, one, found, timeout)) for observed, one in pairs],
        found,
        estimate,
    )


def _overruled(observed: Observation, one: Forecast, found: List[Hazard], timeout: float) -> Forecast:
    """A hazard of the host decides for each live task that would otherwise have been kept.

    Where the runtime does not load at all, no bundle is touched, whatever is wrong with it.
    """
    absent = [hazard for hazard in found if hazard.outcome == "runtime_absent"]
    if not absent and (not observed.live or one.task != "kept"):
        return one
    for hazard in absent or found:
        if hazard.outcome and (hazard.namespaces is None or observed.entry.namespace in hazard.namespaces):
            return judge(observed, Load(hazard.outcome, hazard.id, hazard.reason, one.delay), timeout)
    return one
