# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything the forecast may know of one entry, gathered by the stages before it. Pure. Internal to the collection."""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._recovery.ask import Answers
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.bundle import Bundle
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.scan import Entry


class Found(NamedTuple):
    """What was found of a task's shim without believing the files of its bundle.

    ``places`` are the sockets it may serve the task on, ``shim`` is its process, None when it is dead, and ``owned``
    are those places that answer as that process and that it listens on by the kernel's word. ``binary`` is a shim
    binary that is proven to be of the task's runtime, else ``binary_problem`` says why there is none.
    """

    places: Tuple[Endpoint, ...]
    shim: Optional[Process]
    owned: Tuple[Endpoint, ...]
    binary: Optional[str]
    binary_problem: Optional[str]
    facts: Dict[str, object] = {}


class Case(NamedTuple):
    """One entry of the state directory with its answers.

    ``bundle`` is None for an entry that is no bundle. ``has_record``, ``runtime_resolves`` and
    ``in_sandbox_store`` are None when nobody could say. ``answers`` is keyed by endpoint. ``runtime`` is the path in
    the bundle, or the name in its container record; ``runtime_path`` the file it leads to, which the package of the
    installed release ``shipped_by`` brought, or nobody knows who; ``shim_runs`` whether it can be executed.
    ``writable`` and ``nodev`` speak of the bundle's file system, ``mounts_db`` of containerd's own file beside the
    bundles, ``cwd`` of containerd. ``found`` is None where no shim had to be searched for.
    """

    entry: Entry
    bundle: Optional[Bundle]
    has_record: Optional[bool]
    runtime_resolves: Optional[bool]
    in_sandbox_store: Optional[bool]
    answers: Dict[Endpoint, Answers]
    runtime: Optional[str] = None
    runtime_path: Optional[str] = None
    shipped_by: Optional[str] = None
    shim_runs: Optional[bool] = None
    writable: Optional[bool] = None
    nodev: Optional[bool] = None
    mounts_db: bool = True
    cwd: str = "/"
    found: Optional[Found] = None

    @property
    def best_answers(self) -> Optional[Answers]:
        """The answers of the endpoint that said most."""
        found = sorted(self.answers.values(), key=lambda said: (said.service is not None, said.failure is None))
        return found[-1] if found else None

    @property
    def status(self) -> Optional[str]:
        """The task's status by its shim, else ``running`` while its init process lives, else None."""
        said = self.best_answers
        if said and said.status and said.status != "unknown":
            return said.status
        return "running" if self.bundle and self.bundle.init else None

    @property
    def live(self) -> bool:
        """Whether there is a task that a restart could lose."""
        return self.status in ("created", "running", "paused", "pausing")
