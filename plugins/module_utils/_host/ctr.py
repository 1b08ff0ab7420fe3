# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""containerd's own client, for what only containerd knows. Internal to the collection.

Every answer is None when ctr did not end in time or failed: an absent answer is never an empty list.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Set

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._host import command

# Namespaces whose tasks are listed at the same time.
_AT_ONCE = 4


class Task(NamedTuple):
    """A row of containerd's task list; ``status`` in lower case, as the shims name it."""

    pid: int
    status: str


class Ctr:
    """The ctr of containerd's own package, which speaks that release's API.

    :param program: where it lies, and the word for it where it is a part of another program.
    :param address: containerd's gRPC socket.
    """

    def __init__(self, program: Sequence[str], address: str):
        self.program = tuple(program)
        self._address = address

    def tasks(self, namespace: str, deadline: Deadline) -> Optional[Dict[str, Task]]:
        """containerd's task list of a namespace, by id."""
        rows = self._rows(namespace, ["tasks", "ls"], deadline)
        if rows is None:
            return None
        return {row[0]: Task(int(row[1]), row[2].lower()) for row in rows if len(row) == 3 and row[1].isdigit()}

    def namespaces(self, deadline: Deadline) -> Optional[List[str]]:
        """containerd's namespaces, also those that hold no task."""
        answer = command.run(self._argv("default", ["namespaces", "ls", "-q"]), deadline)
        return answer.stdout.split() if answer.code == 0 else None

    def all_tasks(self, deadline: Deadline, likely: Iterable[str] = ()) -> Optional[Dict[str, Dict[str, Task]]]:
        """containerd's task lists of all its namespaces, by namespace and id; None where one is not known.

        :param likely: namespaces that it will hardly not have: they are not waited for to be listed first.
        """
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            listed = pool.submit(self.namespaces, deadline)
            early = dict(zip(likely, pool.map(lambda name: self.tasks(name, deadline), likely)))
            names = listed.result()
            rest = [name for name in names or () if name not in early]
            lists = {**early, **dict(zip(rest, pool.map(lambda name: self.tasks(name, deadline), rest)))}
        known = {name: rows for name, rows in lists.items() if rows is not None and name in (names or ())}
        return known if names is not None and len(known) == len(names) else None

    def containers(self, namespace: str, deadline: Deadline) -> Optional[Dict[str, str]]:
        """The runtime name of every container record of a namespace, by id."""
        rows = self._rows(namespace, ["containers", "ls"], deadline)
        return None if rows is None else {row[0]: row[-1] for row in rows if len(row) >= 2}

    def sandboxes(self, namespace: str, deadline: Deadline) -> Optional[Set[str]]:
        """The ids in the sandbox store of a namespace (containerd 1.7 and later)."""
        rows = self._rows(namespace, ["sandboxes", "ls"], deadline)
        return None if rows is None else {row[0] for row in rows}

    def plugins(self, deadline: Deadline) -> Optional[Dict[str, str]]:
        """The status of each plugin of the daemon (``ok``, ``skip``, ``error``) by its URI."""
        rows = self._rows("default", ["plugins", "ls"], deadline)
        return None if rows is None else {"{0}.{1}".format(*row): row[-1] for row in rows if len(row) >= 3}

    def events(self) -> List[str]:
        """The command that prints the ends of tasks of all namespaces, a line for each event, until it is ended."""
        return self._argv("default", ["events", 'topic=="/tasks/exit"', 'topic=="/tasks/delete"'])

    def execute(
        self, namespace: str, identifier: str, exec_id: str, words: Sequence[str], deadline: Deadline
    ) -> command.Output:
        """Run a command in a running task, and wait for its end."""
        return command.run(self._argv(namespace, ["tasks", "exec", "--exec-id", exec_id, identifier, *words]), deadline)

    def end_exec(self, namespace: str, identifier: str, exec_id: str, deadline: Deadline) -> None:
        """Kill the process of one exec, which the task outlives."""
        argv = ["tasks", "kill", "--signal", "SIGKILL", "--exec-id", exec_id, identifier]
        command.run(self._argv(namespace, argv), deadline)

    def _argv(self, namespace: str, words: List[str]) -> List[str]:
        return [*self.program, "--address", self._address, "--namespace", namespace, *words]

    def _rows(self, namespace: str, words: List[str], deadline: Deadline) -> Optional[List[List[str]]]:
        """The rows below the heading of a listing, split into columns."""
        answer = command.run(self._argv(namespace, words), deadline)
        if answer.code != 0:
            return None
        return [line.split() for line in answer.stdout.splitlines()[1:] if line.strip()]
