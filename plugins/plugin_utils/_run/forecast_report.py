# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Forecast report: what check mode says at the end of a run, for each host and for the fleet. Pure. Internal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.shimops.containerd.plugins.plugin_utils._run import estimate, timestamps

_NOTHING = "no forecast was made"


def lines(run: Mapping, documents: Sequence[Mapping], forks: int) -> Iterator[str]:
    """Yield the report, one line each.

    :param run: what the run was begun with.
    :param documents: of its hosts, in their order.
    :param forks: how many hosts act at once.
    """
    outcomes: Counter = Counter()
    total: Counter = Counter()
    refused = []
    for document in documents:
        count = counts(document)
        total.update(count)
        outcomes.update((document.get("forecast") or {}).get("outcomes") or {})
        yield f"  {document['host']}: {sentence(document)}"
        if document["state"] == "refused":
            refused.append(document)
    yield ""
    yield f"{_hosts(len(documents))}, {_words(total)}. Nothing was changed."
    width = max((len(name) for name in outcomes), default=0)
    for name, number in sorted(outcomes.items(), key=lambda pair: (-pair[1], pair[0])):
        yield f"  {name:<{width}}  {number}"
    if refused:
        yield f"{_hosts(len(refused))} would be refused, and left alone:"
        yield from (f"  {one['host']}: {one['message'] or 'no reason was given'}" for one in refused)
    acting = [document for document in documents if document["state"] != "refused" and document.get("forecast")]
    yield _time(run, acting, forks)


def counts(document: Mapping) -> dict[str, int]:
    """Return how many tasks of a host would be kept, rescued and refused."""
    forecast = document.get("forecast") or {}
    risk, rescued = forecast.get("at_risk") or 0, len(document.get("rescued") or [])
    tasks = forecast.get("tasks") or 0
    return {"tasks": tasks, "kept": tasks - risk, "rescued": min(rescued, risk), "refused": max(risk - rescued, 0)}


def sentence(document: Mapping) -> str:
    """Return what would become of one host, in one line."""
    if not document.get("forecast"):
        return document["message"] or _NOTHING
    found = _words(counts(document))
    return f"{found}; refused" if document["state"] == "refused" else found


def _words(count: Mapping[str, int]) -> str:
    tasks = "1 task" if count["tasks"] == 1 else f"{count['tasks']} tasks"
    return f"{tasks}: {count['kept']} kept, {count['rescued']} rescued, {count['refused']} refused"


def _hosts(number: int) -> str:
    return "1 host" if number == 1 else f"{number} hosts"


def _time(run: Mapping, acting: Sequence[Mapping], forks: int) -> str:
    plan = run.get("plan") or {}
    slowest = max((document.get("start_estimate") or 0.0 for document in acting), default=0.0)
    host, settle = estimate.RESTART + slowest, plan.get("settle", 0.0)
    sizes = estimate.batches(len(acting), plan.get("batches") or [])
    took = estimate.seconds(sizes, forks, host, settle, plan.get("pause", 0.0), plan.get("settle_per", "host"))
    batches = f"{len(sizes)} {'batch' if len(sizes) == 1 else 'batches'}"
    return f"Estimated time: {timestamps.duration(took)} ({_hosts(len(acting))}, {batches}, {forks} at once)"
