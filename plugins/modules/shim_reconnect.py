#!/usr/bin/python
# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: shim_reconnect
short_description: Restart containerd, and prove that every container was found again
version_added: 0.1.0
description:
  - Records what runs on a host, restarts containerd, and proves for every task what became of it by three
    independent witnesses.
  - The witnesses are the shim itself, containerd's task list, and the kernel's list of connections between the two.
  - A restart that would lose a container is refused before anything is done.
  - Once the ledger is written, the host finishes on its own when the connection is cut. The ledger tells what
    happened.
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
    details: With O(state=restarted) the forecast is returned, with O(state=recorded) nothing is written.
  diff_mode:
    support: none
    details: What changes is the process of containerd.
options:
  state:
    description:
      - V(recorded) writes the ledger.
      - V(restarted) forecasts, records, restarts and verifies. A second run under the same O(run_id) verifies again
        and
        does not restart.
      - V(verified) compares what runs now with the ledger.
      - V(rolled_back) takes back the upgrade of O(run_id). It installs the release in O(package_dir) and restarts,
        where the forecast for that release says that every task is kept. containerd need not run.
      - The ledger of an earlier run that was never verified is verified and reported first; the task then fails.
    type: str
    required: true
    choices: [recorded, restarted, verified, rolled_back]
  run_id:
    description: The name of the run, the same for all its hosts. Required unless O(state=verified).
    type: str
  ledger:
    description: Where the ledger is kept on the host, in a directory that only root can write.
    type: path
    default: /var/lib/shimops/ledger.json
  target_version:
    description:
      - The release that the restart leads into, for the forecast. V(installed), or a release such as V(2.1.9).
      - A release is verified afterwards, in memory and on the disk.
    type: str
    default: installed
  package_dir:
    description:
      - Where M(shimops.containerd.containerd_package) staged a release on the host. It is installed right before the
        restart, after the last forecast, with the package's own restart denied.
    type: path
  freeze:
    description: Whether a failed verification writes the stop file C(/etc/shimops/hold), with the reason.
    type: bool
    default: false
  on_risk:
    description: Whether to refuse when the forecast says that a task would be lost, or to go on knowingly.
    type: str
    default: refuse
    choices: [refuse, proceed]
  restart_command:
    description:
      - The command that restarts containerd, as a list. The program has to be an absolute path and root's alone.
      - The default is C(systemctl restart) on the unit.
    type: list
    elements: str
  restart_timeout:
    description: Seconds the restart may take. Past it nothing is killed; what cannot be told is V(unproven).
    type: float
    default: 120
  settle:
    description:
      - Seconds between the first verdicts and the last. What CRI and kubelet do comes after containerd's start.
    type: float
    default: 30
  on_unread:
    description:
      - What to do when a task lives on and containerd does not read its log any more. It will stall once its log pipe
        is full, and only a new container mends it.
      - V(fail) fails the host, V(report) lists it in RV(unread) alone.
    type: str
    default: fail
    choices: [fail, report]
  exec_proof:
    description:
      - Tasks, as C(namespace/id), to run O(exec_command) in through containerd once the verdicts are there.
      - Nothing is run in any other container, and nothing in check mode.
    type: list
    elements: str
  exec_command:
    description: The harmless command of O(exec_proof), as a list. It may take 10 seconds.
    type: list
    elements: str
    default: ["true"]
  witnesses:
    description: The witnesses that must all say yes before a task counts as reattached.
    type: list
    elements: str
    default: [shim, containerd, kernel]
    choices: [shim, containerd, kernel]
"""

EXAMPLES = r"""
- name: Restart containerd and prove that nothing was lost
  shimops.containerd.shim_reconnect:
    state: restarted
    run_id: monday-1

- name: Say what that restart would do
  shimops.containerd.shim_reconnect:
    state: restarted
    run_id: monday-1
  check_mode: true

- name: Record, so that a restart by other means can be verified
  shimops.containerd.shim_reconnect:
    state: recorded
    run_id: by-hand-7
"""

RETURN = r"""
verdicts:
  description:
    - One row per task of the ledger, and one per task that is new. With O(detail=summary) and O(detail=problems)
      those that are lost.
  returned: always
  type: list
  elements: dict
  sample:
    - after: {"pid": 430, "shim_pid": 411, "start_time": 91823}
      before: {"pid": 430, "shim_pid": 411, "start_time": 91823}
      id: plain1
      namespace: default
      pod: null
      reason: ""
      verdict: reattached
      log: read
      log_reason: ""
      witnesses: {"containerd": "yes", "kernel": "yes", "shim": "yes"}
summary:
  description: Exact counts by verdict, of tasks and of lost ones, and how many rows were left out.
  returned: always
  type: dict
  sample:
    duplicated: 0
    exited: 0
    killed: 0
    lost: 0
    new: 0
    orphaned: 0
    reattached: 8
    restarted: 0
    tasks: 8
    truncated: 0
    unproven: 0
at_risk:
  description: The tasks that the restart would lose, or may.
  returned: always
  type: list
  elements: dict
refused:
  description: Whether the host was left alone because a task was at risk.
  returned: always
  type: bool
gap:
  description: Seconds without containerd, from the end of the old process to the first answer of the new one.
  returned: always
  type: float
forecast:
  description: Counts of the forecast, and the release it was made for.
  returned: always
  type: dict
log:
  description: How many tasks have their log read, not read, none that containerd has to read, or one that is not known.
  returned: always
  type: dict
  sample: {"likely_to_stall": 0, "none": 4, "not_read": 0, "read": 4, "stalled": 1, "unknown": 0}
unread:
  description: The tasks that live on and whose log containerd does not read, with the reason.
  returned: always
  type: list
  elements: dict
stalled:
  description:
    - The tasks whose log pipe was full while containerd was away, by C(stream). C(waited) is whether the container
      itself had to wait.
  returned: always
  type: list
  elements: dict
  sample: [{"id": "4f1c", "namespace": "k8s.io", "pod": {"name": "web1"}, "stream": "stdout", "waited": true}]
likely_to_stall:
  description:
    - The tasks whose log pipe will be full before containerd is back, by what they write now. C(rate) is in bytes per
      second, C(full_after) in seconds.
  returned: always
  type: list
  elements: dict
exec_proof:
  description: What came of O(exec_proof), with C(result) V(works), V(no_command), V(failed) or V(timed_out).
  returned: always
  type: list
  elements: dict
package:
  description:
    - What was installed. C(seconds) it took, the programs it C(replaced), and for how many seconds memory and disk
      disagreed until the new containerd answered (C(disagree)).
  returned: always
  type: dict
  sample:
    config: null
    disagree: 0.61
    from: 1.7.24
    kind: apt
    release: 2.1.9
    replaced: [/usr/bin/containerd, /usr/bin/containerd-shim-runc-v2]
    seconds: 1.41
    since: 1764054325.1
    version: 2.1.9+ds1-5
rollback:
  description: The way back after it, as M(shimops.containerd.shim_probe) tells it.
  returned: always
  type: dict
  sample: {"class": "closing", "containers": [], "to": "1.7.24"}
commands:
  description: On a host that was frozen, what a person may want to run on it, one command a line.
  returned: always
  type: str
msg:
  description: What was done, or what became of the tasks, in a few words.
  returned: always
  type: str
  sample: 8 reattached
journal_tail:
  description: The last lines of the unit's journal.
  returned: on failure
  type: list
  elements: str
"""

from ansible_collections.shimops.containerd.plugins.module_utils._module import execute
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import ledger, report
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.upgrade import Upgrade
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.verdict import GOOD


def reconnect(options, check_mode):
    """Bring one host to the wanted state, and shape what came of it."""
    host = Upgrade(options, check_mode)
    done = getattr(host, options["state"])()
    result = {
        "changed": done.changed,
        "verdicts": report.select(done.verdicts, options["detail"], lambda row: row["verdict"] not in GOOD),
        "summary": report.verdict_summary(done.verdicts),
        "at_risk": report.risks(done.forecast),
        "gap": done.gap,
        "forecast": report.forecast_summary(done.forecast.forecasts) if done.forecast else {},
        "msg": done.message,
        "journal_tail": list(done.journal_tail),
        "refused": done.refused,
        "package": done.package or {},
        "rollback": done.rollback or {},
        "commands": done.commands,
        "failure": done.failure,
        **host.logs.result(),
    }
    return report.fit(result, options["detail"])


def main():
    """Run the module."""
    execute(
        reconnect,
        {
            "state": {"type": "str", "required": True, "choices": ["recorded", "restarted", "verified", "rolled_back"]},
            "run_id": {"type": "str"},
            "run_folder": {"type": "path"},
            "ledger": {"type": "path", "default": ledger.PLACE},
            "target_version": {"type": "str", "default": "installed"},
            "package_dir": {"type": "path"},
            "freeze": {"type": "bool", "default": False},
            "on_risk": {"type": "str", "default": "refuse", "choices": ["refuse", "proceed"]},
            "restart_command": {"type": "list", "elements": "str"},
            "restart_timeout": {"type": "float", "default": 120},
            "settle": {"type": "float", "default": 30},
            "on_unread": {"type": "str", "default": "fail", "choices": ["fail", "report"]},
            "exec_proof": {"type": "list", "elements": "str"},
            "exec_command": {"type": "list", "elements": "str", "default": ["true"]},
            "witnesses": {
                "type": "list",
                "elements": "str",
                "default": ["shim", "containerd", "kernel"],
                "choices": ["shim", "containerd", "kernel"],
            },
        },
        required_if=[("state", state, ["run_id"]) for state in ("recorded", "restarted", "rolled_back")],
    )


if __name__ == "__main__":
    main()
