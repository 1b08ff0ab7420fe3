#!/usr/bin/python
# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: shim_probe
short_description: Ask every shim, and say what a restart of containerd would do to each container
version_added: 0.1.0
description:
  - Asks each shim what containerd will ask it when it starts, and forecasts for each bundle what a restart into
    O(target_version) does to it. Nothing is changed, no shim is told to do anything.
  - With O(wanted) it waits until every shim has one of these outcomes, and fails when that does not come.
extends_documentation_fragment:
  - shimops.containerd._shared
  - shimops.containerd._shared.run
  - shimops.containerd._shared.attributes
requirements:
  - protobuf 3.6 or newer (python3-protobuf of the distribution)
  - grpcio (python3-grpcio), only to ask shims that serve gRPC
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Nothing is changed.
options:
  target_version:
    description: The release to forecast for. V(running), V(installed), or a release such as V(2.1.9).
    type: str
    default: installed
  wanted:
    description: Wait until every bundle's outcome is one of these.
    type: list
    elements: str
    choices: [reattached, killed, dropped, reaped, orphaned, retained, skipped, hangs, runtime_absent, unknown]
  wait_timeout:
    description: Seconds to wait for O(wanted); V(0) looks once.
    type: float
    default: 0
  sleep:
    description: Seconds between two looks.
    type: float
    default: 2
  pids:
    description:
      - Ask Pids too, as containerd 1.7 and later do. Each answer costs a C(runc ps) on the host.
      - Without it a shim that cannot list its processes is not found out.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: What would a restart do here
  shimops.containerd.shim_probe:
  register: forecast

- name: Would an upgrade lose anything
  shimops.containerd.shim_probe:
    target_version: 2.1.9
    detail: problems
  register: upgrade
  failed_when: upgrade.summary.at_risk > 0

- name: Wait until every shim would be found again
  shimops.containerd.shim_probe:
    wanted: [reattached]
    wait_timeout: 60
"""

RETURN = r"""
shims:
  description:
    - One row per bundle; with O(detail=summary) and O(detail=problems) those that are at risk or not reattached.
  returned: always
  type: list
  elements: dict
  sample:
    - answers: "v3: Unimplemented, v2: ok"
      at_risk: false
      client: keeps
      delay: 0.02
      id: plain1
      namespace: default
      outcome: reattached
      pod: null
      reason: its shim answers
      rule: A1
      shim_pid: 411
      status: running
      task: kept
      task_pid: 430
summary:
  description: Exact counts of bundles, live tasks, tasks at risk and outcomes, and how many rows were left out.
  returned: always
  type: dict
  sample: {"at_risk": 0, "bundles": 8, "outcomes": {"reattached": 8}, "tasks": 8, "truncated": 0}
release:
  description: Running, installed and target release, and the target's release class.
  returned: always
  type: dict
  sample:
    installed: 1.7.24
    release_class: V17
    release_class_sure: true
    running: 1.7.24
    target: 1.7.24
start_estimate:
  description: Seconds that loading the shims adds to containerd's start.
  returned: always
  type: float
hazards:
  description: What endangers the whole host, with C(id), C(outcome), C(reason) and C(remedy).
  returned: always
  type: list
  elements: dict
refusal:
  description:
    - Why a restart is to be refused, in one sentence. Empty when containerd runs, no task is at risk, and no stop file
      holds the host.
  returned: always
  type: str
rollback:
  description:
    - Whether a way back to containerd 1.x is V(open), V(closing) or V(closed), and the containers that close it.
  returned: always
  type: dict
  sample: {"class": "open", "containers": []}
ledger:
  description: The run in the host's ledger, its phase, and how many tasks it lost; empty without a ledger.
  returned: always
  type: dict
  sample: {"lost": 0, "phase": "verified", "run_id": "monday-1"}
elapsed:
  description: Seconds the module took.
  returned: always
  type: float
"""

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._module import execute
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import (
    daemon,
    earlier,
    ledger,
    preflight,
    report,
)
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.forecast import OUTCOMES
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.look import look, outlook, target


def probe(options, check_mode):
    """Look until every outcome is wanted, or once."""
    patience = Deadline(options["wait_timeout"])
    while True:
        found = one_look(options)
        unwanted = [row for row in found["shims"] if options["wanted"] and row["outcome"] not in options["wanted"]]
        if not unwanted or not patience.sleep(options["sleep"]):
            break
    found["shims"] = report.select(
        found["shims"], options["detail"], lambda row: row["at_risk"] or row["outcome"] != "reattached"
    )
    found["elapsed"] = round(patience.elapsed(), 3)
    if unwanted:
        found["failure"] = "forecast: {0} of {1} bundles have another outcome than {2}; {3}/{4} is {5}: {6}.".format(
            len(unwanted),
            found["summary"]["bundles"],
            " or ".join(options["wanted"]),
            unwanted[0]["namespace"],
            unwanted[0]["id"],
            unwanted[0]["outcome"],
            unwanted[0]["reason"],
        )
    return report.fit(found, options["detail"])


def one_look(options):
    """The whole route once, with every row."""
    deadline = Deadline(options["timeout"])
    here = daemon.only(daemon.find(options, deadline))
    classes = target(here, options["target_version"])[1].candidates
    cases = look(here, options, deadline, classes, options["pids"])
    view = outlook(here, cases, options["target_version"])
    return {
        "shims": [report.shim_row(case, one) for case, one in view.forecasts],
        "summary": report.forecast_summary(view.forecasts),
        "release": report.release(here, view),
        "start_estimate": view.start_estimate,
        "hazards": [hazard._asdict() for hazard in view.hazards],
        "rollback": report.rollback(here, cases),
        "ledger": earlier.brief(ledger.PLACE),
        "refusal": refusal(here, view),
    }


def refusal(here, view):
    """Why a restart is to be refused: the host is held, there is no containerd to restart, or a task at risk."""
    try:
        preflight.require_no_hold()
        preflight.require_running(here)
    except ShimError as error:
        return str(error)
    return report.refusal(view)


def main():
    """Run the module."""
    execute(
        probe,
        {
            "run_folder": {"type": "path"},
            "target_version": {"type": "str", "default": "installed"},
            "wanted": {"type": "list", "elements": "str", "choices": list(OUTCOMES)},
            "wait_timeout": {"type": "float", "default": 0},
            "sleep": {"type": "float", "default": 2},
            "pids": {"type": "bool", "default": True},
        },
    )


if __name__ == "__main__":
    main()
