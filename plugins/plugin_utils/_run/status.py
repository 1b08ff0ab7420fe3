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
    :return: ``hosts``, ``done`` and ``counts`` by state; the names of at most ten hosts that are ``begun``; how many
        ``batches`` have begun; why it was ``stopped``, empty if it was not; and whether it has ``ended``.
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
        "begun": begun[:_MOST],
        "batches": batches,
        "stopped": mark["reason"] if mark else "",
        "ended": not goes_on,
    }


def headline(run: Mapping, found: Mapping, now: float) -> str:
    """Return how far a run is; the parameters are those of ``lines``."""
    passed = timestamps.duration(now - run["began"])
    attempt = f", attempt {run['attempt']}" if run["attempt"] > 1 else ""
    done = f"{found['done']} of {found['hosts']} hosts done, began {passed} ago"
    return f"Run {run['run_id']} ({run['operation']}){attempt}: {done}"


def sentence(run: Mapping, found: Mapping, now: float) -> str:
    """Return what a run does in one line; the parameters are those of ``lines``."""
    stopped = f"; stopped: {found['stopped']}" if found["stopped"] else ""
    return f"{headline(run, found, now)}; {_states(found)}{stopped}"


def lines(
    run: Mapping,
    found: Mapping,
    documents: Mapping[str, Mapping],
    tally: Mapping[str, int],
    now: float,
) -> Iterator[str]:
    """Yield what a run does, one line each.

    :param found: what ``progress`` returned.
    :param tally: what was counted against the budgets.
    :param now: the time of the run's store.
    """
    yield headline(run, found, now)
    yield f"  hosts: {_states(found)}"
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
    if found["stopped"]:
        yield f"  stopped: {found['stopped']}"
    for state in ("begun", "lost", "failed", "refused"):
        yield from _hosts(state, [host for host, one in documents.items() if one["state"] == state], documents, now)


def _states(found: Mapping) -> str:
    words = [f"{number} {_WORDS.get(state, state)}" for state, number in found["counts"].items() if number]
    return ", ".join(words) or "none"


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
