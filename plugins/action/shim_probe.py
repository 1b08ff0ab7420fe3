# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""shim_probe in a run: the forecast goes into the host's document, the play gets the summary."""

from __future__ import annotations

from ansible_collections.shimops.containerd.plugins.plugin_utils import _moment
from ansible_collections.shimops.containerd.plugins.plugin_utils._action import RunAction


class ActionModule(RunAction):
    """The action of that name."""

    rows = "shims"

    def acts(self, options):
        return False

    def unwell(self, row):
        return row["at_risk"] or row["outcome"] != "reattached"

    def note(self, attempt, options, result):
        if result.get("failed") and "summary" not in result:
            attempt.tell("refused", str(result.get("msg") or "it could not be looked at"))
            return
        keys = ("release", "hazards", "rollback", "targets", "start_estimate")
        facts = {key: result[key] for key in keys if key in result}
        state, lost = _known(result.get("ledger") or {}, attempt.document())
        attempt.tell(
            state,
            _told(result),
            forecast={**result["summary"], "at": _moment.now()},
            at_risk=[row for row in result["shims"] if row["at_risk"]],
            lost=lost,
            **facts,
        )


def _known(ledger: dict, document: dict) -> tuple[str, int | None]:
    """What the host's own ledger says of this run: it is the truth, also where the controller's folder was lost."""
    if document["begun_in"] and document["state"] == "begun" and ledger.get("run_id") != document["run_id"]:
        return "begun", None
    if ledger.get("run_id") != document["run_id"] or ledger.get("phase") in (None, "recorded"):
        return "forecast", None
    if ledger["phase"] != "verified":
        return "begun", None
    return ("lost", ledger["lost"]) if ledger.get("lost") else ("verified", None)


def _told(result: dict) -> str:
    summary, release = result["summary"], result["release"]
    return "{} tasks, {} at risk, containerd {} into {}{}".format(
        summary["tasks"],
        summary["at_risk"],
        release["running"],
        release["target"],
        "; " + result["refusal"] if result.get("refusal") else "",
    )
