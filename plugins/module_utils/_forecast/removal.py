# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removal: whether containerd can delete a bundle. Pure. Internal to the collection.

Source: cleanupAfterDeadShim and Bundle.Delete, recovery-spec 1.3 and 1.5; rows F6, F10 and G of 10.2. What cannot be
seen from outside is left out: a delete that takes too long (G2), a mount that is busy (G4).
"""

from __future__ import annotations

from typing import Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._bundle import gojson
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import Bundle
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.load import Load
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import at_least

_REMOVED = ("killed", "dropped", "reaped")
# With these the shim's delete fails; with others it succeeds and has killed no task.
_FAILING = ("F6", "F10")


def removal(observed: Observation, load: Load, name: str) -> Load:
    """The end of a load that was to remove its bundle: by the shim's delete first, then by containerd itself."""
    if observed.bundle is None or load.outcome not in _REMOVED:
        return load
    delete = _delete_fails(observed, observed.bundle, name) if load.outcome == "killed" else None
    if delete:
        rule, reason = delete
        outcome = "retained" if rule in _FAILING and not at_least(name, "V20a") else "dropped"
        load = Load(outcome, rule, "{0}; {1}".format(load.reason, reason), load.delay, "unmanaged")
    if observed.bundle.stuck:
        rule, reason = observed.bundle.stuck
        task = load.task or ("unmanaged" if load.outcome == "dropped" else "killed")
        load = Load("retained", rule, "{0}; {1}".format(load.reason, reason), load.delay, task)
    return load


def _delete_fails(observed: Observation, bundle: Bundle, name: str) -> Optional[Tuple[str, str]]:
    """Why the shim's own delete cannot kill the container."""
    if observed.shim_runs is False:
        return "F6", "its shim binary cannot be executed, so the container is not killed"
    if not (observed.runtime_path or "").rpartition("/")[2].startswith("containerd-shim-runc"):
        return None
    options = bundle.options_json
    if options.kind == "file" and isinstance(gojson.unmarshal(options.data, {}), gojson.Invalid):
        return "F10", "its options.json is not JSON, so the container is not killed"
    # Shims from 2.1 on do without it, and the class does not say which of 2.0 and 2.1 it is.
    if bundle.runtime.kind == "absent" and not at_least(name, "V20a"):
        return "F10", "its file runtime is missing, so the container is not killed"
    if observed.runc_found is False:
        return "runc_missing", "the OCI runtime of its shim is gone, so the container is not killed"
    return None
