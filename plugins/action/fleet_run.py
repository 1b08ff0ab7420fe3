# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""fleet_run: a run over a fleet, as its hosts and its gate ask for it. Everything happens on the controller."""

from __future__ import annotations

from pathlib import Path

from ansible import constants
from ansible.plugins.action import ActionBase

from ansible_collections.shimops.containerd.plugins.module_utils._argspec import shared
from ansible_collections.shimops.containerd.plugins.module_utils._run_spec import SPEC
from ansible_collections.shimops.containerd.plugins.plugin_utils._run import (
    audit_coverage,
    begin,
    budgets,
    files,
    owner,
    summary,
    timestamps,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.admission import Admission
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_action import watch
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_host import RunHost

#: Seconds after which a forecast is taken again before a host begins.
STALE = 600
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
        except ValueError as error:
            return _failed(str(error))
        except OSError as error:
            return _failed(f"{error.filename} cannot be used ({error.strerror}); look at it, or name another run_dir")

    def _begun(self, options, task_vars):
        hosts, here = list(task_vars["ansible_play_hosts_all"]), Path(str(task_vars["playbook_dir"]))
        ready = Path(__file__).parents[2] / "roles" / "fleet_gate" / "tasks"
        run = begin.checked(options, hosts, task_vars["groups"], [here, Path.cwd(), ready])
        # A check leaves nothing behind: ansible-playbook removes this folder when it ends.
        # ansible.constants sets its settings as attributes when it is imported, which no type checker sees.
        temporary = constants.DEFAULT_LOCAL_TMP  # type: ignore[attr-defined]
        base = Path(temporary) if self._task.check_mode else Path.cwd()
        folder = (base / options["run_dir"] if not self._task.check_mode else base / "shimops-runs") / run["run_id"]
        run = begin.begin(folder, run, options["join"])
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

    def _asked(self, options, task_vars):
        attempt = _attempt(options, task_vars)
        watch(attempt, task_vars)
        _enter_batch(attempt, list(task_vars["ansible_play_batch"]))
        with attempt.claims.lock():
            run, document = attempt.claims.run(), attempt.document()
            denial = attempt.claims.denial(attempt.host)
        state = document["state"]
        done, middle = state in ("verified", "lost", "current"), state == "begun"
        told = {"go": True, "before": not (done or middle), "after": not done or not document.get("let_go"), "msg": ""}
        if not self._task.check_mode:
            told["stale"] = timestamps.now() - (document["forecast"].get("at") or 0) > STALE
        if options["reason"] and not (done or middle):
            attempt.tell("refused", options["reason"], counts=options["counts"])
            told.update(go=False, msg=options["reason"])
        elif denial and not middle:
            attempt.leave(denial)
            told.update(go=False, msg=f"{state} already" if done else f"left untouched: {denial}")
        elif done or middle:
            told["msg"] = f"{state} already in run {run['run_id']}: verified again"
        return {"stale": False, **told, "host_state": attempt.document()["state"]}

    def _refused(self, options, task_vars):
        return self._tell("refused", options, task_vars)

    def _failed(self, options, task_vars):
        return self._tell("failed", options, task_vars)

    def _current(self, options, task_vars):
        return self._tell("current", options, task_vars)

    def _tell(self, state, options, task_vars):
        attempt = _attempt(options, task_vars)
        document = attempt.document()
        # What is well already, or in the middle, is no host to be left alone.
        if state != "refused" or document["state"] in ("forecast", "refused", "untouched", "failed"):
            attempt.tell(state, options["reason"], counts=options["counts"])
        return {"host_state": attempt.document()["state"], "msg": options["reason"]}

    def _let_go(self, options, task_vars):
        attempt = _attempt(options, task_vars)
        attempt.learn(let_go=True)
        return {"msg": ""}

    def _judged(self, options, task_vars):
        """At the start of a batch: whether it may begin, and whether one was before it."""
        attempt = _attempt(options, task_vars)
        watch(attempt, task_vars)
        with attempt.claims.lock():
            if options["reason"]:
                attempt.claims.stop(None, options["reason"])
            denial = attempt.claims.denial("")
        between = bool(files.load(attempt.claims.folder / "batches.json"))
        return {"stop": bool(denial), "between": between and not denial, "msg": denial}

    def _reported(self, options, task_vars):
        claims = Admission(Path(options["run_folder"]))
        run, mark = claims.run(), claims.stopped()
        if run["operation"] == "audit":
            return self._audited(run, claims.folder)
        found = summary.rows(options["run_folder"], run["hosts"])
        count = summary.counts(found)
        if self._task.check_mode:
            for line in summary.forecasts(options["run_folder"], run["hosts"]):
                self._display.display(line)
            return {"counts": count, "failure": "", "fail": [], "msg": "the forecast; nothing was changed"}
        failure = summary.verdict(run, mark, count, budgets.exceeded(run["budgets"], claims.counted()))
        for line in summary.lines(run, mark, found, claims.folder):
            self._display.display(line)
        report = {"run_id": run["run_id"], "at": timestamps.now(), "failure": failure, "counts": count, "hosts": found}
        files.save(claims.folder / "report.json", {**report, "stop": mark})
        owner.give_back(claims.folder)
        fail = _to_fail(found, list(task_vars["ansible_play_hosts"])) if failure else []
        return {"counts": count, "failure": failure, "fail": fail, "msg": failure or "every host is well"}

    def _audited(self, run, folder):
        absent = audit_coverage.missing(folder, run["hosts"])
        for line in audit_coverage.lines(run, folder, absent):
            self._display.display(line)
        owner.give_back(folder)
        looked = len(run["hosts"]) - len(absent)
        return {"counts": {"looked_at": looked, "not_looked_at": len(absent)}, "failure": "", "fail": [], "msg": ""}


def _to_fail(found, alive):
    """The hosts of a play that are to fail in it: those that did, else one that speaks for the run."""
    there = [row["host"] for row in found if row["host"] in alive]
    bad = [row["host"] for row in found if row["state"] in ("lost", "failed", "begun") and row["host"] in there]
    undone = [row["host"] for row in found if row["state"] != "verified" and row["host"] in there]
    return bad[:_MOST] or undone[:1] or there[:1]


def _enter_batch(attempt, batch):
    """Write down which batch of the run the host belongs to; a batch is known by the first of its hosts that asks."""
    path = attempt.claims.folder / "batches.json"
    with attempt.claims.lock():
        numbers = files.load(path) or {}
        if attempt.host not in numbers:
            number = max(numbers.values(), default=0) + 1
            numbers.update({host: number for host in [*batch, attempt.host] if host not in numbers})
            files.save(path, numbers)
    attempt.learn(batch=numbers[attempt.host])


def _attempt(options, task_vars):
    return RunHost(options["run_folder"], str(task_vars["inventory_hostname"]))


def _failed(sentence):
    return {"failed": True, "changed": False, "msg": f"run: {sentence}."}
