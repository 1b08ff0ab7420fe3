# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation of the options in module_utils/_argspec.py, and of what all modules support."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragments of the four modules."""

    DOCUMENTATION = r"""
options:
  layout:
    description:
      - Which installation of containerd to use. It sets the defaults of O(state_dir), O(root_dir), O(address) and
        O(unit).
      - V(auto) finds it from the running processes and the state directories. If it finds two, the module fails and
        changes nothing; M(shimops.containerd.shim_bundle_facts) lists both.
      - V(containerd), V(docker) and V(docker_managed) were tested; the others follow the sources of their projects.
    type: str
    default: auto
    choices: [auto, containerd, docker, docker_managed, k3s, rke2, k0s, microk8s]
  state_dir:
    description: The state directory of containerd, the parent of C(io.containerd.runtime.v2.task).
    type: path
  root_dir:
    description: The root directory of containerd.
    type: path
  address:
    description: The unix socket of containerd.
    type: path
  unit:
    description: The systemd unit of containerd, with its suffix.
    type: str
  namespaces:
    description:
      - Only these namespaces of containerd. A namespace without bundles is an error.
      - A restart affects every task, so M(shimops.containerd.shim_reconnect) with O(ignore:state=restarted) refuses
        this option and O(ids).
    type: list
    elements: str
  ids:
    description: Only these tasks, at most 256.
    type: list
    elements: str
  timeout:
    description: Seconds to read the whole host once.
    type: float
    default: 60
  shim_timeout:
    description:
      - Seconds one shim may take to answer. containerd itself waits 5 seconds.
      - The list of its processes (Pids) may take three times as long. Most releases of containerd set no time-out for
        it.
    type: float
    default: 5
  detail:
    description:
      - How much to return. With V(summary) counts are exact, and lists and long strings are shortened, so that the
        result of a host is at most 2 KB; C(truncated) in the summary is the number of omitted rows.
      - V(problems) returns every row with a problem, V(full) every row.
    type: str
    default: summary
    choices: [summary, problems, full]
requirements:
  - root on the host
author:
  - shimops.containerd authors (@shimops)
"""

    RUN = r"""
options:
  run_folder:
    description:
      - The folder of the run on the controller, as M(shimops.containerd.fleet_run) returned it.
      - The full result is written into the document of the host in that folder, and the task returns the summary. A
        module that changes a host first checks the run, and does nothing if no further host may begin.
    type: path
"""

    ATTRIBUTES = r"""
attributes:
  check_mode:
    description: Can run in check_mode and return what it would do without changing anything.
  diff_mode:
    description: Returns what has changed, or would change, in diff mode.
  platform:
    platforms: linux
    support: full
    description: The operating systems the module runs on.
  action_group:
    support: full
    description: Use C(group/shimops.containerd.shim) in C(module_defaults) to set the options of all modules at once.
    membership: [shimops.containerd.shim]
"""
