#!/usr/bin/python
# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: shim_reconnect
short_description: Restart containerd, and verify that every container was reattached
version_added: 0.1.0
description:
  - Records the running tasks of a host, restarts containerd, and verifies every task with three independent
    witnesses.
  - The witnesses are the shim itself, containerd's task list, and the kernel's list of connections between the two.
  - A restart that would lose a container is refused before anything is changed.
  - After the ledger is written, the host finishes by itself if the connection is lost. The ledger has the result.
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
    details: With O(state=restarted) it returns the forecast, with O(state=recorded) it writes nothing.
  diff_mode:
    support: none
    details: The change is a new process of containerd.
options:
  state:
    description:
      - V(recorded) writes the ledger.
      - V(restarted) forecasts, records, restarts and verifies. With the same O(run_id) again it verifies again and
        does not restart.
      - V(verified) compares the running tasks with the ledger.
      - V(rolled_back) reverts the upgrade of O(run_id). It installs the release in O(package_dir) and restarts, if the
        forecast for that release keeps every task. containerd does not have to run.
      - An unverified ledger of an earlier run is verified and reported first; the task then fails.
    type: str
    required: true
    choices: [recorded, restarted, verified, rolled_back]
  run_id:
    description: The name of the run, the same for all hosts. Required unless O(state=verified).
    type: str
  ledger:
    description: The path of the ledger on the host, in a directory that only root can write.
    type: path
    default: /var/lib/shimops/ledger.json
  target_version:
    description:
      - The release after the restart, for the forecast. V(installed), or a release such as V(2.1.9).
      - An explicit release is verified after the restart, in memory and on disk.
    type: str
    default: installed
  package_dir:
    description:
      - The directory on the host where M(shimops.containerd.containerd_package) staged a release. It is installed right
        before the restart, after the last forecast, without the package's own restart.
    type: path
  stop_file_on_failure:
    description: Whether a failed verification writes the hold file C(/etc/shimops/hold), with the reason.
    type: bool
    default: false
  on_risk:
    description: Whether to refuse if the forecast says that a task would be lost, or to proceed.
    type: str
    default: refuse
    choices: [refuse, proceed]
  restart_command:
    description:
      - The command that restarts containerd, as a list. The program must be an absolute path, writable by root only.
      - The default is C(systemctl restart) on the unit.
    type: list
    elements: str
  restart_timeout:
    description:
      - Seconds the restart may take. After that no process is killed; tasks that cannot be verified are V(unproven).
      - Tasks that are V(unproven) after the restart are verified again for as long.
    type: float
    default: 120
  settle:
    description:
      - Seconds between the first and the last verdicts. CRI and kubelet act after containerd has started.
      - In a run (O(run_folder)) O(state=verified) waits until so long after the restart with O(final=false).
    type: float
    default: 30
  final:
    description:
      - Whether the verdicts of O(state=restarted) are the last ones. With V(false) the ledger stays open, logs are not
        judged yet, and O(state=verified) of the same run has to follow.
      - So that a batch of hosts settles together. See C(rolling_restart_settle_per).
    type: bool
    default: true
  on_unread:
    description:
      - What to do when a task runs and containerd no longer reads its log. It will block when its log pipe is full, and
        only a new container helps.
      - V(fail) fails the host, V(report) only lists it in RV(unread).
    type: str
    default: fail
    choices: [fail, report]
  exec_proof:
    description:
      - Tasks, as C(namespace/id), in which O(exec_command) is run through containerd after the verdicts.
      - It is not run in any other container, and not in check mode.
    type: list
    elements: str
  exec_command:
    description: The harmless command of O(exec_proof), as a list. It may take 10 seconds.
    type: list
    elements: str
    default: ["true"]
  witnesses:
    description: The witnesses that must all confirm a task before it counts as reattached.
    type: list
    elements: str
    default: [shim, containerd, kernel]
    choices: [shim, containerd, kernel]
  refusal:
    description:
      - In a run (O(run_folder)), check first on the controller whether the host may begin. The value says why the host
        is refused; an empty string that it is not.
      - A host that is refused, or that may not begin any more, is recorded as that and left alone.
    type: str
  refusal_counts:
    description: The budget of the run that a refused host counts against.
    type: str
    choices: [failed, refused]
    default: refused
"""

EXAMPLES = r"""
- name: Restart containerd and verify every container
  shimops.containerd.shim_reconnect:
    state: restarted
    run_id: monday-1

- name: Forecast that restart
  shimops.containerd.shim_reconnect:
    state: restarted
    run_id: monday-1
  check_mode: true

- name: Record the tasks before a restart made by other means
  shimops.containerd.shim_reconnect:
    state: recorded
    run_id: by-hand-7
"""

RETURN = r"""
verdicts:
  description:
    - One row per task of the ledger, and one per new task. With O(detail=summary) and O(detail=problems) only
      lost tasks.
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
  description: Exact counts by verdict, of all tasks and of lost tasks, and the number of omitted rows.
  returned: always
  type: dict
  sample:
    duplicated: 0
    ended: 0
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
  description: The tasks that the restart would or might lose.
  returned: always
  type: list
  elements: dict
refused:
  description: Whether the host was not changed because a task was at risk.
  returned: always
  type: bool
gap:
  description: Seconds without containerd, from the end of the old process to the first answer of the new one.
  returned: always
  type: float
forecast:
  description: Counts of the forecast, and its target release.
  returned: always
  type: dict
log:
  description: How many tasks have a log that is read, not read, not read by containerd at all (none), or unknown.
  returned: always
  type: dict
  sample: {"likely_to_stall": 0, "none": 4, "not_read": 0, "read": 4, "stalled": 1, "unknown": 0}
unread:
  description:
    - The running tasks whose log containerd does not read, with the reason. C(before) is whether it was not read before
      the restart either; such a log does not fail the host.
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
    - The tasks whose log pipe would be full before containerd is back, at their present output rate. C(rate) is in
      bytes per second, C(full_after) in seconds.
  returned: always
  type: list
  elements: dict
exec_proof:
  description: The results of O(exec_proof), with C(result) V(works), V(no_command), V(failed) or V(timed_out).
  returned: always
  type: list
  elements: dict
package:
  description:
    - What was installed, the time it took (C(seconds)), the C(replaced) programs, and the seconds from the installation
      to the first answer of the new containerd (C(disagree)).
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
  description: The possible rollback after the upgrade, as returned by M(shimops.containerd.shim_probe).
  returned: always
  type: dict
  sample: {"class": "closing", "containers": [], "to": "1.7.24"}
commands:
  description: Commands to inspect a held host, one per line.
  returned: always
  type: str
msg:
  description: What was done, or the counts of the verdicts.
  returned: always
  type: str
  sample: 8 reattached
journal_tail:
  description: The last lines of the unit's journal.
  returned: on failure
  type: list
  elements: str
"""

from ansible_collections.shimops.containerd.plugins.module_utils import _result
from ansible_collections.shimops.containerd.plugins.module_utils._forecast import results
from ansible_collections.shimops.containerd.plugins.module_utils._logs.watch import LogWatch
from ansible_collections.shimops.containerd.plugins.module_utils._module import execute
from ansible_collections.shimops.containerd.plugins.module_utils._restart import ledger_file, verdict_rows
from ansible_collections.shimops.containerd.plugins.module_utils._restart.host import Host
from ansible_collections.shimops.containerd.plugins.module_utils._restart.states import STATES
from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict import GOOD
from ansible_collections.shimops.containerd.plugins.module_utils._shim.messages import protobuf_problem


def reconnect(options, check_mode):
    """Bring one host to the requested state, and return the result."""
    logs = LogWatch(options, check_mode)
    done = STATES[options["state"]](Host(options, check_mode, logs))
    result = {
        "changed": done.changed,
        "verdicts": _result.select(done.verdicts, options["detail"], lambda row: row["verdict"] not in GOOD),
        "summary": verdict_rows.summary(done.verdicts),
        "at_risk": results.risks(done.forecast),
        "gap": done.gap,
        "forecast": results.counts(done.forecast.forecasts) if done.forecast else {},
        "msg": done.message,
        "journal_tail": list(done.journal_tail),
        "refused": done.refused,
        "package": done.package or {},
        "rollback": done.rollback or {},
        "commands": done.commands,
        "failure": done.failure,
        **logs.result(),
    }
    return result


def main():
    """Run the module."""
    execute(
        reconnect,
        {
            "state": {"type": "str", "required": True, "choices": ["recorded", "restarted", "verified", "rolled_back"]},
            "run_id": {"type": "str"},
            "run_folder": {"type": "path"},
            "ledger": {"type": "path", "default": ledger_file.PLACE},
            "target_version": {"type": "str", "default": "installed"},
            "package_dir": {"type": "path"},
            "stop_file_on_failure": {"type": "bool", "default": False},
            "on_risk": {"type": "str", "default": "refuse", "choices": ["refuse", "proceed"]},
            "restart_command": {"type": "list", "elements": "str"},
            "restart_timeout": {"type": "float", "default": 120},
            "settle": {"type": "float", "default": 30},
            "final": {"type": "bool", "default": True},
            "on_unread": {"type": "str", "default": "fail", "choices": ["fail", "report"]},
            "exec_proof": {"type": "list", "elements": "str"},
            "exec_command": {"type": "list", "elements": "str", "default": ["true"]},
            "witnesses": {
                "type": "list",
                "elements": "str",
                "default": ["shim", "containerd", "kernel"],
                "choices": ["shim", "containerd", "kernel"],
            },
            # The action plugin handles these on the controller.
            "refusal": {"type": "str"},
            "refusal_counts": {"type": "str", "choices": ["failed", "refused"], "default": "refused"},
        },
        protobuf_problem,
        required_if=[("state", state, ["run_id"]) for state in ("recorded", "restarted", "rolled_back")],
    )


if __name__ == "__main__":
    main()
