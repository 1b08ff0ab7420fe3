# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan: the steps that bring bundles to a wanted state, and the diff that shows them. Pure. Internal."""

from __future__ import annotations

import json
from typing import List, NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._recovery.ask import OK
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.bootstrap import Params, restore
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.case import Case
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.endpoint import resolve
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.releases import at_least

# What containerd gives the file since 2.0.7 and 2.1.5; earlier 2.x left it writable for all (recovery-spec 2.1).
MODE = 0o644


class Step(NamedTuple):
    """One file to add to one bundle."""

    namespace: str
    id: str
    path: str
    name: str
    data: bytes

    def diff(self) -> dict:
        """The step as Ansible shows differences."""
        header = "{0}/{1}".format(self.path, self.name)
        return {
            "before": "",
            "after": self.data.decode("utf-8") + "\n",
            "before_header": header + " (absent)",
            "after_header": header,
        }


class Refused(NamedTuple):
    """A bundle that is left alone, and why."""

    namespace: str
    id: str
    reason: str


def migrate(cases: List[Case], release_class: str) -> Tuple[List[Step], List[Refused]]:
    """The bootstrap.json that a containerd 2.x would write for each legacy bundle, where the shim proves who it is.

    Nothing is planned for a class that reads ``address`` itself. Source: restoreBootstrapParams@v2.1.9.
    """
    steps, refused = [], []
    if not at_least(release_class, "V20a"):
        return steps, refused
    for case in cases:
        bundle = case.bundle
        if bundle is None or bundle.bootstrap_json.kind != "absent" or bundle.address.kind == "absent":
            continue
        reason = _unproven(case)
        if reason:
            refused.append(Refused(bundle.namespace, bundle.id, reason))
            continue
        # Keys in the order of Go's struct, no blanks, no newline: byte for byte what containerd writes.
        params = {"version": 2, "address": bundle.address.text(), "protocol": "ttrpc"}
        data = json.dumps(params, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
        steps.append(Step(bundle.namespace, bundle.id, bundle.path, "bootstrap.json", data))
    return steps, refused


def _unproven(case: Case) -> Optional[str]:
    """Why the shim behind ``address`` is not proven to be the one of this task; None when it is.

    Connect alone proves nothing: an unknown id gets an answer too (recovery-spec 5).
    """
    # Where 2.x will dial, not where 1.7 does: an address that is JSON leads only 1.7 anywhere (row C5).
    params, init = restore(case.bundle, "V20a"), case.bundle.init
    said = case.answers.get(resolve(params, case.cwd)) if isinstance(params, Params) else None
    if said is None:
        return "its address leads to no socket"
    if said.failure:
        return said.failure[1]
    if "v2" not in said.connect or said.connect["v2"].code != OK:
        return "its shim does not serve task v2, which a migrated bundle would name"
    if init is None:
        return "its init process is gone"
    if said.task_pid != init.pid:
        return "its shim names pid {0}, its init.pid says {1}".format(said.task_pid, init.pid)
    if init.pid not in (said.pids or []):
        return "its shim does not list its init process"
    return None
