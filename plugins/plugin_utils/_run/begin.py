# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Begin: a run's folder, made or found again, and what a run that goes on has to know of before. Internal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.shimops.containerd.plugins.plugin_utils._run import (
    admission,
    budgets,
    owner,
    settings,
    timestamps,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_host import RunHost
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import DOCUMENT, HOSTS, RUN, Entries
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import Store

SCHEMA = 1


def checked(options: Mapping, hosts: Sequence[str], groups: Mapping, folders: Sequence[Path], now: float) -> dict:
    """Return what the run is begun with; raises ValueError with one sentence for whatever cannot be.

    :param options: of the module ``fleet_run``.
    :param hosts: of the play, in its order.
    :param groups: of the inventory.
    :param folders: where task files are looked for.
    :param now: the time of the run's store.
    """
    sizes = settings.batches(options["batches"])
    waits = settings.seconds(options["seconds"], options["seconds_above_zero"] or ())
    try:
        deadline = timestamps.deadline(options["deadline"], now) if options["deadline"] else None
    except ValueError as error:
        raise ValueError(f"deadline {options['deadline']!r} {error}") from None
    hooks = {
        moment: [settings.task_file(name, folders) for name in options["hooks"].get(moment) or []]
        for moment in ("before", "after", "between")
    }
    return {
        "schema": SCHEMA,
        "run_id": settings.run_id(options["run_id"] or timestamps.name(now)),
        "operation": options["operation"],
        "began": now,
        "deadline": deadline,
        "budgets": budgets.parse(options["budgets"], len(hosts)),
        "quarantine": settings.quarantine(options["quarantine"] or (), groups, strict=not options["join"]),
        "attempt": 1,
        "launch": options["launch"],
        "shared": options["join"],
        # In the words of who began it, to compare them with those of who joins.
        "wanted": {
            **{name: str(options["budgets"].get(name, value)) for name, value in budgets.DEFAULTS.items()},
            "deadline": options["deadline"] or "",
        },
        "plan": {
            "batches": sizes,
            "settle": next((value for name, value in waits.items() if name.endswith("settle")), 0.0),
            "settle_per": options["settle_per"],
            "pause": waits.get("pause", 0.0),
        },
        "hooks": hooks,
    }


def begin(store: Store, run: dict, hosts: Sequence[str], join: bool, generation: str = "") -> dict:
    """Begin the run, or go on with it; gives the run as it was written down.

    :param hosts: of the play, in its order.
    :param join: others have the run too, so nothing of theirs is put back: the parts of one job that was split. They
        join as long as they name the same launch; another launch resumes the run.
    :param generation: what a new run is known by in its store.
    Raises ValueError when another ansible-playbook has the run, it is of another operation, or was begun otherwise.
    """

    def work(entries: Entries) -> dict:
        held = "" if join else owner.take(entries)
        if held:
            raise ValueError(f"run {run['run_id']} is held by {held}")
        earlier = entries.get(RUN)
        if earlier is None:
            found = {**run, "generation": generation}
            admission.write_anew(entries, found, hosts)
            return found
        if earlier["operation"] != run["operation"]:
            sentence = f"run {run['run_id']} is a run of operation {earlier['operation']}, not {run['operation']}"
            raise ValueError(sentence + "; choose another run_id")
        here = set(hosts)
        before = (entries.get(HOSTS) or {}).get("hosts") or ()
        everyone = [*hosts, *(host for host in before if host not in here)]
        if join and run["launch"] in ("", earlier.get("launch")):
            found = _joined(earlier, run, len(everyone))
            admission.write(entries, found, everyone)
            return found
        found = {**run, "began": earlier["began"], "attempt": earlier["attempt"] + 1}
        found.update(_of_all(run, len(everyone)), generation=earlier.get("generation", ""))
        admission.write_anew(entries, found, everyone)
        for host, document in entries.every(DOCUMENT):
            _count_again(entries, RunHost(store, host), document)
        return found

    return store.transact(work)


def _joined(earlier: dict, run: dict, hosts: int) -> dict:
    """Return the run with one more part: its own settings, in which the parts must agree, now for all hosts."""
    known = earlier.get("wanted") or {}
    for name, words in run["wanted"].items():
        if known.get(name) != words:
            what = "deadline" if name == "deadline" else f"budget of {budgets.NAMES[name]}"
            raise ValueError(
                f"run {run['run_id']} was begun with the {what} {known.get(name) or 'none'}, not {words or 'none'}; "
                "join it with the same, or choose another run_id"
            )
    quarantine = list(dict.fromkeys([*earlier["quarantine"], *run["quarantine"]]))
    return {**earlier, **_of_all(earlier, hosts), "quarantine": quarantine}


def _of_all(run: dict, hosts: int) -> dict[str, Any]:
    """Return the budgets as numbers of all hosts of the run, also those of other parts."""
    wanted = {name: run["wanted"][name] for name in budgets.NAMES}
    return {"budgets": budgets.parse(wanted, hosts)}


def _count_again(entries: Entries, run_host: RunHost, document: dict) -> None:
    """A task that was lost stays lost: it counts again. What failed or was refused may be well now."""
    if document["state"] == "lost":
        run_host.count(entries, document, "lost", document["summary"].get("lost") or 1)
