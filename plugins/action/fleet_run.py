# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""fleet_run: a run over a fleet, as its hosts and its gate ask for it. Everything happens on the controller."""

from __future__ import annotations

from pathlib import Path

from ansible import constants, context
from ansible.plugins.action import ActionBase

from ansible_collections.shimops.containerd.plugins.module_utils._argspec import shared
from ansible_collections.shimops.containerd.plugins.module_utils._run_spec import SPEC
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules import rule_set
from ansible_collections.shimops.containerd.plugins.plugin_utils._run import (
    audit_coverage,
    begin,
    budgets,
    files,
    forecast_report,
    host_check,
    owner,
    summary,
    timestamps,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.admission import Admission
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_host import RunHost

#: Names of hosts that a report returns, for the play to fail them.
_MOST = 20


class ActionModule(ActionBase):
    """The action of that name."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        # The defaults of the action group are meant for the modules that look at hosts.
        self._task.args = {key: value for key, value in self._task.args.items() if key not in shared()}
        _none, options = self.validate_argument_spec(SPEC)
        state = options["state"]
        if state != "begun" and not options["run_folder"]:
            return _failed(f"state {state} needs run_folder, as state begun returned it")
        try:
            return {"changed": False, **getattr(self, "_" + state)(options, task_vars)}
        except rule_set.RulesError as error:
            return {"failed": True, "changed": False, "msg": str(error)}
        except ValueError as error:
            return _failed(str(error))
        except OSError as error:
            return _failed(f"{error.filename} cannot be used ({error.strerror}); check it, or name another run_dir")

    def _begun(self, options, task_vars):
        hosts, here = list(task_vars["ansible_play_hosts_all"]), Path(str(task_vars["playbook_dir"]))
        ready = Path(__file__).parents[2] / "roles" / "fleet_gate" / "tasks"
        rule_set.load(options["packs"], options["waivers"])
        run = begin.checked(options, hosts, task_vars["groups"], [here, Path.cwd(), ready])
        # A check leaves nothing behind: ansible-playbook removes this folder when it ends.
        # ansible.constants sets its settings as attributes when it is imported, which no type checker sees.
        temporary = constants.DEFAULT_LOCAL_TMP  # type: ignore[attr-defined]
        base = Path(temporary) if self._task.check_mode else Path.cwd()
        folder = (base / options["run_dir"] if not self._task.check_mode else base / "shimops-runs") / run["run_id"]
        run = begin.begin(folder, run, hosts, options["join"])
        resumed = run["attempt"] > 1
        return {
            "run_id": run["run_id"],
            "folder": str(folder),
            "operation": run["operation"],
            "attempt": run["attempt"],
            "resumed": resumed,
            "hooks": run["hooks"],
            "quarantine": run["quarantine"],
            "msg": f"run {run['run_id']} {'goes on' if resumed else 'begins'} in {folder}",
        }

    def _host_checked(self, options, task_vars):
        run_host = _attempt(options, task_vars)
        return host_check.check(run_host, task_vars, options["reason"], options["counts"], self._task.check_mode)

    def _refused(self, options, task_vars):
        return self._enter_state("refused", options, task_vars)

    def _failed(self, options, task_vars):
        return self._enter_state("failed", options, task_vars)

    def _current(self, options, task_vars):
        return self._enter_state("current", options, task_vars)

    def _enter_state(self, state, options, task_vars):
        run_host = _attempt(options, task_vars)
        document = run_host.document()
        # What is well already, or in the middle, is no host to be left alone.
        if state != "refused" or document["state"] in ("forecast", "refused", "untouched", "failed"):
            run_host.enter_state(state, options["reason"], counts=options["counts"])
        return {"host_state": run_host.document()["state"], "msg": options["reason"]}

    def _host_completed(self, options, task_vars):
        run_host = _attempt(options, task_vars)
        run_host.record(completed=True)
        return {"msg": ""}

    def _batch_checked(self, options, task_vars):
        """At the start of a batch: whether it may begin, and whether one was before it."""
        run_host = _attempt(options, task_vars)
        host_check.watch(run_host, task_vars)
        with run_host.admission.lock():
            if options["reason"]:
                run_host.admission.stop(None, options["reason"])
            denial = run_host.admission.denial("")
        if denial:
            self._display.display(f"No further batch begins: {denial}")
        between = run_host.admission.batches_begun() > 0
        return {"stop": bool(denial), "between": between and not denial, "msg": denial}

    def _reported(self, options, task_vars):
        admission = Admission(Path(options["run_folder"]))
        run, mark = admission.run(), admission.stopped()
        hosts = admission.hosts()
        if run["operation"] == "audit":
            return self._audited(run, hosts, admission.folder)
        found = summary.rows(options["run_folder"], hosts)
        count = summary.counts(found)
        if self._task.check_mode:
            documents = [RunHost(options["run_folder"], host).document() for host in hosts]
            for line in forecast_report.lines(run, documents, int(context.CLIARGS.get("forks") or 5)):
                self._display.display(line)
            return {"counts": count, "failure": "", "fail": [], "msg": "the forecast; nothing was changed"}
        failure = summary.verdict(run, mark, count, budgets.exceeded(run["budgets"], admission.counted()))
        for line in summary.lines(run, mark, found, admission.folder):
            self._display.display(line)
        report = {"run_id": run["run_id"], "at": timestamps.now(), "failure": failure, "counts": count, "hosts": found}
        files.save(admission.folder / "report.json", {**report, "stop": mark})
        owner.give_back(admission.folder)
        fail = _to_fail(found, list(task_vars["ansible_play_hosts"])) if failure else []
        return {"counts": count, "failure": failure, "fail": fail, "msg": failure or "every host is well"}

    def _audited(self, run, hosts, folder):
        absent = audit_coverage.missing(folder, hosts)
        for line in audit_coverage.lines(run, len(hosts), folder, absent):
            self._display.display(line)
        owner.give_back(folder)
        audited = len(hosts) - len(absent)
        return {"counts": {"audited": audited, "not_audited": len(absent)}, "failure": "", "fail": [], "msg": ""}


def _to_fail(found, alive):
    """The hosts of a play that are to fail in it: those that did, else one that speaks for the run."""
    there = [row["host"] for row in found if row["host"] in alive]
    bad = [row["host"] for row in found if row["state"] in ("lost", "failed", "begun") and row["host"] in there]
    undone = [row["host"] for row in found if row["state"] != "verified" and row["host"] in there]
    return bad[:_MOST] or undone[:1] or there[:1]


def _attempt(options, task_vars):
    return RunHost(options["run_folder"], str(task_vars["inventory_hostname"]))


def _failed(sentence):
    return {"failed": True, "changed": False, "msg": f"run: {sentence}."}
