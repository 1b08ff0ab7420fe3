# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: whether an upgrade or rollback between two releases is allowed."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ansible_collections.shimops.containerd.plugins.module_utils._forecast.upgrade_paths import judge


def containerd_upgrade_path(release, target):
    """Check an upgrade or rollback from a release, as shim_probe returns it, to a target."""
    if not isinstance(release, dict):
        raise AnsibleFilterError(f"containerd_upgrade_path takes the release of shim_probe, not {release!r}.")
    found = judge(release.get("running"), release.get("installed"), str(target))
    return {**found._asdict(), "notes": list(found.notes)}


class FilterModule:
    """The filters of this file."""

    def filters(self):
        """Return them by name."""
        return {"containerd_upgrade_path": containerd_upgrade_path}
