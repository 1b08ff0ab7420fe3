# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""shim_migrate in a run: it asks the run before the host acts."""

from __future__ import annotations

from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_action import RunAction


class ActionModule(RunAction):
    """The action of that name."""

    rows = "refused"

    def acts(self, options):
        return True

    def unwell(self, row):
        return True

    def note(self, run_host, options, result):
        if result.get("failed") and "summary" not in result:
            refused = result.get("refused") is True
            run_host.enter_state("refused" if refused else "failed", str(result.get("msg") or ""))
            return
        facts = {key: result[key] for key in ("migrated", "rescued") if key in result}
        run_host.record(**facts, left=result.get("refused") or [])
