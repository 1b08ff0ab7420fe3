#!/usr/bin/python
# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: shim_bundle_facts
short_description: Gather facts about containerd, its bundles and their shims
version_added: 0.1.0
description:
  - Reads containerd's state directory and C(/proc), without asking a shim.
  - A damaged bundle is returned as data. The module fails only if there is no containerd, or if its state directory
    cannot be read.
extends_documentation_fragment:
  - shimops.containerd._shared
  - shimops.containerd._shared.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Nothing is changed.
"""

EXAMPLES = r"""
- name: Gather facts about all bundles and shims
  shimops.containerd.shim_bundle_facts:
    detail: full

- name: Show the shims whose code is no longer on disk
  ansible.builtin.debug:
    msg: "{{ ansible_facts.containerd_shims.instances | map(attribute='bundles') | flatten
      | selectattr('shim_executable_gone') | map(attribute='id') }}"
"""

RETURN = r"""
ansible_facts:
  description: The facts.
  returned: success
  type: dict
  contains:
    containerd_shims:
      description: The facts about containerd and its shims.
      type: dict
      returned: success
      contains:
        instances:
          description:
            - One entry per containerd of the host with C(layout), C(daemon), C(bundles), C(endpoints) and
              C(leftovers).
            - With O(detail=summary) and O(detail=problems) only the bundles with problems are listed.
          type: list
          elements: dict
          returned: success
          contains:
            layout:
              description: The detected layout.
              type: str
              returned: success
            daemon:
              description:
                - Process, running and installed release and class, unit with KillMode and Delegate, and
                  directories.
                - With O(detail=problems) and O(detail=full) also C(configuration) of its next start, with C(file) and
                  C(version); C(problem) is why it is not known, or why containerd would not start.
              type: dict
              returned: success
            bundles:
              description:
                - Per bundle its namespace, id, role (sandbox, workload or plain), pod, C(docker), endpoint and its
                  source, shim group, runtime, shim pid and executable and whether that is gone from disk, init pid and
                  start time, and problems. C(docker) is what a running dockerd calls the container; C(name), and
                  C(project) and C(service) of Docker Compose. No other label leaves the host.
              type: list
              elements: dict
              returned: success
            other_tasks:
              description:
                - The tasks that containerd lists and that have no bundle, such as those of the runtime
                  C(io.containerd.runtime.v1.linux), each with namespace, id, runtime, status and init pid.
              type: list
              elements: dict
              returned: success
            endpoints:
              description: The shims' sockets with the tasks that share each.
              type: list
              elements: dict
              returned: success
            leftovers:
              description: Entries of the state directory that containerd ignores.
              type: list
              elements: dict
              returned: success
        summary:
          description: Exact counts of instances, bundles, other tasks, problems and leftovers, and of omitted rows.
          type: dict
          returned: success
          sample:
            bundles: 8
            endpoints: 4
            instances: 1
            leftovers: 0
            other_tasks: 0
            problems: 0
            truncated: 0
"""

from ansible_collections.shimops.containerd.plugins.module_utils import _result
from ansible_collections.shimops.containerd.plugins.module_utils._audit import facts
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._host import daemon
from ansible_collections.shimops.containerd.plugins.module_utils._module import execute


def gather(options, check_mode):
    """Return all instances of the host. Counts come first, so that they stay exact when lists are shortened."""
    deadline = Deadline(options["timeout"])
    found = [facts.instance(one, options, deadline) for one in daemon.find(options, deadline)]
    summary = {
        "instances": len(found),
        "problems": sum(1 for one in found for row in one["bundles"] if row["problems"]),
    }
    for name in ("bundles", "other_tasks", "endpoints", "leftovers"):
        summary[name] = sum(len(one[name]) for one in found)
    for one in found:
        one["bundles"] = _result.select(one["bundles"], options["detail"], lambda row: row["problems"])
        one["endpoints"] = one["endpoints"] if options["detail"] == "full" else []
        if options["detail"] == "summary":
            # The facts stay small; shim_probe reports a problem of the configuration as a hazard.
            del one["daemon"]["configuration"]
    return {"ansible_facts": {"containerd_shims": {"instances": found, "summary": summary}}}


def main():
    """Run the module."""
    execute(gather)


if __name__ == "__main__":
    main()
