# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replace: put a staged release in the place of the one that is there. The restart is not done here. Internal.

From the first program that is replaced until containerd was restarted no new container can start where the lines
differ (containerd#10984), so everything that can be done before is done before.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils import _changes
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import command
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import upstream
from ansible_collections.shimops.containerd.plugins.module_utils._packages import (
    files,
    managers,
    policy,
    settings,
    staged,
)
from ansible_collections.shimops.containerd.plugins.module_utils._packages.staged import Staged
from ansible_collections.shimops.containerd.plugins.module_utils._unexpected import explained

# Who has to be of one release for a container to start.
_PROGRAMS = ("containerd", "containerd-shim-runc-v2", "runc")
_RUNC = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
# How long another package manager is waited for, in seconds.
_PATIENCE = 60


def ready(plan: Staged) -> Staged:
    """Whether all that was staged is there, and room for it; raises ShimError before anything is touched."""
    for path in plan.paths():
        if not os.path.isfile(path):
            raise ShimError("package", path, "is not there any more", "stage the release again")
    size = 3 * sum(os.path.getsize(path) for path in plan.paths()) if managers.of_kind(plan.kind) else 0
    files.require_space([(os.path.dirname(plan.executable), size)])
    return plan


@contextlib.contextmanager
def undisturbed(plan: Optional[Staged]) -> Iterator[None]:
    """Within this no other package manager works on the host and no package restarts a service."""
    manager = managers.of_kind(plan.kind) if plan else None
    if manager is None:
        policy.put_back()
        yield
        return
    with manager.database.undisturbed(Deadline(_PATIENCE)):
        yield


def install(plan: Staged, back: Optional[Staged]) -> Dict[str, Any]:
    """Put the release in place, within undisturbed().

    Gives the record for the ledger: ``release``, ``version``, ``kind``, ``seconds`` it took, ``replaced`` programs,
    ``since`` (when the first of them was, in seconds since the epoch; None when none was), ``config`` (the name of
    the configuration's backup, or None).
    :param back: the release that is there, staged as well: it is put back when the new one cannot be installed.
    Raises ShimError that says what is on the disk then.
    """
    clock, before = Deadline(_PATIENCE), _snapshot(plan)
    backup = _configure(plan)
    try:
        _put(plan)
        after = _snapshot(plan)
        if plan.kind != "nothing" and after.get(plan.executable) == before.get(plan.executable):
            raise ShimError("package", plan.executable, "was not replaced", "look for a diversion")
    except Exception as error:
        # Whatever went wrong, a defect included, the disk is to fit the containerd that runs.
        if backup:
            os.rename(backup, os.path.realpath(plan.config_path or settings.DEFAULT))
        raise _undone(explained(error), plan, back, before) from error
    _changes.note()
    changed = {path: sentence for path, sentence in after.items() if sentence != before.get(path)}
    return {
        "release": plan.release,
        "version": plan.version,
        "kind": plan.kind,
        "seconds": round(clock.elapsed(), 3),
        "replaced": sorted(changed),
        "since": min(sentence[2] for sentence in changed.values()) if changed else None,
        "config": backup,
    }


def finish(plan: Staged) -> None:
    """What can wait until containerd was restarted."""
    manager = managers.of_kind(plan.kind)
    if manager:
        with manager.database.undisturbed(Deadline(_PATIENCE)):
            manager.database.finish(Deadline(_PATIENCE))


def _put(plan: Staged) -> None:
    manager = managers.of_kind(plan.kind)
    if manager:
        manager.database.install(plan.paths())
    elif plan.kind == "tarball":
        files.replace_together(os.path.dirname(plan.executable), plan.paths())


def _configure(plan: Staged) -> Optional[str]:
    """The staged configuration into place; the path of the old one's copy, or None when nothing was to be done."""
    if plan.config is None:
        return None
    path = os.path.realpath(plan.config_path or settings.DEFAULT)
    with files.opened(os.path.join(plan.directory, plan.config)) as stream:
        fresh = stream.read()
    with files.opened(path) as stream:
        old = stream.read()
    if old == fresh:
        return None
    mode = os.stat(path).st_mode & 0o777
    backup = path + settings.BACKUP + plan.release
    files.write(backup, old, mode)
    files.write(path, fresh, mode)
    return backup


def _undone(
    error: ShimError, plan: Staged, back: Optional[Staged], before: Dict[str, Tuple[int, int, float]]
) -> ShimError:
    """The same error, with what is on the disk now: the old release again, if that could be done."""
    sentence = "{0} {1}".format(error.subject, error.problem)
    # Not the time of change: dpkg puts a file back by a link, which changes that alone.
    if {path: one[:2] for path, one in _snapshot(plan).items()} == {path: one[:2] for path, one in before.items()}:
        return ShimError("package", plan.version, "was not installed ({0})".format(sentence), "containerd is as it was")
    if back is not None:
        try:
            _put(back)
            _require_on_disk(back)
            return ShimError(
                "package",
                plan.version,
                "was not installed ({0})".format(sentence),
                "{0} was put back and containerd is as it was".format(back.version),
            )
        except ShimError as second:
            sentence = "{0}; putting {1} back failed too: {2}".format(sentence, back.version, second.problem)
    _changes.note()
    return ShimError(
        "package",
        plan.version,
        "was not installed ({0}) and the disk no longer fits the containerd that runs".format(sentence),
        "no new container may start until this run was finished: correct it, and start the same run again",
    )


def _require_on_disk(plan: Staged) -> None:
    said = command.run([plan.executable, "--version"], Deadline(30))
    words = said.stdout.split()
    found = upstream(words[2]) if said.code == 0 and len(words) > 2 else "one that does not run"
    if found != plan.release:
        raise ShimError(
            "package",
            plan.executable,
            "is {0} after the installation, not {1}".format(found, plan.release),
            "check it",
        )


def _snapshot(plan: Staged) -> Dict[str, Tuple[int, int, float]]:
    """Device, inode and time of change of each program that has to fit the others."""
    home = os.path.dirname(plan.executable)
    found = {}
    for place in [plan.executable] + [os.path.join(home, name) for name in _PROGRAMS[:2]] + _runc():
        try:
            status = os.stat(place)
        except OSError:
            continue
        found[place] = (status.st_dev, status.st_ino, status.st_ctime)
    return found


def _runc() -> List[str]:
    return [path for path in (os.path.join(place, "runc") for place in _RUNC) if os.path.isfile(path)][:1]


def rollback(plan: Staged) -> Optional[Staged]:
    """The other release staged next to this one, when there is exactly one."""
    root = os.path.dirname(plan.directory)
    others = [os.path.join(root, name) for name in sorted(os.listdir(root))]
    found = [one for one in (staged.present(path) for path in others if path != plan.directory) if one]
    found = [one for one in found if one.kind != "nothing" and one.release != plan.release]
    return found[0] if len(found) == 1 else None
