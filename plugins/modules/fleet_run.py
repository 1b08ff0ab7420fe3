#!/usr/bin/python
# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_run
short_description: Keep the run of an operation over a fleet, and say which host may begin
version_added: 0.1.0
description:
  - A run has a folder on the controller, with the stop mark, the budgets, the deadline, and one document per host.
  - The roles of this collection call it. M(shimops.containerd.shim_probe), M(shimops.containerd.shim_migrate) and
    M(shimops.containerd.shim_reconnect) read the same folder immediately before a host acts.
  - Everything happens on the controller, no connection is made.
options:
  state:
    description:
      - V(begun) begins a run, or goes on with the one of that O(run_id). Call it once, with C(run_once).
      - V(asked) says whether the host may begin, and what is left to do there.
      - V(refused), V(failed) and V(current) tell the run what became of the host, with O(reason).
      - V(let_go) tells that the tasks after the host are done.
      - V(judged) says whether a batch may begin. With O(reason) it sets the stop mark first.
      - V(reported) lists what became of all hosts, and says why the run is no success.
    type: str
    required: true
    choices: [begun, asked, refused, failed, current, let_go, judged, reported]
  run_folder:
    description: The folder of the run, as O(state=begun) returned it. Required by all other states.
    type: path
  run_dir:
    description: Where the folders of runs are, on the controller. A relative path starts at the current directory.
    type: path
    default: shimops-runs
  run_id:
    description: The name of the run. The default is the time, to the second.
    type: str
  operation:
    description: What is done to the hosts. A run that goes on has to be of the same operation.
    type: str
    default: restart
  join:
    description:
      - The folder is shared by several controllers, such as the slices of one job.
      - Nobody holds it alone then, and no stop mark of another one is lifted.
    type: bool
    default: false
  deadline:
    description:
      - After it no host begins. A span such as V(90m) or V(2h), or a date and time such as V(2026-06-30T18:00) in the
        controller's time zone.
    type: str
  budgets:
    description:
      - How much may be lost before no further host begins. C(lost) counts tasks, C(failed) and C(refused) hosts; the
        latter two also take a share of the hosts such as V(10%).
      - The defaults are 0, 0 and 50%.
    type: dict
    default: {}
  batches:
    description: The batch sizes of the play, only to be checked.
    type: raw
    default: 1
  seconds:
    description: Waits of the play by the name of their variable, only to be checked.
    type: dict
    default: {}
  seconds_above_zero:
    description: The names in O(seconds) that cannot be 0.
    type: list
    elements: str
  quarantine:
    description: Hosts and groups that are left alone.
    type: list
    elements: str
  hooks:
    description:
      - Lists of task files, C(before) and C(after) each host and C(between) batches. A relative path is looked for
        beside the playbook, in the current directory, and among the ones this collection brings.
    type: dict
    default: {}
  reason:
    description: Why, in one sentence. With O(state=asked) the host is refused for it.
    type: str
    default: ""
  counts:
    description: The budget that the host counts against, where that is not its own.
    type: str
    choices: [lost, failed, refused]
extends_documentation_fragment:
  - shimops.containerd._shared.attributes
attributes:
  check_mode:
    support: full
    details: The run's folder is a temporary one then, and goes when ansible-playbook ends.
  diff_mode:
    support: none
    details: Nothing is changed on a host.
author:
  - shimops.containerd authors (@shimops)
"""

EXAMPLES = r"""
- name: Begin a run
  shimops.containerd.fleet_run:
    state: begun
    run_id: kernel-7
    budgets: {lost: 0, failed: 1, refused: 10%}
    deadline: 2h
  register: run
  run_once: true

- name: Ask whether this host may begin
  shimops.containerd.fleet_run:
    state: asked
    run_folder: "{{ run.folder }}"
  register: asked

- name: Restart it
  shimops.containerd.shim_reconnect:
    state: restarted
    run_id: "{{ run.run_id }}"
    run_folder: "{{ run.folder }}"
  when: asked.go
"""

RETURN = r"""
msg:
  description: What was done or decided, in one sentence.
  returned: always
  type: str
folder:
  description: The folder of the run.
  returned: O(state=begun)
  type: str
run_id:
  description: The name of the run.
  returned: O(state=begun)
  type: str
operation:
  description: What is done to the hosts.
  returned: O(state=begun)
  type: str
attempt:
  description: How often the run was begun.
  returned: O(state=begun)
  type: int
resumed:
  description: Whether the run was begun before.
  returned: O(state=begun)
  type: bool
hooks:
  description: The task files with their whole paths, by C(before), C(after) and C(between).
  returned: O(state=begun)
  type: dict
quarantine:
  description: The hosts in quarantine.
  returned: O(state=begun)
  type: list
  elements: str
go:
  description: Whether something is to be done on the host.
  returned: O(state=asked)
  type: bool
before:
  description: Whether the tasks before the host are to be run.
  returned: O(state=asked)
  type: bool
after:
  description: Whether the tasks after the host are to be run.
  returned: O(state=asked)
  type: bool
stale:
  description: Whether the forecast is older than ten minutes.
  returned: O(state=asked)
  type: bool
host_state:
  description: The state in the host's document.
  returned: O(state=asked), O(state=refused), O(state=failed) and O(state=current)
  type: str
stop:
  description: Whether no further batch may begin.
  returned: O(state=judged)
  type: bool
between:
  description: Whether a batch was before this one.
  returned: O(state=judged)
  type: bool
counts:
  description: How many hosts are in each state.
  returned: O(state=reported)
  type: dict
failure:
  description: Why the run is no success; empty when it is one.
  returned: O(state=reported)
  type: str
fail:
  description: The hosts of the play that are to fail for it, at most 20.
  returned: O(state=reported)
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.shimops.containerd.plugins.module_utils._run_spec import SPEC


def main():
    """Say that this is no work for a host."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    module.fail_json(msg="run: fleet_run works on the controller alone; call it as shimops.containerd.fleet_run.")


if __name__ == "__main__":
    main()
