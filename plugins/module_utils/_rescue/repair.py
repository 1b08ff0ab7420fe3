# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repair: writes the planned files into bundles, and keeps what they replace. Internal to the collection."""

from __future__ import annotations

import itertools
import os
from typing import Dict, List, NamedTuple, Optional

from ansible_collections.shimops.containerd.plugins.module_utils import _atomic, _changes
from ansible_collections.shimops.containerd.plugins.module_utils._bundle import bundle as bundles
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._rescue.plan import MODES, Refused, Step

#: How the name of a damaged file begins that is kept inside its bundle.
KEPT = "shimops-kept-"


class Repaired(NamedTuple):
    """A row for each bundle that has all its files, the bundles that have not, and whether anything was written."""

    rows: List[Dict[str, str]]
    refused: List[Refused]
    wrote: bool


def take_all(steps: List[Step], check_mode: bool) -> Repaired:
    """Take the steps of each bundle, all or up to the one that fails, which does not hinder other bundles.

    In check mode nothing is written, and every bundle has its row.
    """
    rows: List[Dict[str, str]] = []
    refused: List[Refused] = []
    wrote = False
    for (namespace, identifier), group in itertools.groupby(steps, lambda step: (step.namespace, step.id)):
        words = []
        try:
            for step in group:
                kept = None if check_mode else take(step)
                wrote = True
                words.append(step.why + (", what was there is kept as " + kept if kept else ""))
        except ShimError as error:
            refused.append(Refused(namespace, identifier, str(error)))
            continue
        rows.append({"namespace": namespace, "id": identifier, "reason": "; ".join(words)})
    return Repaired(rows, refused, wrote)


def take(step: Step) -> Optional[str]:
    """Write one file of one bundle; the name that a file in its place was kept under, None when there was none.

    Raises ShimError when the bundle, the file or the task changed since the step was planned, or it cannot be written;
    then the file is as it was.
    """
    try:
        with _atomic.open_directory(step.path) as directory:
            if bundles.inode(directory) != step.inode:
                raise ShimError("act", step.path, "was replaced since it was read", "run the task again")
            if not all(process.alive() for process in step.alive):
                raise ShimError("act", step.path, "has lost its task or its shim meanwhile", "run the task again")
            if bundles.read_file(directory, step.name, bundles.SMALL) != step.before:
                raise ShimError(
                    "act", os.path.join(step.path, step.name), "changed since it was read", "run the task again"
                )
            _changes.note()
            kept = _set_aside(directory, step)
            try:
                _atomic.write_atomically(directory, step.name, step.data, MODES[step.name])
            except OSError:
                if kept:
                    # For a link to the same file a rename does nothing, so its second name has to be removed.
                    os.rename(kept, step.name, src_dir_fd=directory, dst_dir_fd=directory)
                    _atomic.remove(directory, kept)
                raise
            here, there = os.fstat(directory), os.stat(step.path, follow_symlinks=False)
            if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
                raise ShimError("act", step.path, "was replaced while it was written", "run the task again")
            return kept
    except OSError as error:
        raise ShimError(
            "act", step.path, "cannot be written ({0})".format(error.strerror), "check the file system"
        ) from error


def _set_aside(directory: int, step: Step) -> Optional[str]:
    """Give what stands in a file's place a second name, which containerd does not read; None when nothing is kept.

    It stays inside the bundle: next to it, it would keep containerd from deleting the bundle (row G5).
    """
    if step.before.kind == "absent" or not (step.keep or step.before.kind == "directory"):
        return None
    taken, number, kept = os.listdir(directory), 0, KEPT + step.name
    while kept in taken:
        number += 1
        kept = "{0}{1}.{2}".format(KEPT, step.name, number)
    if step.before.kind == "directory":
        # It cannot have two names; containerd could not have read it either.
        os.rename(step.name, kept, src_dir_fd=directory, dst_dir_fd=directory)
    else:
        os.link(step.name, kept, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
    return kept
