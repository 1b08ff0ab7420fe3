#!/usr/bin/python
# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: shim_migrate
short_description: Give legacy bundles the bootstrap.json that containerd 2.x reads
version_added: 0.1.0
description:
  - A shim started by containerd 1.x leaves its address in a file C(address). containerd 2.x reads C(bootstrap.json)
    and writes
    it from C(address) when it first loads the bundle; where it cannot write, it kills the container.
  - This module writes the same file beforehand, byte for byte as containerd would. C(address) stays, so the way
    back stays open.
  - Nothing is written unless the shim behind the address proves that it is the one of this task.
extends_documentation_fragment:
  - shimops.containerd._shared
  - shimops.containerd._shared.run
  - shimops.containerd._shared.attributes
requirements:
  - protobuf 3.6 or newer (python3-protobuf of the distribution)
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  target_version:
    description:
      - The release that will read the file. V(running), V(installed), or a release such as V(2.1.9).
      - For 1.6 and 1.7 there is nothing to do.
    type: str
    default: installed
  run_id:
    description:
      - The name of the run that has the host from here on, until its M(shimops.containerd.shim_reconnect) is done.
        No other run acts on it meanwhile.
    type: str
"""

EXAMPLES = r"""
- name: Prepare the bundles of a 1.7 host for containerd 2.1
  shimops.containerd.shim_migrate:
    target_version: 2.1.9
"""

RETURN = r"""
migrated:
  description: The bundles that were given a file, with C(namespace), C(id) and C(reason).
  returned: always
  type: list
  elements: dict
  sample: [{"id": "plain1", "namespace": "default", "reason": "bootstrap.json written from address"}]
refused:
  description: The legacy bundles that were left alone, with C(namespace), C(id) and C(reason).
  returned: always
  type: list
  elements: dict
summary:
  description: Exact counts of both, and how many rows were left out.
  returned: always
  type: dict
  sample: {"migrated": 8, "refused": 0, "truncated": 0}
"""

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._module import execute
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import (
    act,
    daemon,
    hold,
    plan,
    preflight,
    report,
)
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.look import look, target


def migrate(options, check_mode):
    """Plan, then act unless this is check mode."""
    deadline = Deadline(options["timeout"])
    here = daemon.only(daemon.find(options, deadline))
    release = target(here, options["target_version"])[1]
    steps, refused = plan.migrate(look(here, options, deadline, release.candidates), release.name)
    if not check_mode:
        preflight.require_no_hold()
        with hold.held(options["run_id"], options["timeout"], last=False):
            for step in steps:
                act.write_in_bundle(step.path, step.name, step.data, plan.MODE)
    migrated = [
        {"namespace": step.namespace, "id": step.id, "reason": "bootstrap.json written from address"} for step in steps
    ]
    result = {
        "changed": bool(steps),
        "migrated": migrated,
        "refused": [one._asdict() for one in refused],
        "summary": {"migrated": len(steps), "refused": len(refused)},
    }
    return dict(report.fit(result, options["detail"]), diff=[step.diff() for step in steps])


def main():
    """Run the module."""
    execute(
        migrate,
        {
            "target_version": {"type": "str", "default": "installed"},
            "run_id": {"type": "str"},
            "run_folder": {"type": "path"},
        },
    )


if __name__ == "__main__":
    main()
