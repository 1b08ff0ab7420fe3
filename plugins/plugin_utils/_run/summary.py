# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Report: what became of all hosts of a run, and how its play is to end. Internal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_host import STATES
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import DOCUMENT
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import Store

#: A run with hosts in one of these has not done what it was asked for.
UNDONE = ("lost", "failed", "begun", "untouched")
_TITLES = {
    "lost": "lost a task",
    "failed": "failed",
    "refused": "refused, and left alone",
    "untouched": "untouched",
    "begun": "begun, and not known to have ended",
}


def briefs(store: Store) -> dict[str, dict]:
    """Return what is said of each host that has a document, by its name: whole documents would fill the memory."""
    found = {host: brief(document) for host, document in store.every(DOCUMENT)}
    return dict(sorted(found.items()))


def brief(document: Mapping) -> dict:
    """Return what is said of one host: ``verdicts`` has how many tasks have each."""
    kept = {key: document.get(key) for key in ("state", "message", "batch", "began", "controller")}
    return {**kept, "verdicts": Counter(row["verdict"] for row in document.get("verdicts") or ())}


def rows(known: Mapping[str, Mapping], hosts: Sequence[str]) -> list[dict]:
    """Return per host its name, state and message, in the order of the play.

    :param known: what ``briefs`` returned.
    """
    return [_row(host, known.get(host) or {}) for host in hosts]


def _row(host: str, document: Mapping) -> dict:
    state, message = document.get("state", "forecast"), document.get("message", "")
    if state == "forecast":
        state, message = "untouched", message or "its turn never came"
    return {"host": host, "state": state, "message": message, "batch": document.get("batch")}


def counts(found: list[dict]) -> dict[str, int]:
    """Return how many hosts are in each state, with 0 for the others."""
    return {state: sum(1 for row in found if row["state"] == state) for state in STATES if state != "forecast"}


def verdict(run: dict, mark: dict | None, count: dict[str, int], spent: str) -> str:
    """Say why the run is no success, in a few words; empty when it is one.

    Success: every host is verified, was current already, or was refused within the budget, and one of them at least
    was not refused.
    """
    undone = [f"{count[state]} {state}" for state in UNDONE if count[state]]
    if spent:
        undone.append(spent)
    if mark and not undone:
        undone.append(mark["reason"])
    if undone:
        return f"run {run['run_id']}: {', '.join(undone)}"
    if count["refused"] and not count["verified"] and not count["current"]:
        return f"run {run['run_id']}: every host was refused"
    return ""


def lines(run: dict, mark: dict | None, found: list[dict], where: str) -> Iterator[str]:
    """Yield the whole report for people, one line each."""
    count = counts(found)
    sentence = ", ".join(f"{number} {state}" for state, number in count.items() if number) or "no hosts"
    yield f"Run {run['run_id']} ({run['operation']}): {sentence}. Documents: {where}"
    if mark:
        yield f"Stopped: {mark['reason']}"
    for state, title in _TITLES.items():
        there = [row for row in found if row["state"] == state]
        if there:
            yield f"{len(there)} {title}:"
            yield from (f"  {row['host']}: {row['message'] or 'no reason was given'}" for row in there)
