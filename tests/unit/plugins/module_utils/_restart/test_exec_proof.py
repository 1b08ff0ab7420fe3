# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exec proof: which tasks, and each result."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import command
from ansible_collections.shimops.containerd.plugins.module_utils._host.command import Output
from ansible_collections.shimops.containerd.plugins.module_utils._restart import exec_proof
from ansible_collections.shimops.containerd.tests.unit.support.observations import a_daemon

RUNC = "ctr: OCI runtime exec failed: exec failed: unable to start container process: exec: "
NO_RUNC = (
    "ctr: OCI runtime exec failed: unable to retrieve OCI runtime error (open log.json: no such file or directory): "
    'exec: "runc": executable file not found in $PATH: unknown'
)
NO_SOCKET = 'ctr: connection error: desc = "transport: dial unix /run/c.sock: connect: no such file or directory"'


def test_tasks_are_named_with_their_namespace():
    assert exec_proof.wanted(["k8s.io/abc", "default/x"]) == [("k8s.io", "abc"), ("default", "x")]
    for name in ("abc", "/abc", "ns/", "a/b/c", "-n/x"):
        with pytest.raises(ShimError, match="options: exec_proof=.* is no task; name it as namespace/id"):
            exec_proof.wanted([name])


@pytest.mark.parametrize(
    "said, result, part",
    [
        (Output(0, "anything", ""), "works", ""),
        (Output(1, "", RUNC + '"true": executable file not found in $PATH: unknown'), "no_command", "has no true"),
        (Output(1, "", RUNC + '"true": stat /bin/true: no such file or directory'), "no_command", "has no true"),
        (Output(1, "", NO_RUNC), "failed", "runc"),
        (Output(1, "", NO_SOCKET), "failed", "dial unix"),
        (Output(1, "", "ctr: task nope: not found"), "failed", "not found"),
        (Output(7, "", ""), "failed", "status 7"),
        (Output(None, "", ""), "timed_out", "10 s"),
    ],
)
def test_what_an_exec_came_to(said, result, part):
    found, reason = exec_proof.judge(said, ["true"])
    assert found == result and found in exec_proof.RESULTS and part in reason


def test_only_our_own_exec_is_ended(monkeypatch):
    ran = []

    def run(argv, _deadline):
        ran.append(argv[5:])
        return Output(None, "", "")

    monkeypatch.setattr(command, "run", run)
    (row,) = exec_proof.prove([("ns", "one")], ["true", "x"], a_daemon())
    assert row["result"] == "timed_out"
    (first, second) = ran
    assert first[:3] == ["tasks", "exec", "--exec-id"] and first[4:] == ["one", "true", "x"]
    assert second == ["tasks", "kill", "--signal", "SIGKILL", "--exec-id", first[3], "one"]


def test_a_container_without_the_command_is_no_failure():
    def row(result):
        return {"namespace": "ns", "id": "one", "result": result, "reason": "why"}

    assert exec_proof.failure([row("works"), row("no_command")]) == "" == exec_proof.failure([])
    assert exec_proof.failure([row("works"), row("failed")]) == "exec in ns/one failed: why"
    assert exec_proof.failure([row("timed_out"), row("failed")]) == "exec in ns/one timed out: why (and 1 more)"
