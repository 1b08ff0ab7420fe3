#!/usr/bin/python
# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: containerd_package
short_description: Bring one release of containerd to a host and try it there, without installing it
version_added: 0.1.0
description:
  - Judges the jump from the release that runs to the wanted one, before anything is touched.
  - Fetches the package and what it needs, or unpacks a tarball, into a directory of root's alone. Nothing is installed.
  - Proves that the new containerd runs here, says the version that was pinned, and reads the configuration.
  - Stages the release that is there as well, so that there is a way back.
  - M(shimops.containerd.shim_reconnect) installs what was staged, right before it restarts containerd.
extends_documentation_fragment:
  - shimops.containerd._shared
  - shimops.containerd._shared.run
  - shimops.containerd._shared.attributes
attributes:
  check_mode:
    support: full
    details: The jump is judged, and nothing is fetched.
  diff_mode:
    support: full
    details: Shows what C(containerd config migrate) of the new release makes of the configuration.
options:
  version:
    description:
      - The version to stage. A release such as V(2.1.9), or the whole version of a package such as V(2.1.9+ds1-5).
      - A version that does not name one release is refused.
    type: str
    required: true
  package:
    description: The package's name. The default is the package that owns containerd's executable.
    type: str
  directory:
    description:
      - A directory on the host with package files, for hosts with no way out. Only root may be able to write to it.
      - apt takes the package and what it needs from there alone, and checks dependencies as it always does.
    type: path
  repository:
    description: An apt source line, such as V(deb [signed-by=/etc/apt/keyrings/x.gpg] http://mirror/x trixie main).
    type: str
  update_cache:
    description: Whether to read the lists of the host's own apt anew, where neither of the two is given.
    type: bool
    default: false
  tarball:
    description: containerd's own release archive on the host, for a containerd that belongs to no package.
    type: path
  checksum:
    description: The SHA-256 of O(tarball), with C(sha256:) in front or without.
    type: str
  dependencies:
    description:
      - Other packages that may be changed with it. A transaction that would change more is refused, and so is one that
        would remove a package. The default is V(runc).
    type: list
    elements: str
  config:
    description:
      - Whether the configuration stays as it is, or is replaced by what C(containerd config migrate) of the new release
        makes of it, right before the restart. The old one is kept beside it.
    type: str
    default: keep
    choices: [keep, migrate]
  require_way_back:
    description: Whether to fail when the release that is there cannot be staged, too.
    type: bool
    default: false
  staging:
    description: Where staged releases are kept.
    type: path
    default: /var/lib/shimops/packages
  stage_timeout:
    description: Seconds that fetching and trying may take.
    type: float
    default: 600
"""

EXAMPLES = r"""
- name: Stage containerd 2.1.9 from package files on the host
  shimops.containerd.containerd_package:
    version: 2.1.9
    directory: /srv/packages
  register: staged

- name: Install it and restart, proving that every container runs on
  shimops.containerd.shim_reconnect:
    state: restarted
    run_id: upgrade-1
    target_version: 2.1.9
    package_dir: "{{ staged.staged }}"
"""

RETURN = r"""
staged:
  description: The directory of the staged release; empty when nothing was staged.
  returned: always
  type: str
  sample: /var/lib/shimops/packages/2.1.9+ds1-5
current:
  description: Whether the release is in memory and on the disk already.
  returned: always
  type: bool
refused:
  description: Whether the path does not allow this jump; the host is untouched.
  returned: always
  type: bool
jump:
  description: The hazard that refuses the jump, whether it leads back, and what is to be known of it.
  returned: always
  type: dict
  sample: {"backward": false, "id": "", "notes": []}
release:
  description: The releases that run, are installed, and are wanted.
  returned: always
  type: dict
  sample: {"installed": "1.7.24", "running": "1.7.24", "target": "2.1.9"}
package:
  description: What was staged, with every package the transaction would change.
  returned: always
  type: dict
  sample:
    changes: [{"name": "containerd", "new": "2.1.9+ds1-5", "old": "1.7.24~ds1-6+deb13u1"}]
    files: [containerd_2.1.9+ds1-5_amd64.deb]
    kind: apt
    name: containerd
    version: 2.1.9+ds1-5
config:
  description: The configuration file, whether the new release would write it differently, and whether that is applied.
  returned: always
  type: dict
  sample: {"applied": false, "differs": true, "path": /etc/containerd/config.toml}
way_back:
  description: Where the release that is there was staged, or why it was not.
  returned: always
  type: dict
  sample: {"path": /var/lib/shimops/packages/1.7.24~ds1-6+deb13u1, "reason": "", "version": 1.7.24~ds1-6+deb13u1}
repaired:
  description: What an earlier run had left behind, and was put back.
  returned: always
  type: list
  elements: str
msg:
  description: What was done, in a few words.
  returned: always
  type: str
"""

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._module import execute
from ansible_collections.shimops.containerd.plugins.module_utils._packages import order
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import daemon


def stage(options, check_mode):
    """Judge, then stage unless this is check mode."""
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
            "require_way_back": {"type": "bool", "default": False},
            "staging": {"type": "path", "default": "/var/lib/shimops/packages"},
            "stage_timeout": {"type": "float", "default": 600},
        },
        asks_shims=False,
        mutually_exclusive=[("directory", "repository", "tarball")],
        required_together=[("tarball", "checksum")],
    )


if __name__ == "__main__":
    main()
