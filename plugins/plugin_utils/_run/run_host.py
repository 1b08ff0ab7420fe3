# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attempt: one host of a run, from what was forecast to what became of it, in the host's document. Internal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.shimops.containerd.plugins.plugin_utils._run import files, timestamps
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.admission import Admission, Count

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
    # The attempt of the run in which this host was last begun; 0 for never.
    "begun_in": 0,
    # What of it was counted against a budget, and in which attempt.
    "counted": None,
}


class RunHost:
    """One host in one run.

    :param folder: the folder of the run.
    :param host: the host's name in the inventory.
    """

    def __init__(self, folder: str, host: str):
        self.host = host
        self.admission = Admission(Path(folder))
        self._path = Path(folder) / "documents" / f"{files.quoted(host)}.json"

    def document(self) -> dict:
        """Return the host's document as it is; a fresh one when there is none."""
        found = files.load(self._path)
        if found is None:
            run = self.admission.run()
            fresh = {"schema": SCHEMA, "kind": "roll", "host": self.host}
            found = {**_EMPTY, **fresh, "run_id": run["run_id"], "operation": run["operation"]}
        return found

    def known(self) -> bool:
        """Return whether the host has a document."""
        return self._path.exists()

    def begin(self) -> str:
        """Begin, unless the run says no: the reason, or nothing.

        A host that has begun in this attempt goes on to its end, even if others were lost meanwhile.
        """
        with self.admission.lock():
            document, attempt = self.document(), self.admission.run()["attempt"]
            if document["begun_in"] == attempt and document["state"] == "begun":
                return ""
            reason = self.admission.denial(self.host)
            if reason:
                return reason
            document.update(state="begun", message="", ended=None, begun_in=attempt)
            document.update(began=document["began"] or timestamps.now(), attempts=document["attempts"] + 1)
            files.save(self._path, document)
        return ""

    def enter_batch(self, number: int) -> dict:
        """Write down which batch the host is in, and return its document. Call it under the lock."""
        document = self.document()
        if document["batch"] != number:
            document["batch"] = number
            files.save(self._path, document)
        return document

    def enter_state(
        self, state: str, message: str = "", counts: str | None = None, lost: int | None = None, **facts
    ) -> None:
        """Write down what became of the host, or only what was learnt of it, and count it.

        :param state: one of STATES. A host that lost a task stays ``lost``, whatever fails afterwards.
        :param counts: the budget it counts against, where that is not the state's own.
        :param lost: the number of lost tasks.
        :param facts: keys of the document.
        """
        with self.admission.lock():
            document = self.document()
            if document["state"] == "lost" and state in ("failed", "refused", "untouched"):
                state, lost = "lost", lost or document["summary"].get("lost")
                sentence = document["message"]
                message = sentence if message in sentence else f"{sentence}; {message}"
            document.update(facts, state=state, message=message)
            if state not in ("begun", "forecast"):
                document["ended"] = timestamps.now()
            kind = counts or COUNTED.get(state)
            if kind == "refused" and self.host in self.admission.run()["quarantine"]:
                kind = None
            self.count(document, kind, (lost or 1) if kind == "lost" else 1)

    def count(self, document: dict, kind: str | None, number: int) -> None:
        """Count the host, once, and save its document. Call it under the lock."""
        attempt = self.admission.run()["attempt"]
        now = Count(kind, number) if kind else Count()
        counted = document.get("counted") or {"attempt": None}
        before = Count(counted["kind"], counted["number"]) if counted["attempt"] == attempt else Count()
        self.admission.count(self.host, now, before, document["message"])
        document["counted"] = {"attempt": attempt, **now._asdict()}
        files.save(self._path, document)

    def leave_untouched(self, reason: str) -> None:
        """Leave a host alone that may not begin; what had become of it before stays written."""
        if self.document()["state"] in ("begun", "forecast", "untouched", "refused"):
            quarantined = self.host in self.admission.run()["quarantine"]
            self.enter_state("refused" if quarantined else "untouched", reason)

    def record(self, **facts) -> None:
        """Add to the document without a change of state."""
        with self.admission.lock():
            files.save(self._path, {**self.document(), **facts})
