# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan: the steps that bring bundles to a wanted state, and the diff that shows them. Pure. Internal."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bootstrap import Params, restore
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import Bundle, File
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint, resolve
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.forecast import forecast
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import ReleaseClass, at_least
from ansible_collections.shimops.containerd.plugins.module_utils._rescue.repairable import (
    FIELDS,
    Unrepairable,
    bootstrap_json,
    repair,
    unproven,
)
from ansible_collections.shimops.containerd.plugins.module_utils._shim.status import OK

# As 1.6.20, 1.7.24 and 2.1.9 leave them. Some releases between left the first two writable for all, which no reader
# needs (recovery-spec 2.1 and 2.2).
MODES = {"bootstrap.json": 0o644, "address": 0o644, "shim-binary-path": 0o600}
# Bytes of a damaged file that a diff shows.
_SHOWN = 1000


class Step(NamedTuple):
    """One file to write in one bundle.

    ``before`` is the file as it was read, ``inode`` that of the bundle, ``alive`` are the processes whose answers
    prove the step right: when one of the three changed, it is not taken. ``keep``: keep what was there. ``why`` is
    what is done and why, for people.
    """

    namespace: str
    id: str
    path: str
    name: str
    data: bytes
    before: File
    inode: Optional[Tuple[int, int]]
    alive: Tuple[Process, ...]
    keep: bool
    why: str

    def diff(self) -> Dict[str, Any]:
        """The step as Ansible shows differences."""
        header = "{0}/{1}".format(self.path, self.name)
        return {
            "before": _shown(self.before),
            "after": self.data.decode("utf-8", "replace") + "\n",
            "before_header": header if self.before.kind == "file" else "{0} ({1})".format(header, _kind(self.before)),
            "after_header": header,
        }


class Refused(NamedTuple):
    """A bundle that is left alone, and why."""

    namespace: str
    id: str
    reason: str


def migrate(observations: List[Observation], release_class: str) -> Tuple[List[Step], List[Refused]]:
    """The bootstrap.json that a containerd 2.x would write for each legacy bundle, where the shim proves who it is.

    Nothing is planned for a class that reads ``address`` itself. Source: restoreBootstrapParams@v2.1.9.
    """
    steps: List[Step] = []
    refused: List[Refused] = []
    if not at_least(release_class, "V20a"):
        return steps, refused
    for observed in observations:
        bundle = observed.bundle
        if bundle is None or bundle.bootstrap_json.kind != "absent" or bundle.address.kind == "absent":
            continue
        reason = _not_migrated(observed)
        if reason:
            refused.append(Refused(bundle.namespace, bundle.id, reason))
            continue
        data = bootstrap_json(2, bundle.address.text())
        why = "bootstrap.json written from address"
        steps.append(_step(bundle, "bootstrap.json", data, tuple(filter(None, [bundle.init])), False, why))
    return steps, refused


class Rescue(NamedTuple):
    """The steps of a rescue, the bundles at risk that stay so with the reason, and what is not at risk."""

    steps: List[Step]
    refused: List[Refused]
    not_at_risk: List[Observation]


def rescue(observations: List[Observation], release: ReleaseClass, load_timeout: float, keep: bool = True) -> Rescue:
    """What restores the bundle of each task that a restart into that release would lose.

    :param load_timeout: containerd's time-out for one shim, in seconds.
    :param keep: whether the damaged file stays in the bundle under another name.
    """
    steps, refused, well = [], [], []
    for observed in observations:
        before = forecast(observed, release, load_timeout)
        if not before.at_risk:
            well.append(observed)
            continue
        found = repair(observed, before, release, load_timeout)
        if isinstance(found, Unrepairable):
            refused.append(Refused(observed.entry.namespace, observed.entry.id, found.reason))
            continue
        bundle = observed.require_bundle()
        alive = tuple(filter(None, [bundle.init, observed.found.shim if observed.found else None]))
        for name, data in found.files.items():
            why = "{0} restored ({1}: {2})".format(name, before.rule, before.reason)
            steps.append(_step(bundle, name, data, alive, keep, why))
    return Rescue(steps, refused, well)


def _step(bundle: Bundle, name: str, data: bytes, alive: Tuple[Process, ...], keep: bool, why: str) -> Step:
    before = getattr(bundle, FIELDS[name])
    return Step(bundle.namespace, bundle.id, bundle.path, name, data, before, bundle.inode, alive, keep, why)


def _not_migrated(observed: Observation) -> Optional[str]:
    """Why the shim behind ``address`` is not proven to be the one of this task; None when it is."""
    # Where 2.x will dial, not where 1.7 does: an address that is JSON leads only 1.7 anywhere (row C5).
    bundle = observed.require_bundle()
    params = restore(bundle, "V20a")
    place = resolve(params, observed.cwd) if isinstance(params, Params) else None
    said = observed.answers.get(place) if isinstance(place, Endpoint) else None
    if said is None:
        return "its address leads to no socket"
    if not said.failure and ("v2" not in said.connect or said.connect["v2"].code != OK):
        return "its shim does not serve task v2, which a migrated bundle would name"
    return unproven(said, bundle.init)


def _kind(file: File) -> str:
    return file.kind.replace("_", " ")


def _shown(file: File) -> str:
    """A damaged file for people: it may hold anything, so what is no text is escaped, and only its beginning shown."""
    if not file.data:
        return ""
    text = file.data[:_SHOWN].decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in text) + "\n"
