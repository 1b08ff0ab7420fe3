# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may be asked of a shim: the one allow-list, whatever the transport. Pure. Internal to the collection."""

from __future__ import annotations

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError

#: The task service of the shims of containerd 1.6 and 1.7, and that of 2.0 and later: ``api/runtime/task``.
SERVICES = frozenset(("containerd.task.v2.Task", "containerd.task.v3.Task"))
#: Sent to shims: these, and nothing else ever. None of them changes a task.
METHODS = frozenset(("Connect", "Pids", "State", "Wait"))


def check(service: str, method: str, subject: str) -> None:
    """Let a question pass that only looks.

    :param subject: the shim it is meant for.
    :raises ShimError: for every other service or method; it must not be sent.
    """
    if service not in SERVICES or method not in METHODS:
        problem = "was not sent {}/{}: only {} of the task service are ever sent".format(
            service, method, ", ".join(sorted(METHODS))
        )
        raise ShimError("ask", subject, problem)
