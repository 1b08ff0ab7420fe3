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
      - Which installation of containerd is meant. It gives the default of O(state_dir), O(root_dir), O(address) and
        O(unit).
      - V(auto) finds it from the running processes and the state directories. When it finds two, the module says so and
        does nothing; M(shimops.containerd.shim_bundle_facts) lists both.
      - Only V(containerd) was run in tests; the other layouts follow their projects' sources.
    type: str
    default: auto
    choices: [auto, containerd, docker, docker_managed, k3s, rke2, k0s, microk8s]
  state_dir:
    description: containerd's state directory, the one above C(io.containerd.runtime.v2.task).
    type: path
  root_dir:
    description: containerd's root directory.
    type: path
  address:
    description: The unix socket containerd serves.
    type: path
  unit:
    description: The systemd unit containerd runs in, with its suffix.
    type: str
  namespaces:
    description:
      - Look only at these namespaces of containerd. One that has no bundles is an error.
      - A restart concerns every task, so M(shimops.containerd.shim_reconnect) with O(ignore:state=restarted) refuses
        this and O(ids).
    type: list
    elements: str
  ids:
    description: Look only at these tasks, at most 256.
    type: list
    elements: str
  timeout:
    description: Seconds for one look at the whole host.
    type: float
    default: 60
  shim_timeout:
    description:
      - Seconds one shim may take to answer. containerd itself waits 5 seconds.
      - Three times as many for the list of its processes (Pids), for which most releases of containerd set no time-out.
    type: float
    default: 5
  detail:
    description:
      - How much to return. With V(summary) counts are exact and lists shortened, so that a host stays below 2 KB;
        C(truncated) in the summary says how many rows were left out.
      - V(problems) returns every row that is not well, V(full) every row.
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
      - The host's whole result is then written into its document there, and the task returns the summary. A task that
        acts asks the run first, and leaves the host alone when no further host may begin.
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
