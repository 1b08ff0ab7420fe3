#!/usr/bin/python
# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: shim_migrate
short_description: Rescue bundles that a restart of containerd would lose, and prepare 1.x bundles for 2.x
version_added: 0.1.0
description:
  - containerd 1.x writes the address of a shim into a file C(address). containerd 2.x reads C(bootstrap.json), and
    writes it from C(address) when it first loads the bundle. If it cannot, it kills the container. This module writes
    the same file in advance, byte for byte as containerd would. C(address) stays, so a rollback stays possible.
  - With O(rescue=true) it also repairs the bundle of every running task that a restart into O(target_version) would
    lose although its shim is alive. It restores a C(bootstrap.json) or C(address) that is missing, empty, garbled, of
    a wrong version, ends with a line break or is not a regular file, and a C(shim-binary-path) that names a missing
    file.
  - Nothing is written unless the shim is proven to be the shim of this task. It must report the process in
    C(init.pid) as its task, list it among its processes, and listen on the socket itself. A bundle without this proof
    is not changed, and RV(refused) has the reason.
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
      - The release that will read the files. V(running), V(installed), or a release such as V(2.1.9).
      - 1.6 and 1.7 need no migration, but bundles can be rescued for them.
    type: str
    default: installed
  rescue:
    description: Whether to rescue the bundles of tasks that a restart would lose.
    type: bool
    default: false
  backup:
    description:
      - Whether to keep a damaged file in its bundle as C(shimops-kept-) plus its name. containerd does not read it, and
        removes it with the bundle.
      - A directory in place of a file is always kept.
    type: bool
    default: true
  run_id:
    description:
      - The name of the run that claims the host until its M(shimops.containerd.shim_reconnect) is done. No other run
        can change the host until then.
    type: str
"""

EXAMPLES = r"""
- name: Prepare the bundles of a 1.7 host for containerd 2.1
  shimops.containerd.shim_migrate:
    target_version: 2.1.9

- name: Rescue bundles that a restart of the installed containerd would lose
  shimops.containerd.shim_migrate:
    rescue: true
"""

RETURN = r"""
migrated:
  description: The 1.x bundles for which a file was written, with C(namespace), C(id) and C(reason).
  returned: always
  type: list
  elements: dict
  sample: [{"id": "plain1", "namespace": "default", "reason": "bootstrap.json written from address"}]
rescued:
  description: The rescued bundles, with C(namespace), C(id) and C(reason).
  returned: always
  type: list
  elements: dict
  sample:
    - id: plain2
      namespace: default
      reason: >-
        bootstrap.json restored (B2: bootstrap.json is empty), what was there is kept as shimops-kept-bootstrap.json
refused:
  description: The 1.x or damaged bundles that were not changed, with C(namespace), C(id) and C(reason).
  returned: always
  type: list
  elements: dict
  sample: [{"id": "plain3", "namespace": "default", "reason": "the shim accepts connections but does not answer"}]
summary:
  description: Exact counts of the three lists, and the number of omitted rows.
  returned: always
  type: dict
  sample: {"migrated": 8, "rescued": 1, "refused": 0, "truncated": 0}
"""

import contextlib
from typing import Any, Dict, List

from ansible_collections.shimops.containerd.plugins.module_utils import _stop_file
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.host_forecast import target
from ansible_collections.shimops.containerd.plugins.module_utils._host import daemon
from ansible_collections.shimops.containerd.plugins.module_utils._module import execute
from ansible_collections.shimops.containerd.plugins.module_utils._rescue import plan, repair
from ansible_collections.shimops.containerd.plugins.module_utils._rescue.survey import observe
from ansible_collections.shimops.containerd.plugins.module_utils._restart import host_claim
from ansible_collections.shimops.containerd.plugins.module_utils._shim.messages import protobuf_problem


def migrate(options, check_mode):
    """Plan, then write unless this is check mode."""
    deadline = Deadline(options["timeout"])
    here = daemon.only(daemon.find(options, deadline))
    release = target(here, options["target_version"])[1]
    observations = observe(here, options, deadline, release.candidates).all
    rescues: List[plan.Step] = []
    refused: List[plan.Refused] = []
    if options["rescue"]:
        rescues, refused, observations = plan.rescue(observations, release, here.load_timeout, options["backup"])
    migrations, left = plan.migrate(observations, release.name)
    if not check_mode:
        _stop_file.require_absent()
    with contextlib.nullcontext() if check_mode else host_claim.held(options["run_id"], options["timeout"], last=False):
        rescued, failed, wrote = repair.take_all(rescues, check_mode)
        migrated, more, wrote_more = repair.take_all(migrations, check_mode)
    result: Dict[str, Any] = {
        "changed": wrote or wrote_more,
        "migrated": migrated,
        "rescued": rescued,
        "refused": [one._asdict() for one in refused + left + failed + more],
    }
    result["summary"] = {name: len(result[name]) for name in ("migrated", "rescued", "refused")}
    return dict(result, diff=[step.diff() for step in rescues + migrations])


def main():
    """Run the module."""
    spec = {
        "target_version": {"type": "str", "default": "installed"},
        "rescue": {"type": "bool", "default": False},
        "backup": {"type": "bool", "default": True},
        "run_id": {"type": "str"},
        "run_folder": {"type": "path"},
    }
    execute(migrate, spec, protobuf_problem)


if __name__ == "__main__":
    main()
