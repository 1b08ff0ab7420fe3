# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Begin: a run's folder, made or found again, and what a run that goes on has to know of before. Internal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible_collections.shimops.containerd.plugins.plugin_utils._run import budgets, owner, settings, timestamps
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.admission import Admission
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_host import RunHost

SCHEMA = 1


def checked(options: Mapping, hosts: Sequence[str], groups: Mapping, folders: Sequence[Path]) -> dict:
    """Return what the run is begun with; raises ValueError with one sentence for whatever cannot be.

    :param options: of the module ``fleet_run``.
    :param hosts: of the play, in its order.
    :param groups: of the inventory.
    :param folders: where task files are looked for.
    """
    now = timestamps.now()
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
        "quarantine": settings.quarantine(options["quarantine"] or (), groups),
        "attempt": 1,
        "plan": {
            "batches": sizes,
            "settle": next((value for name, value in waits.items() if name.endswith("settle")), 0.0),
            "settle_per": options["settle_per"],
            "pause": waits.get("pause", 0.0),
        },
        "hooks": hooks,
    }


def begin(folder: Path, run: dict, hosts: Sequence[str], join: bool) -> dict:
    """Begin the run in its folder, or go on with it there; gives the run as it was written down.

    :param hosts: of the play, in its order.
    :param join: others have the folder too, so nothing of theirs is put back: the parts of one job that was split.
    Raises ValueError when another ansible-playbook has the folder, or it is of another operation.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    admission = Admission(folder)
    with admission.lock():
        held = "" if join else owner.take(folder)
        if held:
            raise ValueError(f"run {run['run_id']} is held by {held}")
        earlier = admission.known()
        if earlier is None:
            admission.begin(run, hosts)
            return run
        if earlier["operation"] != run["operation"]:
            sentence = f"run {run['run_id']} is a run of operation {earlier['operation']}, not {run['operation']}"
            raise ValueError(sentence + "; choose another run_id")
        here = set(hosts)
        everyone = [*hosts, *(host for host in admission.hosts() if host not in here)]
        run.update(began=earlier["began"], attempt=earlier["attempt"])
        if join:
            admission.write(run, everyone)
            return run
        run["attempt"] += 1
        admission.begin(run, everyone)
        for host in everyone:
            _count_again(RunHost(str(folder), host))
    return run


def _count_again(run_host: RunHost) -> None:
    """A task that was lost stays lost: it counts again. What failed or was refused may be well now."""
    document = run_host.document()
    if document["state"] == "lost":
        run_host.count(document, "lost", document["summary"].get("lost") or 1)
