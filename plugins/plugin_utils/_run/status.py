# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Status: what a run does now, for people, from its store alone. Pure. Internal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.shimops.containerd.plugins.plugin_utils._run import budgets, timestamps
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_host import STATES

_MOST = 10
#: What the states are called while a run goes on.
_WORDS = {"forecast": "waiting"}


def progress(hosts: Sequence[str], documents: Mapping[str, Mapping], mark: Mapping | None) -> dict:
    """Return the counts of a run, and whether it goes on.

    :param documents: what ``summary.briefs`` returned; a host without one waits.
    :param mark: the stop mark, if there is one.
    """
    states = Counter(documents.get(host, {}).get("state", "forecast") for host in hosts)
    counts = {state: states[state] for state in STATES}
    begun = [host for host in hosts if documents.get(host, {}).get("state") == "begun"]
    batches = max((document.get("batch") or 0 for document in documents.values()), default=0)
    # What is begun goes on also after a stop; what waits does not.
    goes_on = bool(begun or (counts["forecast"] and not mark))
    done = len(hosts) - sum(counts[state] for state in ("begun", "forecast", "untouched"))
    return {
        "hosts": len(hosts),
        "done": done,
        "counts": counts,
        "begun": begun,
        "batches": batches,
        "ended": not goes_on,
    }


def lines(
    run: Mapping,
    found: Mapping,
    documents: Mapping[str, Mapping],
    mark: Mapping | None,
    tally: Mapping[str, int],
    now: float,
) -> Iterator[str]:
    """Yield what a run does, one line each.

    :param found: what ``progress`` returned.
    :param tally: what was counted against the budgets.
    :param now: the time of the run's store.
    """
    passed = timestamps.duration(now - run["began"])
    attempt = f", attempt {run['attempt']}" if run["attempt"] > 1 else ""
    done = f"{found['done']} of {found['hosts']} hosts done, began {passed} ago"
    yield f"Run {run['run_id']} ({run['operation']}){attempt}: {done}"
    words = [f"{number} {_WORDS.get(state, state)}" for state, number in found["counts"].items() if number]
    yield f"  hosts: {', '.join(words) or 'none'}"
    yield f"  batches begun: {found['batches']}"
    if run["operation"] != "audit":
        left = [f"{tally.get(name, 0)} of {run['budgets'][name]} {words}" for name, words in budgets.NAMES.items()]
        yield f"  budgets used: {', '.join(left)}"
    if run["deadline"]:
        yield f"  deadline: {timestamps.text(run['deadline'])}"
    verdicts = Counter[str]()
    for document in documents.values():
        verdicts.update(document["verdicts"])
    if verdicts:
        yield f"  verdicts: {', '.join(f'{number} {verdict}' for verdict, number in verdicts.most_common())}"
    if mark:
        yield f"  stopped: {mark['reason']}"
    yield from _hosts("begun", found["begun"], documents, now)
    for state in ("lost", "failed", "refused"):
        yield from _hosts(state, [host for host, one in documents.items() if one["state"] == state], documents, now)


def _hosts(state: str, hosts: Sequence[str], documents: Mapping[str, Mapping], now: float) -> Iterator[str]:
    for host in hosts[:_MOST]:
        document = documents[host]
        if state == "begun":
            where = f" by {document['controller']}" if document.get("controller") else ""
            yield f"  begun: {host}, {timestamps.duration(now - (document['began'] or now))} ago{where}"
        else:
            yield f"  {state}: {host}: {document['message'] or 'no reason was given'}"
    if len(hosts) > _MOST:
        yield f"  {state}: {len(hosts) - _MOST} more"
