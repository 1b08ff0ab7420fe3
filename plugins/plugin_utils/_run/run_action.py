# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action behind a module that belongs to a run: ask the run, let the host act, write its document. Internal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.shimops.containerd.plugins.module_utils import _result
from ansible_collections.shimops.containerd.plugins.plugin_utils._run import host_check
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_host import RunHost
from ansible_collections.shimops.containerd.plugins.plugin_utils._store import opened
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import StoreError

T = TypeVar("T")
#: What shim_reconnect does with a host that has begun: that is done whether or not the run can be asked.
SETTLING = ("verified", "rolled_back")
#: Seconds between the tries to enter a host that failed: the other controllers of a run have to know of a loss.
AGAIN = (1, 2, 4, 8, 15, 30)


class RunAction(ActionBase):
    """An action that wraps the module of its own name.

    Without ``run_folder`` it only hands the task on. With it, the host's whole result goes into its document, and the
    play gets the summary.
    """

    #: The result's list of rows, which a summary holds only those of that are not well.
    rows: str

    def acts(self, options: dict) -> bool:
        """Return whether these options change the host: then the run is asked before."""
        raise NotImplementedError

    def unwell(self, row: dict) -> bool:
        """Return whether a row belongs into a summary."""
        raise NotImplementedError

    def note(self, run_host: RunHost, options: dict, result: dict) -> None:
        """Write the result into the host's document."""
        raise NotImplementedError

    def admit(self, run_host: RunHost, options: dict, task_vars: dict) -> dict | None:
        """Return the result for a host that is not to act now; None for one that is."""
        return None

    def before(self, run_host: RunHost, options: dict) -> None:
        """Do what comes before the host is asked."""

    def late(self, run_host: RunHost, options: dict, reason: str) -> dict | None:
        """Return the options for a host that may not begin any more, or None for nothing at all."""
        return None

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        options = dict(self._task.args)
        folder = options.pop("run_folder", None)
        if not folder:
            return _fitted(self._ask(options, task_vars), options.get("detail") or "summary")
        try:
            store = opened.opened(str(folder), opened.password(self._templar, task_vars))
            return self._in_run(RunHost(store, str(task_vars["inventory_hostname"])), options, task_vars)
        except ValueError as error:
            return {"failed": True, "changed": False, "msg": f"run: {error}."}

    def _in_run(self, run_host: RunHost, options: dict, task_vars: dict) -> dict:
        if self.acts(options):
            host_check.watch(run_host, task_vars)
        left = self.admit(run_host, options, task_vars)
        if left:
            return {"changed": False, "refused": False, **left}
        acting = self.acts(options) and not self._task.check_mode
        if acting:
            reason = run_host.begin()
            if reason:
                late = self.late(run_host, options, reason)
                if late is None:
                    state = run_host.leave_untouched(reason)
                    return {"changed": False, "refused": False, "host_state": state, "msg": f"left alone: {reason}"}
                options = late
        # From here on the host counts, not the run: what became of it is in its ledger, even if the store fails.
        settling = acting or options.get("state") in SETTLING
        self._known_or_not(settling, self.before, run_host, options)
        try:
            result = self._ask({**options, "detail": "full"}, task_vars)
        except AnsibleConnectionFailure as error:
            sentence = "it became unreachable: " + " ".join(str(error).split())[:300]
            self._known_or_not(settling, self._unreachable, run_host, acting, sentence)
            raise
        self._known_or_not(settling, self._entered, settling, run_host, options, result)
        state = self._known_or_not(settling, lambda: run_host.document()["state"]) or "begun"
        return self._brief({**result, "host_state": state}, options.get("detail") or "summary")

    def _known_or_not(self, settling: bool, work: Callable[..., T], *words: Any) -> T | None:
        """Read or write the run; a store that fails is only a warning for a host that is being settled."""
        try:
            return work(*words)
        except StoreError as error:
            if not settling:
                raise
            self._display.warning(f"run: {error}. The host goes on; its ledger says what became of it.")
            return None

    def _entered(self, settling: bool, run_host: RunHost, options: dict, result: dict) -> None:
        """Write the result into the host's document; to write it twice changes nothing."""
        for seconds in AGAIN if settling and result.get("failed") else ():
            try:
                return self.note(run_host, options, result)
            except StoreError:
                time.sleep(seconds)
        return self.note(run_host, options, result)

    def _unreachable(self, run_host: RunHost, acting: bool, sentence: str) -> None:
        state = "failed" if acting or run_host.document()["state"] == "begun" else "refused"
        run_host.enter_state(state, sentence)

    def _ask(self, options: dict, task_vars: dict) -> dict:
        return self._execute_module(module_args=options, task_vars=task_vars)

    def _brief(self, result: dict, detail: str) -> dict:
        """Shape a whole result as the module itself shapes a summary."""
        if self.rows in result and "summary" in result:
            result[self.rows] = _result.select(result[self.rows], detail, self.unwell)
        if "invocation" in result:
            result["invocation"]["module_args"]["detail"] = detail
        return _fitted(result, detail)


def _fitted(result: dict, detail: str) -> dict:
    """Make a summary small; the arguments, which Ansible adds, count as well."""
    if detail != "summary":
        return result
    # No part of a summary, and not always JSON.
    added = {key: result.pop(key) for key in ("invocation", "exception") if key in result}
    arguments = _result.shortened_arguments((added.get("invocation") or {}).get("module_args") or {})
    if "invocation" in added:
        added["invocation"] = {"module_args": arguments}
    return {**_result.fit(result, detail, _result.invoked(arguments)), **added}
