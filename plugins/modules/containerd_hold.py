#!/usr/bin/python
# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: containerd_hold
short_description: Hold what could restart or upgrade containerd during a run, and release it
version_added: 0.1.0
description:
  - Finds what can restart, kill or upgrade containerd. These are timers of unattended upgrades, needrestart, health
    checkers, snap refreshes, and dockerd without live-restore.
  - Holds what can be held from the node during a run, and restores exactly the earlier state afterwards.
  - The holds and the earlier state are written to C(/var/lib/shimops/held.json) before anything is changed. After an
    interrupted run the next run finds the record, releases everything, and reports it.
  - Units are stopped and started, never masked, enabled or disabled, and systemd never reloads its units.
  - From here on the run claims the host, as with M(shimops.containerd.shim_migrate), until its
    M(shimops.containerd.shim_reconnect) is done or everything is released. No other run can change it until then.
extends_documentation_fragment:
  - shimops.containerd._shared
  - shimops.containerd._shared.attributes
attributes:
  check_mode:
    support: full
    details: Returns what was found and what would be held or released.
  diff_mode:
    support: none
    details: Changes are returned in RV(found) and RV(released).
options:
  state:
    description:
      - V(held) holds. Holds of another run are released first. The same run again renews holds that were lost.
      - V(released) releases all holds in the record, including those of another run, even if a hold file exists.
    type: str
    default: held
    choices: [held, released]
  run_id:
    description: The name of the run, the same for all hosts. Required if O(state=held).
    type: str
  units:
    description:
      - Additional units to hold, such as your own health checker, by their full names.
      - A unit that does not exist or does not run on the host is ignored.
    type: list
    elements: str
  wait_timeout:
    description:
      - Seconds to wait for a running package manager. It is never interrupted.
      - After that all holds are released and the task fails.
    type: float
    default: 120
"""

EXAMPLES = r"""
- name: List what could restart containerd on this host
  shimops.containerd.containerd_hold:
    run_id: monday-1
  check_mode: true

- name: Hold it, and our own health checker
  shimops.containerd.containerd_hold:
    run_id: monday-1
    units: [node-doctor.service]

- name: Release everything
  shimops.containerd.containerd_hold:
    state: released
"""

RETURN = r"""
found:
  description:
    - What was found, with its C(kind) (V(unattended_upgrades), V(health_checker), V(custom), V(package),
      V(needrestart), V(snap), V(docker)) and C(name).
    - C(held) is whether it is held now; C(how) is V(stop), V(mark), V(snippet), V(refresh_hold) or V(none).
  returned: always
  type: list
  elements: dict
  sample:
    - {"held": true, "how": "stop", "kind": "unattended_upgrades", "name": "apt-daily.timer", "reason": "held now"}
released:
  description: What was released, and how, or why nothing had to be done.
  returned: always
  type: list
  elements: dict
  sample:
    - {"how": "stop", "kind": "unattended_upgrades", "name": "apt-daily.timer", "reason": "started again"}
earlier_run:
  description: The run whose holds were found on the node and released; null if there were none.
  returned: always
  type: str
summary:
  description: Exact counts, and the number of omitted rows.
  returned: always
  type: dict
  sample: {"found": 5, "held": 5, "not_held": 0, "released": 0, "truncated": 0}
msg:
  description: What was done.
  returned: always
  type: str
  sample: 5 of 5 held
"""

import contextlib

from ansible_collections.shimops.containerd.plugins.module_utils import _stop_file
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._interference import record, settings
from ansible_collections.shimops.containerd.plugins.module_utils._interference.hold import Hold
from ansible_collections.shimops.containerd.plugins.module_utils._module import execute
from ansible_collections.shimops.containerd.plugins.module_utils._restart import host_claim


def keep(options, check_mode):
    """Hold or release, and return the result."""
    units = settings.names(options["units"])
    hold = Hold(units, settings.runtime_units(options), check_mode, lambda: Deadline(options["timeout"]))
    release, patience = options["state"] == "released", Deadline(options["wait_timeout"])
    if not (release or check_mode):
        _stop_file.require_absent()
    # Without a run id it releases the holds of another run, whose claim must not block it.
    run_id = options["run_id"] or (record.load() or {}).get("run_id")
    alone = host_claim.held(run_id, options["timeout"] + options["wait_timeout"], last=release)
    with contextlib.nullcontext() if check_mode else alone:
        done = hold.release(patience) if release else hold.hold(str(run_id), patience)
    if done.failure and not (release or check_mode):
        # All holds are released; release the claim of the run on the host as well.
        with host_claim.held(run_id, options["timeout"], last=True):
            pass
    return settings.result(done)


def main():
    """Run the module."""
    execute(
        keep,
        {
            "state": {"type": "str", "default": "held", "choices": ["held", "released"]},
            "run_id": {"type": "str"},
            "units": {"type": "list", "elements": "str"},
            "wait_timeout": {"type": "float", "default": 120},
        },
        required_if=[("state", "held", ["run_id"])],
    )


if __name__ == "__main__":
    main()
