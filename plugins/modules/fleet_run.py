#!/usr/bin/python
# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_run
short_description: Manage a run over a fleet, and decide which host may begin
version_added: 0.1.0
description:
  - A run has a stop mark, budgets, a deadline, and one document per host. They are in a folder on the controller, or in
    a Redis that several controllers share.
  - The roles of this collection call it. M(shimops.containerd.shim_probe), M(shimops.containerd.shim_migrate) and
    M(shimops.containerd.shim_reconnect) read the same run immediately before they change a host.
  - Runs on the controller and does not contact a host.
options:
  state:
    description:
      - V(begun) begins or resumes the run O(run_id). Call it once, with C(run_once).
      - V(host_checked) returns whether the host may begin, and what is left to do there.
      - V(refused), V(failed) and V(current) record this state of the host, with O(reason).
      - V(host_completed) records that the tasks after the host are done.
      - V(batch_checked) returns whether the next batch may begin. With O(reason) it sets the stop mark first.
      - V(reported) lists the states of all hosts, and why the run was not successful.
      - V(status) shows what the run does now. It can be asked at any time and from any controller, with O(run_id) and
        O(run_store) or O(run_dir).
      - V(stopped) sets the stop mark, with O(reason). Hosts that have begun finish. It is asked like V(status).
    type: str
    required: true
    choices: [begun, host_checked, refused, failed, current, host_completed, batch_checked, reported, status, stopped]
  run_folder:
    description:
      - The folder of the run, or its address in O(run_store), as O(state=begun) returned it. Required by all other
        states but V(status) and V(stopped).
    type: path
  run_dir:
    description: The directory with the run folders on the controller. A relative path starts at the current directory.
    type: path
    default: shimops-runs
  run_store:
    description:
      - The address of a Redis that keeps the run instead of a folder, such as
        V(redis://run-store.example.com:6379/0). Needs O(run_id).
      - For TLS, V(rediss://run-store.example.com:6379/0?ssl_ca_certs=/etc/ssl/private-ca.pem).
      - The password is no option. Set the environment variable E(SHIMOPS_RUN_STORE_PASSWORD) on the controller or the
        variable C(shimops_run_store_password), which can be vaulted.
      - Needs the Python library redis on the controller. No host contacts the server.
    type: str
  run_id:
    description: The name of the run. The default is the start time, such as V(20261125T080613Z).
    type: str
  operation:
    description: What is done to the hosts. A run can only be resumed with the same operation.
    type: str
    default: restart
  join:
    description:
      - Whether several controllers share the run, such as the slices of one job.
      - Then a run that has begun is joined, with its budgets, deadline and stop mark. They must be the same for all.
    type: bool
    default: false
  launch:
    description:
      - A name for one launch of a job whose slices share the run. A new name resumes the run and removes the stop mark,
        the same name joins. Without a name the run is always joined.
    type: str
    default: ""
  deadline:
    description:
      - No host begins after this time. A duration such as V(90m) or V(2h), or a date and time such as
        V(2026-06-30T18:00) in the time zone of the controller.
    type: str
  budgets:
    description:
      - Limits above which no further host begins. C(lost) counts tasks, C(failed) and C(refused) count hosts; these two
        can also be a share of the hosts such as V(10%).
      - The defaults are 0, 0 and 50%.
    type: dict
    default: {}
  batches:
    description: The batch sizes of the play. They are only checked.
    type: raw
    default: 1
  seconds:
    description: Waiting times of the play by the names of their variables. They are only checked.
    type: dict
    default: {}
  seconds_above_zero:
    description: The names in O(seconds) that must not be 0.
    type: list
    elements: str
  settle_per:
    description: Whether hosts settle one by one, or all of a batch at the same time. For the estimated time.
    type: str
    choices: [host, batch]
    default: host
  quarantine:
    description: Hosts and groups that are not contacted.
    type: list
    elements: str
  hooks:
    description:
      - Lists of task files, C(before) and C(after) each host and C(between) batches. A relative path is
        searched in the directory of the playbook, in the current directory, and among the files of this collection.
    type: dict
    default: {}
  packs:
    description: The rule packs of the play, as M(shimops.containerd.shim_probe) takes them. They are only checked.
    type: list
    elements: raw
    default: []
  waivers:
    description: The waivers of the play, as M(shimops.containerd.shim_probe) takes them. They are only checked.
    type: raw
  show:
    description:
      - Whether O(state=status) writes its RV(lines) into the output.
      - The playbook C(shimops.containerd.fleet_status) watches a run without them. The callback
        P(shimops.containerd.progress#callback) shows the status in their place.
    type: bool
    default: true
  reason:
    description: The reason, in one sentence. With O(state=host_checked) a reason refuses the host.
    type: str
    default: ""
  counts:
    description: The budget that the host counts against, if it is not the budget of its state.
    type: str
    choices: [lost, failed, refused]
extends_documentation_fragment:
  - shimops.containerd._shared.attributes
attributes:
  check_mode:
    support: full
    details: The run folder is temporary and is removed when ansible-playbook ends.
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

- name: Check whether this host may begin
  shimops.containerd.fleet_run:
    state: host_checked
    run_folder: "{{ run.folder }}"
  register: admission

- name: Restart containerd
  shimops.containerd.shim_reconnect:
    state: restarted
    run_id: "{{ run.run_id }}"
    run_folder: "{{ run.folder }}"
  when: admission.may_begin

- name: Stop a run
  shimops.containerd.fleet_run:
    state: stopped
    run_id: kernel-7
    reason: lunch

- name: Show what a run of many controllers does now
  shimops.containerd.fleet_run:
    state: status
    run_store: rediss://run-store.example.com:6379/0
    run_id: kernel-7
"""

RETURN = r"""
msg:
  description: What was done or decided.
  returned: always
  type: str
folder:
  description: The folder of the run, or its address in O(run_store).
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
  description: How many times the run was begun.
  returned: O(state=begun)
  type: int
resumed:
  description: Whether the run was begun before.
  returned: O(state=begun)
  type: bool
hooks:
  description: The task files with their full paths, by C(before), C(after) and C(between).
  returned: O(state=begun)
  type: dict
quarantine:
  description: The hosts in quarantine.
  returned: O(state=begun)
  type: list
  elements: str
may_begin:
  description: Whether there is something to do on the host.
  returned: O(state=host_checked)
  type: bool
batch:
  description: The number of the host's batch in the run, from 1.
  returned: O(state=host_checked)
  type: int
before:
  description: Whether to run the tasks before the host.
  returned: O(state=host_checked)
  type: bool
after:
  description: Whether to run the tasks after the host.
  returned: O(state=host_checked)
  type: bool
stale:
  description: Whether the forecast is older than ten minutes.
  returned: O(state=host_checked)
  type: bool
host_state:
  description: The state in the host's document.
  returned: O(state=host_checked), O(state=refused), O(state=failed) and O(state=current)
  type: str
stop:
  description: Whether no further batch may begin.
  returned: O(state=batch_checked)
  type: bool
between:
  description: Whether there was an earlier batch.
  returned: O(state=batch_checked)
  type: bool
counts:
  description: How many hosts are in each state.
  returned: O(state=reported)
  type: dict
failure:
  description: Why the run was not successful; empty if it was.
  returned: O(state=reported)
  type: str
status:
  description:
    - The number of C(hosts), of those that are C(done), C(counts) by state, at most ten hosts that are C(begun), the
      number of C(batches) that have begun, and why the run was C(stopped).
  returned: O(state=status)
  type: dict
lines:
  description: The same for people, with the verdicts and what is left of the budgets.
  returned: O(state=status)
  type: list
  elements: str
ended:
  description: Whether no host is begun, and none waits for its turn.
  returned: O(state=status)
  type: bool
fail:
  description: The hosts of the play that must fail for this reason, at most 20.
  returned: O(state=reported)
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.shimops.containerd.plugins.module_utils._run_spec import SPEC


def main():
    """Fail: the action plugin does the work on the controller."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    module.fail_json(msg="run: fleet_run works on the controller alone; call it as shimops.containerd.fleet_run.")


if __name__ == "__main__":
    main()
