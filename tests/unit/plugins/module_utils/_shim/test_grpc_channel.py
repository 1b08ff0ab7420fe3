# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shims that speak gRPC: asked where the node has grpcio, else unknown and at risk, never healthy."""

from __future__ import annotations

import os
import sys

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import Bundle, File
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint, candidates
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.scan import Entry
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.forecast import forecast
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import look_up
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import CLASSES, ReleaseClass
from ansible_collections.shimops.containerd.plugins.module_utils._shim import grpc_channel
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import Question
from ansible_collections.shimops.containerd.plugins.module_utils._shim.ask import ask

grpc = pytest.importorskip("grpc", reason="grpcio is not installed here")

from ansible_collections.shimops.containerd.tests.unit.support.grpc_shim import GrpcShim  # noqa: E402


def alive():
    """What a shim with one running task says; a test may run in another process than the one that imported it."""
    me = os.getpid()
    return {"Connect": {"shim_pid": 7, "task_pid": me}, "State": {"status": 2}, "Pids": {"processes": [{"pid": me}]}}


# Version 3 in both files: rows A7 and A8 of recovery-spec 10.2, with the worst of where releases race.
EXPECTED = {"V16": "killed", "V17": "killed", "V20a": "killed", "V20b": "killed"}


def asked(path):
    """The answers of the gRPC shim behind that path."""
    return ask([("one", Question("default", "one", Endpoint("unix", path, "grpc")))], Deadline(10), 2)["one"]


def observed(path):
    """A live bundle whose bootstrap.json and address name that shim, asked wherever any release would dial."""
    entry = Entry("default", "one", "/nowhere/one", "bundle", 0.0)
    params = File("file", b'{"version":3,"address":"%s","protocol":"grpc"}' % path.encode())
    binary = File("file", b"/bin/sh")
    me = look_up(os.getpid())
    bundle = Bundle(
        "default", "one", "/nowhere/one", 0.0, False, None, params, params, binary, None, "fifo", None, "one", me
    )
    questions = {place: Question("default", "one", place) for place in candidates(bundle, CLASSES)}
    return Observation(entry, bundle, True, True, False, ask(questions.items(), Deadline(10), 2))


def test_grpc_shim_is_asked():
    with GrpcShim(**alive()) as shim:
        said = asked(shim.path)
    assert (said.service, said.shim_pid, said.task_pid, said.status, said.pids) == (
        "v3",
        7,
        os.getpid(),
        "running",
        [os.getpid()],
    )
    assert said.failure is None


@pytest.mark.parametrize("name", CLASSES)
def test_forecast_of_a_healthy_grpc_shim(name):
    with GrpcShim(**alive()) as shim:
        found = forecast(observed(shim.path), ReleaseClass(name, True, (name,)), 5.0)
    assert found.outcome == EXPECTED.get(name, "reattached")
    assert found.at_risk == (found.outcome != "reattached")


def test_refusing_grpc_shim_is_killed():
    with GrpcShim(Connect=grpc.StatusCode.INTERNAL) as shim:
        found = forecast(observed(shim.path), ReleaseClass("V22", True, ("V22",)), 5.0)
    assert (found.outcome, found.rule, found.at_risk) == ("killed", "D6", True)


def test_dead_grpc_shim_is_killed(tmp_path):
    found = forecast(observed(str(tmp_path / "gone")), ReleaseClass("V22", True, ("V22",)), 5.0)
    assert (found.outcome, found.at_risk) == ("killed", True)


def test_without_grpcio_nobody_knows(monkeypatch):
    with GrpcShim(**alive()) as shim:
        monkeypatch.setitem(sys.modules, "grpc", None)
        said = asked(shim.path)
        found = forecast(observed(shim.path), ReleaseClass("V22", True, ("V22",)), 5.0)
    assert not said.asked
    assert (found.outcome, found.at_risk) == ("unknown", True)
    assert "no grpcio" in said.failure[1]


def test_nothing_but_questions_is_sent():
    with GrpcShim(Kill={}) as shim:
        channel = grpc_channel.GrpcChannel(Endpoint("unix", shim.path, "grpc"))
        with pytest.raises(ShimError, match="only Connect"):
            channel.queue("containerd.task.v3.Task", "Kill", b"", 2, "default")
        channel.close()
