#!/usr/bin/python
# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: containerd_package
short_description: Stage one containerd release on a host and check it, without installing it
version_added: 0.1.0
description:
  - Checks whether the upgrade from the running release is allowed, before anything is changed.
  - Fetches the package and its dependencies, or extracts a tarball, into a directory that only root can access.
    Nothing is installed.
  - Runs the new containerd to check that it starts on the host, reports the pinned version, and reads the
    configuration.
  - Stages the running release as well, for a rollback.
  - M(shimops.containerd.shim_reconnect) installs the staged release right before it restarts containerd.
extends_documentation_fragment:
  - shimops.containerd._shared
  - shimops.containerd._shared.run
  - shimops.containerd._shared.attributes
attributes:
  check_mode:
    support: full
    details: Checks the upgrade and fetches nothing.
  diff_mode:
    support: full
    details: Shows the output of C(containerd config migrate) of the new release.
options:
  version:
    description:
      - The version to stage. A release such as V(2.1.9), or a full package version such as V(2.1.9+ds1-5).
      - A version that is not one exact release is refused.
    type: str
    required: true
  package:
    description: The package name. The default is the package that owns the containerd executable.
    type: str
  directory:
    description:
      - A directory on the host with package files, for hosts without internet access. Only root may have write access.
      - The package manager uses only this directory, and checks dependencies as usual. dnf needs its C(repodata),
        which C(createrepo_c) writes.
    type: path
  repository:
    description:
      - An apt source line, such as V(deb [signed-by=/etc/apt/keyrings/x.gpg] http://mirror/x trixie main), or the URL
        of a dnf repository.
    type: str
  update_cache:
    description:
      - Whether to read the package lists again on the host, if neither O(directory) nor O(repository) is set.
    type: bool
    default: false
  tarball:
    description: The containerd release archive on the host, for a containerd that no package owns.
    type: path
  checksum:
    description: The SHA-256 of O(tarball), with or without the prefix C(sha256:).
    type: str
  dependencies:
    description:
      - Other packages that the upgrade may change. A transaction that changes more, or removes a package, is refused.
        The default is V(runc).
    type: list
    elements: str
  config:
    description:
      - Whether to keep the configuration, or to replace it right before the restart with the output of
        C(containerd config migrate) of the new release. The old file is kept in the same directory.
    type: str
    default: keep
    choices: [keep, migrate]
  require_rollback:
    description: Whether to fail if the running release cannot be staged as well.
    type: bool
    default: false
  staging:
    description: The directory for staged releases.
    type: path
    default: /var/lib/shimops/packages
  stage_timeout:
    description: Seconds for fetching and checking.
    type: float
    default: 600
"""

EXAMPLES = r"""
- name: Stage containerd 2.1.9 from package files on the host
  shimops.containerd.containerd_package:
    version: 2.1.9
    directory: /srv/packages
  register: staged

- name: Install it, restart containerd and verify every container
  shimops.containerd.shim_reconnect:
    state: restarted
    run_id: upgrade-1
    target_version: 2.1.9
    package_dir: "{{ staged.staged }}"
"""

RETURN = r"""
staged:
  description: The directory of the staged release; empty if nothing was staged.
  returned: always
  type: str
  sample: /var/lib/shimops/packages/2.1.9+ds1-5
current:
  description: Whether the release already runs and is installed.
  returned: always
  type: bool
refused:
  description: Whether the upgrade is not allowed; the host is unchanged.
  returned: always
  type: bool
upgrade_path:
  description: The id of the hazard that refuses the upgrade, whether it is a rollback, and notes.
  returned: always
  type: dict
  sample: {"backward": false, "id": "", "notes": []}
release:
  description: The running, installed and target releases.
  returned: always
  type: dict
  sample: {"installed": "1.7.24", "running": "1.7.24", "target": "2.1.9"}
package:
  description: The staged package, with every package the transaction would change.
  returned: always
  type: dict
  sample:
    changes: [{"name": "containerd", "new": "2.1.9+ds1-5", "old": "1.7.24~ds1-6+deb13u1"}]
    files: [containerd_2.1.9+ds1-5_amd64.deb]
    kind: apt
    name: containerd
    version: 2.1.9+ds1-5
config:
  description:
    - The configuration file, whether the new release would write it differently, and whether that will be applied.
  returned: always
  type: dict
  sample: {"applied": false, "differs": true, "path": /etc/containerd/config.toml}
rollback:
  description: Where the running release was staged, or why it was not.
  returned: always
  type: dict
  sample: {"path": /var/lib/shimops/packages/1.7.24~ds1-6+deb13u1, "reason": "", "version": 1.7.24~ds1-6+deb13u1}
repaired:
  description: Leftovers of an earlier run that were repaired.
  returned: always
  type: list
  elements: str
truncated:
  description: The number of omitted rows; with O(detail=summary) long lists are shortened.
  returned: always
  type: int
  sample: 0
msg:
  description: What was done.
  returned: always
  type: str
"""

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._host import daemon
from ansible_collections.shimops.containerd.plugins.module_utils._module import execute
from ansible_collections.shimops.containerd.plugins.module_utils._packages import order


def stage(options, check_mode):
    """Check the upgrade, then stage unless this is check mode."""
    deadline = Deadline(options["stage_timeout"])
    here = daemon.only(daemon.find(options, deadline))
    return order.stage(dict(options, dependencies=options["dependencies"] or ["runc"]), here, check_mode, deadline)


def main():
    """Run the module."""
    execute(
        stage,
        {
            "run_folder": {"type": "path"},
            "version": {"type": "str", "required": True},
            "package": {"type": "str"},
            "directory": {"type": "path"},
            "repository": {"type": "str"},
            "update_cache": {"type": "bool", "default": False},
            "tarball": {"type": "path"},
            "checksum": {"type": "str"},
            "dependencies": {"type": "list", "elements": "str"},
            "config": {"type": "str", "default": "keep", "choices": ["keep", "migrate"]},
            "require_rollback": {"type": "bool", "default": False},
            "staging": {"type": "path", "default": "/var/lib/shimops/packages"},
            "stage_timeout": {"type": "float", "default": 600},
        },
        mutually_exclusive=[("directory", "repository", "tarball")],
        required_together=[("tarball", "checksum")],
    )


if __name__ == "__main__":
    main()
