# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observation: everything the forecast may know of one entry of the state directory. Pure. Internal."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import Bundle
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.scan import Entry
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host.ctr import Task
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import Answers
from ansible_collections.shimops.containerd.plugins.module_utils._shim.status import NOT_FOUND


class SearchResult(NamedTuple):
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
    facts: Dict[str, Any] = {}


class _Worth(NamedTuple):
    """What the answers of one endpoint are worth; the first difference decides."""

    knows_init: bool
    serves: bool
    usable: bool


class Observation(NamedTuple):
    """One entry of the state directory, or one task that has none there. None means that something is not known.

    :ivar bundle: None for an entry that is not a bundle.
    :ivar listed: containerd's row for a task without an entry in the state directory.
    :ivar has_record: whether containerd has a container of that id.
    :ivar in_sandbox_store: whether containerd's sandbox store has it.
    :ivar answers: what its shim answered, by endpoint.
    :ivar runtime: the path in the bundle, or the name in the container record.
    :ivar runtime_path: the file that the runtime leads to.
    :ivar runtime_resolves: whether there is such a file.
    :ivar shipped_by: the installed release whose package has that file.
    :ivar shim_runs: whether the file can be executed.
    :ivar packaged_path: where a package could install the file, when there is none.
    :ivar resolves_in_1_6: whether containerd 1.6 alone finds a file of that name.
    :ivar runc_found: whether the OCI runtime is there that the shim's delete would call.
    :ivar stored_by: the class of the running containerd, which keeps the sandbox store.
    :ivar writable: whether the bundle's file system can be written; ``takes_names`` and ``nodev`` are of it, too.
    :ivar mounts_db: whether containerd's own file next to the bundles can be used.
    :ivar cwd: containerd's working directory.
    :ivar found: None where no shim had to be searched for.
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
    packaged_path: Optional[str] = None
    resolves_in_1_6: bool = False
    runc_found: Optional[bool] = None
    stored_by: Optional[str] = None
    writable: Optional[bool] = None
    takes_names: Optional[bool] = None
    nodev: Optional[bool] = None
    mounts_db: bool = True
    cwd: str = "/"
    found: Optional[SearchResult] = None
    listed: Optional[Task] = None

    def require_bundle(self) -> Bundle:
        """The bundle, where the caller has only entries that are one; raises ShimError for another."""
        if self.bundle is None:
            raise ShimError("scan", self.entry.path, "is not a bundle", "report this, it is a defect")
        return self.bundle

    @property
    def best_answers(self) -> Optional[Answers]:
        """The answers of the endpoint that knows the task's init process, else of the one that said most."""
        if len(self.answers) == 1:
            return next(iter(self.answers.values()))
        init = self.bundle.init if self.bundle else None

        def worth(said: Answers) -> _Worth:
            knows_init = init is not None and said.task_pid == init.pid
            return _Worth(knows_init, said.service is not None, said.failure is None)

        found = sorted(self.answers.values(), key=worth)
        return found[-1] if found else None

    @property
    def status(self) -> Optional[str]:
        """The task's status by its shim, else ``running`` while its init process lives, else None.

        That of a task without a bundle is containerd's word.
        """
        if self.listed:
            return self.listed.status
        said = self.best_answers
        if said and said.status and said.status != "unknown":
            return said.status
        return "running" if self.bundle and self.bundle.init else None

    @property
    def pod_names(self) -> Optional[Dict[str, str]]:
        """The Kubernetes names, as Bundle.pod_names() gives them."""
        return self.bundle.pod_names() if self.bundle else None

    @property
    def being_made(self) -> bool:
        """Whether its shim has not started it; its process is there before its shim knows the task."""
        said = self.best_answers
        return self.status == "created" or (said is not None and said.state_code == NOT_FOUND)

    @property
    def live(self) -> bool:
        """Whether there is a task that a restart could lose."""
        if self.listed:
            # Whatever containerd calls it: what is not known to have ended could be lost.
            return self.listed.status != "stopped"
        return self.status in ("created", "running", "paused", "pausing")


class HostObservations(NamedTuple):
    """Everything that was observed of one host at one time.

    :ivar all: each entry of the state directory, then each task that has none there.
    :ivar tasks: containerd's own task list by namespace and id; None where it did not answer.
    """

    all: List[Observation]
    tasks: Optional[Dict[str, Dict[str, Task]]]
