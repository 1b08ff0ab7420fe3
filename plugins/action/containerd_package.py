# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""containerd_package in a run: what was staged goes into the host's document."""

from __future__ import annotations

from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_action import RunAction

_KEYS = ("upgrade_path", "package", "config", "rollback", "repaired")


class ActionModule(RunAction):
    """The action of that name."""

    rows = "changes"

    def acts(self, options):
        return False

    def unwell(self, row):
        return True

    def note(self, run_host, options, result):
        if result.get("current") and run_host.document()["state"] != "begun":
            run_host.enter_state("current", str(result.get("msg") or ""))
        run_host.record(staged={key: result[key] for key in (*_KEYS, "msg") if key in result})
