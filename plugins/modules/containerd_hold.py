#!/usr/bin/python
# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: containerd_hold
short_description: Keep still what would restart containerd in the middle of a roll, and put it back
version_added: 0.1.0
description:
  - Finds what restarts, kills or upgrades containerd by itself. These are timers of unattended upgrades, needrestart,
    health checkers, snap refreshes, and dockerd without live-restore.
  - Holds what can be held from the node for the time of a roll, and puts exactly the earlier state back afterwards.
  - What is held, and how it was before, is written to C(/var/lib/shimops/held.json) before anything is touched. When a
    run is cut in two, the next one finds the record, puts everything back, and says so.
  - Units are stopped and started, never masked, enabled or disabled, and systemd is never made to reload its units.
  - From here on the run has the host, as with M(shimops.containerd.shim_migrate), until its
    M(shimops.containerd.shim_reconnect) is done or everything is put back. No other run acts on it meanwhile.
extends_documentation_fragment:
  - shimops.containerd._shared
  - shimops.containerd._shared.attributes
attributes:
  check_mode:
    support: full
    details: Says what was found and what would be held or put back.
  diff_mode:
    support: none
    details: What changes is told in RV(found) and RV(released).
options:
  state:
    description:
      - V(held) holds. When another run left something held, that is put back first. The same run again holds what is
        not held any more.
      - V(released) puts back whatever the record names, also what another run held, and under a stop file too.
    type: str
    default: held
    choices: [held, released]
  run_id:
    description: The name of the run, the same for all its hosts. Required when O(state=held).
    type: str
  units:
    description:
      - More units to hold, such as a health checker of your own, by their whole names.
      - One that a host does not have, or that does not run there, is left as it is.
    type: list
    elements: str
  wait_timeout:
    description:
      - Seconds to wait for a package manager that is at work. It is never interrupted.
      - Past them nothing stays held and the task fails.
    type: float
    default: 120
"""

EXAMPLES = r"""
- name: Say what could restart containerd on this host
  shimops.containerd.containerd_hold:
    run_id: monday-1
  check_mode: true

- name: Hold it, and a health checker of our own
  shimops.containerd.containerd_hold:
    run_id: monday-1
    units: [node-doctor.service]

- name: Put everything back
  shimops.containerd.containerd_hold:
    state: released
"""

RETURN = r"""
found:
  description:
    - What was found, with its C(kind) (V(unattended_upgrades), V(health_checker), V(custom), V(package),
      V(needrestart), V(snap), V(docker)) and C(name).
    - C(held) tells whether it is kept still now; C(how) is V(stop), V(mark), V(snippet), V(refresh_hold) or V(none).
  returned: always
  type: list
  elements: dict
  sample:
    - {"held": true, "how": "stop", "kind": "unattended_upgrades", "name": "apt-daily.timer", "reason": "held now"}
released:
  description: What was put back, and how, or why there was nothing to do.
  returned: always
  type: list
  elements: dict
  sample:
    - {"how": "stop", "kind": "unattended_upgrades", "name": "apt-daily.timer", "reason": "started again"}
earlier_run:
  description: The run whose holds were found on the node and put back; null when there were none.
  returned: always
  type: str
summary:
  description: Exact counts, and how many rows were left out.
  returned: always
  type: dict
  sample: {"found": 5, "held": 5, "not_held": 0, "released": 0, "truncated": 0}
msg:
  description: What was done, in a few words.
  returned: always
  type: str
  sample: 5 of 5 held
"""

import contextlib

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._interference import record, told
from ansible_collections.shimops.containerd.plugins.module_utils._interference.keeper import Keeper
from ansible_collections.shimops.containerd.plugins.module_utils._module import execute
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import hold, preflight, report


def keep(options, check_mode):
    """Hold or put back, and shape what came of it."""
    units = told.names(options["units"])
    keeper = Keeper(units, told.runtime_units(options), check_mode, lambda: Deadline(options["timeout"]))
    release, patience = options["state"] == "released", Deadline(options["wait_timeout"])
    if not (release or check_mode):
        preflight.require_no_hold()
    # Without a run of its own it puts another's holds back: that one's claim is no obstacle then.
    run_id = options["run_id"] or (record.load() or {}).get("run_id")
    alone = hold.held(run_id, options["timeout"] + options["wait_timeout"], last=release)
    with contextlib.nullcontext() if check_mode else alone:
        done = keeper.release(patience) if release else keeper.hold(str(run_id), patience)
    if done.failure and not (release or check_mode):
        # Everything is put back, and so is the run's claim on the host.
        with hold.held(run_id, options["timeout"], last=True):
            pass
    return report.fit(told.result(done), options["detail"])


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
        asks_shims=False,
        required_if=[("state", "held", ["run_id"])],
    )


if __name__ == "__main__":
    main()
