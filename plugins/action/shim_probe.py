# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""shim_probe in a run: forecast and host document go into the run's folder, the play gets the summary."""

from __future__ import annotations

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.shimops.containerd.plugins.plugin_utils._rules import rule_set
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.document import (
    NotUsable,
    require_host_document,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._run import audit_verdict, host_decision, timestamps
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_action import RunAction

#: Options that decide what the run does with the host.
_DECIDING = ("on_risk", "refusal_counts", "version")


class ActionModule(RunAction):
    """The action of that name."""

    rows = "shims"
    _decision, _counts = host_decision.Decision(), None

    def acts(self, options):
        return False

    def unwell(self, row):
        return row["at_risk"] or row["outcome"] != "reattached"

    def _ask(self, options, task_vars):
        """Ask the host; its document is judged here, because rules and waivers never leave the controller."""
        wanted = {name: options.pop(name, None) for name in ("packs", "waivers", "rescue", *_DECIDING)}
        try:
            rules = rule_set.load(wanted["packs"], wanted["waivers"])
            if rules.packs and not boolean(options.get("audit", False)):
                raise rule_set.RulesError("packs: judge the host document, so they need audit: true.")
        except rule_set.RulesError as error:
            return {"failed": True, "changed": False, "msg": str(error)}
        result = super()._ask(options, task_vars)
        if "document" in result:
            try:
                require_host_document(result["document"])
            except NotUsable as problem:
                return {"failed": True, "changed": False, "msg": f"audit: the host document {problem}."}
            result["document"]["host"] = str(task_vars["inventory_hostname"])
            if rules.packs:
                rescue = boolean(wanted["rescue"] or False)
                result["judged"] = audit_verdict.judged(result["document"], rules, rescue)
        if wanted["on_risk"] and "summary" in result:
            rescue, version = boolean(wanted["rescue"] or False), str(wanted["version"] or "")
            self._decision = host_decision.decide(result, wanted["on_risk"], rescue, version)
            self._counts = wanted["refusal_counts"]
            result["at"] = timestamps.now()
            result["host_refusal"] = self._decision.reason if self._decision.state == "refused" else ""
        return result

    def note(self, run_host, options, result):
        if "document" in result:
            run = run_host.run()
            audit_verdict.keep(run_host.store, {**result.pop("document"), "run_id": run["run_id"]})
            if run["operation"] == "audit":
                return
        if result.get("failed") and "summary" not in result:
            run_host.enter_state("refused", str(result.get("msg") or "it could not be read"))
            return
        keys = ("release", "hazards", "rollback", "targets", "start_estimate")
        facts = {key: result[key] for key in keys if key in result}
        state, lost = _known(result.get("ledger") or {}, run_host.document())
        run_host.enter_state(
            state,
            _sentence(result),
            forecast={**result["summary"], "at": run_host.store.now()},
            at_risk=[row for row in result["shims"] if row["at_risk"]],
            lost=lost,
            **facts,
        )
        # A release that this run installed is verified by this run.
        if (
            self._decision.state == "refused"
            or (result.get("ledger") or {}).get("run_id") != run_host.document()["run_id"]
        ):
            self._enter_decision(run_host)

    def _enter_decision(self, run_host):
        for note in self._decision.notes:
            self._display.display(f"{run_host.host}: {note}")
        # What is well already, or in the middle, is no host to be left alone.
        state = run_host.document()["state"]
        if self._decision.state == "current" or (self._decision.state and state in ("forecast", "refused")):
            counts = self._counts if self._decision.state == "refused" else None
            run_host.enter_state(self._decision.state, self._decision.reason, counts=counts)


def _known(ledger: dict, document: dict) -> tuple[str, int | None]:
    """What the host's own ledger says of this run: it is the truth, also where the controller's folder was lost."""
    if document["begun_in"] and document["state"] == "begun" and ledger.get("run_id") != document["run_id"]:
        return "begun", None
    if ledger.get("run_id") != document["run_id"] or ledger.get("phase") in (None, "recorded"):
        return "forecast", None
    if ledger["phase"] != "verified":
        return "begun", None
    return ("lost", ledger["lost"]) if ledger.get("lost") else ("verified", None)


def _sentence(result: dict) -> str:
    summary, release = result["summary"], result["release"]
    return "{} tasks, {} at risk, containerd {} into {}{}".format(
        summary["tasks"],
        summary["at_risk"],
        release["running"],
        release["target"],
        "; " + result["refusal"] if result.get("refusal") else "",
    )
