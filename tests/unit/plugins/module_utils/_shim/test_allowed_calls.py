# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._shim import allowed_calls


@pytest.mark.parametrize("service", ["containerd.task.v2.Task", "containerd.task.v3.Task"])
@pytest.mark.parametrize("method", ["Connect", "Pids", "State", "Wait"])
def test_what_only_looks_may_be_sent(service, method):
    allowed_calls.check(service, method, "/s")


def test_nothing_else_may_be_sent():
    """The whole list, so that nobody adds to it in passing."""
    assert allowed_calls.METHODS == {"Connect", "Pids", "State", "Wait"}
    assert allowed_calls.SERVICES == {"containerd.task.v2.Task", "containerd.task.v3.Task"}
    refused = [
        ("containerd.task.v2.Task", method)
        for method in ("Create", "Start", "Delete", "Pause", "Resume", "Checkpoint", "Kill", "Exec", "ResizePty")
        + ("CloseIO", "Update", "Stats", "Shutdown", "connect", "Connect ", "")
    ]
    refused += [("containerd.runtime.sandbox.v1.Sandbox", "PingSandbox"), ("", "Connect"), ("other.Task", "Wait")]
    for service, method in refused:
        with pytest.raises(ShimError, match="only Connect, Pids, State, Wait") as caught:
            allowed_calls.check(service, method, "/s")
        assert (caught.value.stage, caught.value.subject) == ("ask", "/s")
