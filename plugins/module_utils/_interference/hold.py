# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hold: stop what would interfere, and put it back exactly as it was. Internal to the collection."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils import _atomic, _changes
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline, wall_clock
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import command, processes
from ansible_collections.shimops.containerd.plugins.module_utils._interference import observe, record, rules
from ansible_collections.shimops.containerd.plugins.module_utils._interference.rules import Finding, Item

_TICK = 0.5


class HoldResult(NamedTuple):
    """The result. ``earlier`` is the run whose holds were found and put back; ``failure`` a sentence or None."""

    changed: bool
    found: List[Finding] = []
    released: List[Dict[str, Any]] = []
    earlier: Optional[str] = None
    failure: Optional[str] = None


class Hold:
    """The holds of one host.

    :param custom: units that the operator names.
    :param runtime_units: the units of this host's containerd.
    :param check: whether nothing may be changed.
    :param clock: gives the deadline of one piece of work with systemd or the package manager.
    """

    def __init__(self, custom: Sequence[str], runtime_units: Sequence[str], check: bool, clock: Callable[[], Deadline]):
        self._custom = list(dict.fromkeys(custom))
        self._runtime_units = runtime_units
        self._check = check
        self._clock = clock

    def hold(self, run_id: str, patience: Deadline) -> HoldResult:
        """Hold everything that can be. What an earlier run left held is put back first.

        :param patience: how long a package manager that is at work is waited for; then nothing stays held.
        """
        book, back = record.load(), HoldResult(False)
        if book and book["run_id"] != run_id:
            back = self.release(patience)
            if back.failure:
                return back
            book = None
        old = record.items(book) if book else []
        if book and book["boot_id"] != processes.boot_id():
            # The boot put the units back.
            old = [one for one in old if one.how != "stop"]
        items, sentence = rules.plan(observe.see(self._custom, self._clock()), self._custom, self._runtime_units)
        items = _merged(old, items)
        if self._check:
            would = [_row(one, one in old, "is held" if one in old else "would be held") for one in items]
            return back._replace(changed=back.changed or items != old, found=would + sentence)
        if not book or items != record.items(book) or old != record.items(book):
            record.save(record.new(run_id, items, wall_clock()))
        try:
            rows = [self._keep(one) for one in items if one.how == "stop"]
            self._wait(patience)
            rows += [self._keep(one) for one in items if one.how != "stop"]
        except ShimError as error:
            # A host that is refused is left as it was found.
            undone = self.release(patience)
            return HoldResult(False, failure=" ".join([str(error), undone.failure or ""]).strip())
        done = any(did for did, _row in rows)
        return back._replace(changed=back.changed or done, found=[row for _did, row in rows] + sentence)

    def release(self, patience: Deadline) -> HoldResult:
        """Put everything back that the record names, whoever held it; what cannot be put back stays in the record.

        :param patience: how long a package manager that is at work is waited for.
        """
        book = record.load()
        if book is None:
            return HoldResult(False)
        same_boot = book["boot_id"] == processes.boot_id()
        released, left, problem = [], [], ""
        # Units last: a timer that starts again may take dpkg's lock at once.
        for item in sorted(record.items(book), key=lambda one: one.how == "stop"):
            try:
                reason = self._restore(item, same_boot, patience)
            except ShimError as error:
                left.append(item)
                problem = problem or str(error)
                continue
            released.append({"kind": item.kind, "name": item.name, "how": item.how, "reason": reason})
        if not self._check:
            if left:
                record.save(dict(book, items=[dict(one._asdict()) for one in left]))
            else:
                record.remove()
        return HoldResult(True, [], released, book["run_id"], problem or None)

    # -- hold

    def _keep(self, item: Item) -> Tuple[bool, Finding]:
        """Hold one thing; whether anything was done, and the row."""
        try:
            did = getattr(self, "_hold_" + item.how)(item)
        except ShimError as error:
            return False, _row(item, False, error.problem)
        return did, _row(item, True, "held now" if did else "was held already")

    def _hold_stop(self, item: Item) -> bool:
        if not self._unit(item.name).on:
            return False
        self._run(["systemctl", "stop", "--", item.name], item.name, "cannot be stopped")
        if self._unit(item.name).on:
            raise ShimError("act", item.name, "was stopped and runs again", "find out who starts it")
        return True

    def _hold_mark(self, item: Item) -> bool:
        if observe.packages(self._clock()).get(item.name) == "hold":
            return False
        self._run(["apt-mark", "hold", item.name], item.name, "cannot be put on hold")
        return True

    def _hold_snippet(self, item: Item) -> bool:
        if observe.small_file(item.name) == rules.SNIPPET_TEXT:
            return False
        _changes.note()
        try:
            directory = os.open(os.path.dirname(item.name), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                _atomic.write_atomically(
                    directory, os.path.basename(item.name), rules.SNIPPET_TEXT.encode("ascii"), 0o644
                )
            finally:
                os.close(directory)
        except OSError as error:
            problem = "cannot be written ({0})".format(error.strerror)
            raise ShimError("act", item.name, problem, "look at its directory") from error
        return True

    def _hold_refresh_hold(self, item: Item) -> bool:
        if observe.snaps(self._clock()).get(item.name):
            return False
        argv = ["snap", "refresh", "--hold=" + rules.SNAP_HOLD, item.name]
        self._run(argv, "snap " + item.name, "cannot be held")
        return True

    def _wait(self, patience: Deadline) -> None:
        """Wait until no package manager is at work."""
        while True:
            units = observe.units(rules.UPGRADE_SERVICES, self._clock())
            sentence = rules.busy(units, observe.locks())
            if not sentence:
                return
            if not patience.sleep(_TICK):
                raise ShimError(
                    "act", "the package manager", "is at work: " + sentence, "wait for it to end, or raise wait_timeout"
                )

    # -- put back

    def _restore(self, item: Item, same_boot: bool, patience: Deadline) -> str:
        """Put one thing back; what was done, in a few words."""
        if item.how == "stop":
            needed, reason = rules.put_back(item, self._unit(item.name), same_boot)
            if needed and not self._check:
                self._run(["systemctl", "start", "--", item.name], item.name, "cannot be started again")
            return reason
        if item.how == "mark":
            return self._restore_mark(item, patience)
        return str(getattr(self, "_restore_" + item.how)(item))

    def _restore_mark(self, item: Item, patience: Deadline) -> str:
        now, before = observe.packages(self._clock()).get(item.name), item.before["selection"]
        if now is None:
            return "it is not installed any more"
        if now == before:
            return "its mark is as it was"
        if not self._check:
            self._wait(patience)
            verb = "hold" if before == "hold" else "unhold"
            self._run(["apt-mark", verb, item.name], item.name, "cannot be marked as before")
        return "on hold again, as before" if before == "hold" else "off hold again"

    def _restore_snippet(self, item: Item) -> str:
        text = observe.small_file(item.name)
        if text is None:
            return "it is not there any more"
        if text != rules.SNIPPET_TEXT:
            return "it was changed meanwhile, and stays"
        if not self._check:
            os.unlink(item.name)
        return "removed"

    def _restore_refresh_hold(self, item: Item) -> str:
        if not observe.snaps(self._clock()).get(item.name):
            return "its refresh is not held any more"
        if not self._check:
            self._run(["snap", "refresh", "--unhold", item.name], "snap " + item.name, "cannot be released")
        return "refreshed again when snapd wants"

    # -- the host

    def _unit(self, name: str) -> rules.UnitState:
        return observe.units([name], self._clock()).get(name, rules.UnitState(name, "not-found", "inactive", ""))

    def _run(self, argv: List[str], subject: str, problem: str) -> None:
        _changes.note()
        done = command.run(argv, self._clock())
        if done.code != 0:
            words = " ".join((done.stderr or done.stdout).split())[:160].rstrip(".")
            sentence = "{0} ({1})".format(problem, words) if words else problem
            raise ShimError("act", subject, sentence, "do it by hand: {0}".format(" ".join(argv)))


def _merged(old: List[Item], fresh: List[Item]) -> List[Item]:
    """What is held already, as it was before it was held; then what came to it."""
    known = {(one.how, one.name) for one in old}
    return old + [one for one in fresh if (one.how, one.name) not in known]


def _row(item: Item, held: bool, reason: str) -> Finding:
    return Finding(item.kind, item.name, held, item.how, reason)
