# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""fleet_run: a run over a fleet, as its hosts and its gate ask for it. Everything happens on the controller."""

from __future__ import annotations

import secrets
from pathlib import Path

from ansible import context
from ansible.plugins.action import ActionBase

from ansible_collections.shimops.containerd.plugins.module_utils._argspec import shared
from ansible_collections.shimops.containerd.plugins.module_utils._run_spec import SPEC
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules import rule_set
from ansible_collections.shimops.containerd.plugins.plugin_utils._run import (
    admission,
    audit_coverage,
    begin,
    budgets,
    forecast_report,
    host_check,
    owner,
    settings,
    status,
    summary,
    timestamps,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_host import RunHost
from ansible_collections.shimops.containerd.plugins.plugin_utils._store import opened
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import (
    HOSTS,
    REPORT,
    RUN,
    STOP,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.folder_store import FolderStore
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.redis_store import RedisStore

#: States that name the run as people do: by run_id, and where it is.
NAMED = ("status", "stopped")
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
        if state not in ("begun", *NAMED) and not options["run_folder"]:
            return _failed(f"state {state} needs run_folder, as state begun returned it")
        try:
            return {"changed": False, **getattr(self, "_" + state)(options, task_vars)}
        except rule_set.RulesError as error:
            return {"failed": True, "changed": False, "msg": str(error)}
        except ValueError as error:
            return _failed(str(error))

    def _begun(self, options, task_vars):
        hosts, here = list(task_vars["ansible_play_hosts_all"]), Path(str(task_vars["playbook_dir"]))
        ready = Path(__file__).parents[2] / "roles" / "fleet_gate" / "tasks"
        rule_set.load(options["packs"], options["waivers"])
        store = self._shared(options, task_vars)
        clock = timestamps.now() if store is None else store.now()
        run = begin.checked(options, hosts, task_vars["groups"], [here, Path.cwd(), ready], clock)
        if store is None or self._task.check_mode:
            store = self._folder(options["run_dir"], run["run_id"])
            store.make()
        run = begin.begin(store, run, hosts, options["join"], secrets.token_hex(8))
        store.hold(run["generation"])
        resumed = run["attempt"] > 1
        return {
            "run_id": run["run_id"],
            "folder": store.name,
            "operation": run["operation"],
            "attempt": run["attempt"],
            "resumed": resumed,
            "hooks": run["hooks"],
            "quarantine": run["quarantine"],
            "msg": f"run {run['run_id']} {'goes on' if resumed else 'begins'} in {store.where}",
        }

    def _shared(self, options, task_vars):
        """Return the store on a server, checked; None if the run has none."""
        if not options["run_store"]:
            return None
        if not options["run_id"]:
            raise ValueError("run_store needs run_id, the same on all controllers")
        secret = opened.password(self._templar, task_vars)
        store = RedisStore(options["run_store"], secret, settings.run_id(options["run_id"]))
        store.check()
        return store

    def _folder(self, run_dir, run_id):
        base = opened.temporary_run_dir() if self._task.check_mode else Path.cwd() / run_dir
        return FolderStore(base / run_id)

    def _opened(self, options, task_vars):
        return opened.opened(options["run_folder"], opened.password(self._templar, task_vars))

    def _run_host(self, options, task_vars):
        return RunHost(self._opened(options, task_vars), str(task_vars["inventory_hostname"]))

    def _host_checked(self, options, task_vars):
        run_host = self._run_host(options, task_vars)
        host_check.watch(run_host, task_vars)
        return host_check.check(run_host, task_vars, options["reason"], options["counts"], self._task.check_mode)

    def _refused(self, options, task_vars):
        return self._enter_state("refused", options, task_vars)

    def _failed(self, options, task_vars):
        return self._enter_state("failed", options, task_vars)

    def _current(self, options, task_vars):
        return self._enter_state("current", options, task_vars)

    def _enter_state(self, state, options, task_vars):
        run_host = self._run_host(options, task_vars)
        entered = run_host.document()["state"]
        # What is well already, or in the middle, is no host to be left alone.
        if state != "refused" or entered in ("forecast", "refused", "untouched", "failed"):
            entered = run_host.enter_state(state, options["reason"], counts=options["counts"])
        return {"host_state": entered, "msg": options["reason"]}

    def _host_completed(self, options, task_vars):
        self._run_host(options, task_vars).record(completed=True)
        return {"msg": ""}

    def _batch_checked(self, options, task_vars):
        """At the start of a batch: whether it may begin, and whether one was before it."""
        run_host = self._run_host(options, task_vars)
        host_check.watch(run_host, task_vars)

        def check(entries):
            if options["reason"]:
                admission.stop(entries, None, options["reason"])
            return admission.denial(entries, ""), admission.batches_begun(entries)

        denial, batches = run_host.store.transact(check)
        if denial:
            self._display.display(f"No further batch begins: {denial}")
        return {"stop": bool(denial), "between": batches > 0 and not denial, "msg": denial}

    def _reported(self, options, task_vars):
        store = self._opened(options, task_vars)
        run, mark, tally = store.transact(_state_of)
        here = list(task_vars["ansible_play_hosts_all"])
        # A part of a split job answers for its own hosts; the others may not have begun yet.
        hosts = here if run.get("shared") else (store.get(HOSTS) or {}).get("hosts") or []
        if run["operation"] == "audit":
            return self._audited(run, hosts, store)
        briefs = summary.briefs(store)
        found = summary.rows(briefs, hosts)
        count = summary.counts(found)
        if self._task.check_mode:
            documents = [RunHost(store, host).document() for host in hosts]
            for line in forecast_report.lines(run, documents, int(context.CLIARGS.get("forks") or 5)):
                self._display.display(line)
            return {"counts": count, "failure": "", "fail": [], "msg": "the forecast; nothing was changed"}
        failure = summary.verdict(run, mark, count, budgets.exceeded(run["budgets"], tally))
        for line in summary.lines(run, mark, found, store.where):
            self._display.display(line)
        if run.get("shared"):
            for line in _status_of(store, briefs)["lines"]:
                self._display.display(line)
        report = {"run_id": run["run_id"], "at": store.now(), "failure": failure, "counts": count, "hosts": found}
        store.transact(lambda entries: entries.put(REPORT, {**report, "stop": mark}))
        owner.give_back(store)
        fail = _to_fail(found, list(task_vars["ansible_play_hosts"])) if failure else []
        return {"counts": count, "failure": failure, "fail": fail, "msg": failure or "every host is well"}

    def _audited(self, run, hosts, store):
        absent = audit_coverage.missing(store, hosts)
        for line in audit_coverage.lines(run, len(hosts), store.where, absent):
            self._display.display(line)
        owner.give_back(store)
        audited = len(hosts) - len(absent)
        return {"counts": {"audited": audited, "not_audited": len(absent)}, "failure": "", "fail": [], "msg": ""}

    def _status(self, options, task_vars):
        """What the run does now; from any controller, also one that is no part of it."""
        store = self._named(options, task_vars)
        found = _status_of(store, summary.briefs(store))
        for line in found["lines"] if options["show"] else []:
            self._display.display(line)
        return found

    def _stopped(self, options, task_vars):
        """Set the stop mark by hand."""
        if not options["reason"]:
            raise ValueError("state stopped needs reason")
        store = self._named(options, task_vars)
        if not self._task.check_mode:
            store.transact(lambda entries: admission.stop(entries, None, options["reason"]))
        reason = (store.get(STOP) or {"reason": options["reason"]})["reason"]
        return {"changed": True, "msg": f"the run is stopped: {reason}"}

    def _named(self, options, task_vars):
        """Return the store of a run that somebody names; raises ValueError where there is none."""
        if options["run_folder"]:
            store = self._opened(options, task_vars)
        elif not options["run_id"]:
            raise ValueError(f"state {options['state']} needs run_id, or run_folder")
        else:
            folder = Path.cwd() / options["run_dir"] / settings.run_id(options["run_id"])
            store = self._shared(options, task_vars) or FolderStore(folder)
        if store.get(RUN) is None:
            raise ValueError(f"there is no run in {store.where}; check run_id, and run_dir or run_store")
        return store


def _state_of(entries):
    """What the run was begun with, its stop mark, and what was counted, of one moment."""
    return admission.begun_with(entries), entries.get(STOP), admission.counted(entries)


def _status_of(store, documents):
    """What the run does now: as counts, in lines for people, and in one sentence."""
    run, mark, tally = store.transact(_state_of)
    found = status.progress((store.get(HOSTS) or {}).get("hosts") or [], documents, mark)
    now = store.now()
    return {
        "status": found,
        "lines": list(status.lines(run, found, documents, tally, now)),
        "ended": found["ended"],
        "msg": status.sentence(run, found, now),
    }


def _to_fail(found, alive):
    """The hosts of a play that are to fail in it: those that did, else one that speaks for the run."""
    there = [row["host"] for row in found if row["host"] in alive]
    bad = [row["host"] for row in found if row["state"] in ("lost", "failed", "begun") and row["host"] in there]
    undone = [row["host"] for row in found if row["state"] != "verified" and row["host"] in there]
    return bad[:_MOST] or undone[:1] or there[:1]


def _failed(sentence):
    return {"failed": True, "changed": False, "msg": f"run: {sentence}."}
