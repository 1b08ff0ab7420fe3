# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attempt: one host of a run, from what was forecast to what became of it, in the host's document. Internal."""

from __future__ import annotations

import socket
from typing import Any

from ansible_collections.shimops.containerd.plugins.plugin_utils._run import admission
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.admission import Count
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import DOCUMENT, Entries, Entry
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import Store

SCHEMA = 1
#: What can become of a host; the order is the one people read them in.
STATES = ("lost", "failed", "refused", "untouched", "begun", "forecast", "current", "verified")
#: What counts against which budget.
COUNTED = {"lost": "lost", "failed": "failed", "refused": "refused"}
_EMPTY: dict[str, Any] = {
    "state": "forecast",
    "batch": None,
    "began": None,
    "ended": None,
    "message": "",
    "release": {},
    "forecast": {},
    "at_risk": [],
    "hazards": [],
    "rescued": [],
    "verdicts": [],
    "summary": {},
    "gap": None,
    "journal_tail": [],
    "attempts": 0,
    # The attempt of the run in which this host was last begun; 0 for never. And on which controller.
    "begun_in": 0,
    "controller": "",
    # What of it was counted against a budget, and in which attempt.
    "counted": None,
}


class RunHost:
    """One host in one run.

    :param store: the store of the run.
    :param host: the host's name in the inventory.
    """

    def __init__(self, store: Store, host: str):
        self.host, self.store = host, store
        self._entry = Entry(DOCUMENT, host)

    def run(self) -> dict:
        """Return what the run was begun with."""
        return self.store.transact(admission.begun_with)

    def document(self) -> dict:
        """Return the host's document as it is; a fresh one when there is none."""
        found = self.store.get(self._entry)
        return self.fresh(self.run()) if found is None else found

    def fresh(self, run: dict) -> dict:
        """Return the document of a host of which nothing is known yet."""
        about = {"schema": SCHEMA, "kind": "roll", "host": self.host}
        return {**_EMPTY, **about, "run_id": run["run_id"], "operation": run["operation"]}

    def known(self) -> dict | None:
        """Return the host's document; None if it has none."""
        return self.store.get(self._entry)

    def _document(self, entries: Entries) -> dict:
        """Return the document to change it."""
        found = entries.get(self._entry)
        return self.fresh(admission.begun_with(entries)) if found is None else dict(found)

    def begin(self) -> str:
        """Begin, unless the run says no: the reason, or nothing.

        A host that has begun in this attempt goes on to its end, even if others were lost meanwhile.
        """
        return self.store.transact(self._begin)

    def _begin(self, entries: Entries) -> str:
        document, attempt = self._document(entries), admission.begun_with(entries)["attempt"]
        if document["begun_in"] == attempt and document["state"] == "begun":
            return ""
        reason = admission.denial(entries, self.host)
        if not reason:
            document.update(state="begun", message="", ended=None, begun_in=attempt, controller=socket.gethostname())
            document.update(began=document["began"] or entries.now, attempts=document["attempts"] + 1)
            entries.put(self._entry, document)
        return reason

    def enter_batch(self, hosts: list[str]) -> tuple[dict, str]:
        """Write down which batch the host is in; return its document, and why it may not begin, if so.

        :param hosts: those that the play has in the batch.
        """

        def enter(entries: Entries) -> tuple[dict, str]:
            document = self._document(entries)
            number = admission.batch(entries, self.host, hosts)
            if document["batch"] != number:
                document["batch"] = number
                entries.put(self._entry, document)
            return document, admission.denial(entries, self.host)

        return self.store.transact(enter)

    def enter_state(
        self, state: str, message: str = "", counts: str | None = None, lost: int | None = None, **facts
    ) -> str:
        """Write down what became of the host, or only what was learnt of it, and count it; return its state.

        :param state: one of STATES. A host that lost a task stays ``lost``, whatever fails afterwards.
        :param counts: the budget it counts against, where that is not the state's own.
        :param lost: the number of lost tasks.
        :param facts: keys of the document.
        """

        def enter(entries: Entries) -> str:
            document, now, number, said = self._document(entries), state, lost, message
            if document["state"] == "lost" and now in ("failed", "refused", "untouched"):
                now, number = "lost", number or document["summary"].get("lost")
                sentence = document["message"]
                said = sentence if said in sentence else f"{sentence}; {said}"
            document.update(facts, state=now, message=said)
            if now not in ("begun", "forecast"):
                document["ended"] = entries.now
            # An audit has no budgets: nothing of it begins.
            kind = None if document["operation"] == "audit" else counts or COUNTED.get(now)
            if kind == "refused" and self.host in admission.begun_with(entries)["quarantine"]:
                kind = None
            self.count(entries, document, kind, (number or 1) if kind == "lost" else 1)
            return now

        return self.store.transact(enter)

    def count(self, entries: Entries, document: dict, kind: str | None, number: int) -> None:
        """Count the host, once, and save its document."""
        attempt = admission.begun_with(entries)["attempt"]
        now = Count(kind, number) if kind else Count()
        counted = document.get("counted") or {"attempt": None}
        before = Count(counted["kind"], counted["number"]) if counted["attempt"] == attempt else Count()
        admission.count(entries, self.host, now, before, document["message"])
        entries.put(self._entry, {**document, "counted": {"attempt": attempt, **now._asdict()}})

    def leave_untouched(self, reason: str) -> str:
        """Leave a host alone that may not begin; what had become of it before stays written. Return its state."""
        state = self.document()["state"]
        if state in ("begun", "forecast", "untouched", "refused"):
            quarantined = self.host in self.run()["quarantine"]
            return self.enter_state("refused" if quarantined else "untouched", reason)
        return state

    def record(self, **facts) -> None:
        """Add to the document without a change of state."""
        self.store.transact(lambda entries: entries.put(self._entry, {**self._document(entries), **facts}))
