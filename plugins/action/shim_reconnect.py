# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""shim_reconnect in a run: it asks the run before the host acts, and records the result for the host."""

from __future__ import annotations

import time

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict import GOOD
from ansible_collections.shimops.containerd.plugins.plugin_utils._run import host_check
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_action import RunAction
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import StoreError

_KEYS = (
    "verdicts",
    "summary",
    "gap",
    "journal_tail",
    "log",
    "unread",
    "stalled",
    "likely_to_stall",
    "exec_proof",
    "package",
    "commands",
)

#: The classes of a rollback in words.
_ROLLBACKS = {
    "open": "possible",
    "closing": "possible until new containers are started",
    "closed": "not possible without losing containers",
}


class ActionModule(RunAction):
    """The action of that name."""

    rows = "verdicts"

    def acts(self, options):
        return options.get("state") == "restarted"

    def admit(self, run_host, options, task_vars):
        """Check the run and the batch first, where no task before this one has."""
        reason, counts = options.pop("refusal", None), options.pop("refusal_counts", None)
        if reason is None:
            return None
        found = host_check.check(run_host, task_vars, str(reason), counts, self._task.check_mode)
        return None if found["may_begin"] else found

    def note_rollback(self, run_host, result):
        """What a rollback came to is no verdict of the upgrade: the host stays what that made it."""
        facts = {key: result[key] for key in (*_KEYS, "changed", "refused") if key in result}
        run_host.record(rolled_back={**facts, "message": str(result.get("msg") or "")})

    def unwell(self, row):
        return row["verdict"] not in GOOD

    def before(self, run_host, options):
        """Wait until the host has settled, where its restart was not waited for."""
        if options.get("state") != "verified":
            return
        settle = float(options.get("settle", 0))
        try:
            since = run_host.document().get("settles_from")
            left = 0.0 if since is None else since + settle - run_host.store.now()
        except StoreError:
            # Since when it settles is not known: the whole wait is never too short.
            time.sleep(settle)
            raise
        time.sleep(min(max(0.0, left), settle))

    def late(self, run_host, options, reason):
        # A host that is in the middle since an earlier attempt is looked at all the same: that changes nothing.
        if run_host.document()["state"] != "begun":
            return None
        return {**options, "state": "verified"}

    def note(self, run_host, options, result):
        if options.get("state") == "rolled_back":
            self.note_rollback(run_host, result)
            return
        message = str(result.get("msg") or "")
        if (result.get("verdicts") or self._task.check_mode) and not result.get("failed"):
            self._display.display(f"{run_host.host}: {_sentence(result)}")
        facts = {key: result[key] for key in _KEYS if key in result}
        if result.get("rollback"):
            facts["rollback_after"] = result["rollback"]
        if result.get("at_risk"):
            facts["at_risk"] = result["at_risk"]
        lost = (result.get("summary") or {}).get("lost", 0)
        if self._task.check_mode:
            if result.get("refused") and _all_rescued(result.get("at_risk") or [], run_host.document()):
                # Check mode leaves the bundles as they are, so the module still sees them at risk.
                message = "containerd would be restarted after the rescue"
                result.update(failed=False, refused=False, msg=message)
            run_host.enter_state("refused" if result.get("failed") else "forecast", message)
        elif options.get("state") == "recorded" and not result.get("failed"):
            run_host.record(**facts)
        elif result.get("refused"):
            # The verdicts are those of an earlier run, if any: they are no loss of this one.
            run_host.enter_state("refused", message, **facts)
        elif lost:
            run_host.enter_state("lost", message, lost=lost, **facts)
        elif not result.get("failed") and options.get("state") == "restarted" and not _final(options):
            run_host.record(settles_from=run_host.store.now(), message=message, **facts)
        elif result.get("failed"):
            run_host.enter_state("failed", message or str(result.get("module_stderr", ""))[-300:], **facts)
        else:
            run_host.enter_state("verified", message, **facts)


def _sentence(result):
    """What became of the tasks of a host, in one line for the job's own output."""
    words = [str(result.get("msg") or "")]
    if result.get("gap"):
        words.append(f"containerd was away for {result['gap']} s")
    if (result.get("package") or {}).get("disagree") is not None:
        words.append(f"memory and disk differed for {result['package']['disagree']} s")
    rollback = result.get("rollback") or {}
    if rollback.get("to"):
        words.append(f"rollback to {rollback['to']} {_ROLLBACKS[rollback['class']]}")
    return ", ".join(words)


def _final(options):
    return boolean(options.get("final", True))


def _all_rescued(at_risk, document):
    """Whether every task at risk is one that the rescue of this run would keep."""
    rescued = {(row.get("namespace"), row.get("id")) for row in document.get("rescued") or []}
    return bool(at_risk) and all((row["namespace"], row["id"]) in rescued for row in at_risk)
