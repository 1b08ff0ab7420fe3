# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repairable: whether a task at risk would be kept if files of its bundle were restored, and which. Pure. Internal.

What a restored bundle would do is not guessed: it goes through the forecast again, as if it were on disk already.
"""

from __future__ import annotations

import json
from typing import Any, Dict, NamedTuple, Optional, Union

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import File
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.forecast import Forecast, forecast
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import ReleaseClass, at_least
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import Answers

# Where a Bundle holds each file that containerd reads when it loads it.
FIELDS = {"bootstrap.json": "bootstrap_json", "address": "address", "shim-binary-path": "shim_binary_path"}


class Repair(NamedTuple):
    """The content of the files that would keep a task, by their names."""

    files: Dict[str, bytes]


class Unrepairable(NamedTuple):
    """Why no file can be restored that would keep the task."""

    reason: str


def repairable(observed: Observation, before: Forecast, release: ReleaseClass, load_timeout: float) -> bool:
    """Whether a task is at risk, and restored files would keep it: what shim_migrate goes by, too."""
    return before.at_risk and isinstance(repair(observed, before, release, load_timeout), Repair)


def repair(
    observed: Observation, before: Forecast, release: ReleaseClass, load_timeout: float
) -> Union[Repair, Unrepairable]:
    """What to restore of a bundle whose task is at risk, or why nothing.

    :param before: the forecast of the bundle as it is.
    :param load_timeout: containerd's time-out for one shim, in seconds.
    """
    if observed.bundle is None or observed.bundle.problem or observed.bundle.empty:
        return Unrepairable(before.reason)
    place = _proven(observed)
    if isinstance(place, str):
        return Unrepairable(place)
    repaired = observed
    for name in release.candidates:
        repaired = _with_runtime(_with_parameters(repaired, name, place, load_timeout))
    files = {
        name: getattr(repaired.bundle, field).data
        for name, field in FIELDS.items()
        if getattr(repaired.bundle, field) is not getattr(observed.bundle, field)
    }
    after = forecast(repaired, release, load_timeout)
    if after.at_risk or not files:
        return Unrepairable(_reason(observed, after))
    return Repair(files)


def unproven(said: Answers, init: Optional[Process]) -> Optional[str]:
    """Why a shim is not proven to be the one of that init process; None when it is."""
    why = another(said, init)
    if why:
        return why
    if said.pids is None and said.pids_failure is None:
        return "its shim was not asked which processes it has"
    if init is None or init.pid not in (said.pids or []):
        return "its shim does not list its init process"
    return None


def another(said: Answers, init: Optional[Process]) -> Optional[str]:
    """Why Connect did not answer for that init process; None when it did.

    That alone proves nothing: an unknown id gets an answer too (recovery-spec 5).
    """
    if said.failure:
        return said.failure[1]
    if not said.service:
        return "its shim serves no task service ({0})".format(said.brief())
    if init is None:
        return "its init process is gone"
    if said.task_pid != init.pid:
        return "its shim names pid {0}, its init.pid says {1}".format(said.task_pid, init.pid)
    return None


def _proven(observed: Observation) -> Union[Endpoint, str]:
    """Where the shim of this very task serves it, or why that is not proven."""
    init = observed.require_bundle().init
    if init is None:
        return "its init process is gone, or its init.pid does not name it"
    if observed.found is None:
        return "nothing in its bundle is wrong"
    if observed.found.shim is None:
        return "its init process is the child of no shim: that is dead, or the pid of init.pid another's"
    if not observed.found.places:
        return "its shim listens on no socket"
    refusals = []
    for place in observed.found.places:
        said = observed.answers[place]
        why = unproven(said, init)
        if why is None and place.protocol != "ttrpc":
            why = "its shim speaks gRPC, for which nothing is restored"
        if why is None and place not in observed.found.owned:
            why = "who answers on {0} is not its shim, pid {1}".format(place.name, observed.found.shim.pid)
        if why is None:
            return place
        refusals.append((said.service is not None, why))
    # What a shim said of the task says more than the silence of another socket.
    return max(refusals, key=lambda one: one[0])[1]


def _with_parameters(observed: Observation, name: str, place: Endpoint, load_timeout: float) -> Observation:
    """The case with the file that this class reads restored, unless its bundle is loaded as it is."""
    if _loads(_with_runtime(observed), name, load_timeout):
        return observed
    address = "unix://" + place.name
    if at_least(name, "V20a"):
        version = 3 if observed.answers[place].service == "v3" else 2
        return _with_file(observed, "bootstrap.json", bootstrap_json(version, address))
    return _with_file(observed, "address", address.encode("utf-8", "surrogateescape"))


def bootstrap_json(version: int, address: str) -> bytes:
    """Keys in the order of Go's struct, no blanks, no newline: byte for byte what containerd writes."""
    params = {"version": version, "address": address, "protocol": "ttrpc"}
    return json.dumps(params, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogateescape")


def _with_runtime(observed: Observation) -> Observation:
    """The case with its runtime named by path, if that is missing and proven."""
    named = observed.require_bundle().shim_binary_path.data or observed.has_record
    if (observed.runtime_resolves and named) or not (observed.found and observed.found.binary):
        return observed
    written = _with_file(observed, "shim-binary-path", observed.found.binary.encode("utf-8", "surrogateescape"))
    return written._replace(runtime=observed.found.binary, **observed.found.facts)


def _with_file(observed: Observation, name: str, data: bytes) -> Observation:
    changed: Dict[str, Any] = {FIELDS[name]: File("file", data)}
    return observed._replace(bundle=observed.require_bundle()._replace(**changed))


def _loads(observed: Observation, name: str, load_timeout: float) -> bool:
    one = forecast(observed, ReleaseClass(name, True, (name,)), load_timeout)
    return one.outcome == "reattached" and one.task == "kept"


def _reason(observed: Observation, after: Forecast) -> str:
    """Why restored files would not help."""
    if after.rule in ("F1", "F4", "A11") and observed.found and observed.found.binary_problem:
        return "{0}; {1}".format(after.reason, observed.found.binary_problem)
    return after.reason
