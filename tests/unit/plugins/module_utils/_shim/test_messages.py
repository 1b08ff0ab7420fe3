# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib.util
import random
import sys
import types

import google.protobuf
import pytest
from google.protobuf import descriptor_pool, message_factory

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._shim import messages

# The data of frames that were really exchanged: a Connect to task.v3, the answer of a 1.7.24 shim and of a 2.3.4 shim.
REQUEST = bytes.fromhex(
    "0a17636f6e7461696e6572642e7461736b2e76332e5461736b"
    + "1207436f6e6e656374"
    + "1a080a06726563372d77"
    + "2080bcc1960b"
    "2a260a1a636f6e7461696e6572642d6e616d6573706163652d747472706312087265637465737437"
)
UNIMPLEMENTED = bytes.fromhex("0a23080c121f7365727669636520636f6e7461696e6572642e7461736b2e76332e5461736b")
CONNECTED = bytes.fromhex("120808bfa80110d8a801")


def test_protobuf_can_be_used_here():
    assert messages.protobuf_problem() is None


def test_a_request_is_written_to_the_byte():
    written = messages.encode(
        "Request",
        service="containerd.task.v3.Task",
        method="Connect",
        payload=messages.encode("ConnectRequest", id="rec7-w"),
        timeout_nano=3000000000,
        metadata=[{"key": "containerd-namespace-ttrpc", "value": "rectest7"}],
    )
    assert written == REQUEST


def test_a_request_is_read_back():
    request = messages.decode("Request", REQUEST)
    assert (request.service, request.method, request.timeout_nano) == ("containerd.task.v3.Task", "Connect", 3000000000)
    assert [(pair.key, pair.value) for pair in request.metadata] == [("containerd-namespace-ttrpc", "rectest7")]
    assert messages.decode("ConnectRequest", request.payload).id == "rec7-w"


def test_real_responses():
    refused = messages.decode("Response", UNIMPLEMENTED)
    assert (refused.status.code, refused.status.message) == (12, "service containerd.task.v3.Task")
    accepted = messages.decode("Response", CONNECTED)
    assert accepted.status.code == 0
    connected = messages.decode("ConnectResponse", accepted.payload)
    assert (connected.shim_pid, connected.task_pid, connected.version) == (21567, 21592, "")


@pytest.mark.parametrize(
    ("name", "fields", "data"),
    [
        ("ConnectResponse", {"shim_pid": 1, "task_pid": 2, "version": "v"}, "080110021a0176"),
        ("StateRequest", {"id": "i", "exec_id": "e"}, "0a0169120165"),
        (
            "StateResponse",
            {
                "id": "i",
                "bundle": "b",
                "pid": 3,
                "status": 2,
                "stdin": "n",
                "stdout": "o",
                "stderr": "r",
                "terminal": True,
                "exit_status": 137,
                "exited_at": {"seconds": 5, "nanos": 6},
                "exec_id": "e",
            },
            "0a0169120162180320022a016e32016f3a017240014889015204080510065a0165",
        ),
        ("PidsRequest", {"id": "i"}, "0a0169"),
        (
            "PidsResponse",
            {"processes": [{"pid": 7}, {"pid": 8, "info": {"type_url": "t", "value": b"v"}}]},
            "0a0208070a0a080812060a0174120176",
        ),
        ("WaitRequest", {"id": "i", "exec_id": "e"}, "0a0169120165"),
        ("WaitResponse", {"exit_status": 7, "exited_at": {"seconds": 1}}, "080712020801"),
    ],
)
def test_every_field_has_the_number_of_shim_proto(name, fields, data):
    """Written by hand from shim.proto: tag = number << 3 | wire type."""
    assert messages.encode(name, **fields).hex() == data
    assert messages.decode(name, bytes.fromhex(data)) == messages.decode(name, messages.encode(name, **fields))


def test_no_bytes_are_a_message_with_all_defaults():
    state = messages.decode("StateResponse", b"")
    assert (state.pid, state.status, state.exited_at.seconds) == (0, 0, 0)
    assert list(messages.decode("PidsResponse", b"").processes) == []


def test_fields_a_later_containerd_adds_are_skipped():
    assert messages.decode("ConnectResponse", bytes.fromhex("0801a2060161")).shim_pid == 1


@pytest.mark.parametrize("data", ["ff", "0a05", "0aff", "120808"])
def test_bytes_that_are_no_message_are_an_error_of_ours(data):
    with pytest.raises(ShimError, match="ask: Response cannot be read") as caught:
        messages.decode("Response", bytes.fromhex(data))
    assert "\n" not in str(caught.value)


def test_no_bytes_whatever_raise_anything_else():
    dice = random.Random(7)
    outcomes = set()
    for _round in range(3000):
        data = bytearray(dice.choice([REQUEST, UNIMPLEMENTED, CONNECTED]))
        for _change in range(3):
            data[dice.randrange(len(data))] = dice.randrange(256)
        try:
            messages.decode(dice.choice(sorted(messages.MESSAGES)), bytes(data[: dice.randrange(len(data) + 1)]))
            outcomes.add("read")
        except ShimError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


@pytest.mark.parametrize(
    "fields",
    [{"id": 5}, {"id": "\udc80"}, {"id": b"\xff"}, {"no_such_field": 1}],
    ids=["int", "escaped", "bytes", "field"],
)
def test_what_does_not_fit_a_field_is_an_error_of_ours(fields):
    with pytest.raises(ShimError, match="ask: ConnectRequest cannot be written"):
        messages.encode("ConnectRequest", **fields)


def _imported_again():
    spec = importlib.util.spec_from_file_location("messages_alone", messages.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pool_of_others_is_left_alone():
    """The default one is everybody's: two releases of this collection in one process would clash there."""
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("shimops.ttrpc.Request")
    again = _imported_again()
    assert again.protobuf_problem() is None
    assert again.decode("ConnectRequest", messages.encode("ConnectRequest", id="x")).id == "x"


@pytest.mark.parametrize(
    "stand_in",
    [
        None,
        types.ModuleType("something_else"),
        types.SimpleNamespace(descriptor_pb2=None, descriptor_pool=None, message_factory=None),
    ],
    ids=["absent", "empty", "too old"],
)
def test_without_protobuf_it_can_be_imported_and_says_so(monkeypatch, stand_in):
    monkeypatch.setitem(sys.modules, "google.protobuf", stand_in)
    alone = _imported_again()
    problem = alone.protobuf_problem()
    assert problem.startswith(f"The Python library protobuf (3.6 or newer) cannot be used by {sys.executable}: ")
    assert problem.endswith(".") and "\n" not in problem
    for work in (lambda: alone.encode("ConnectRequest", id="x"), lambda: alone.decode("ConnectRequest", b"")):
        with pytest.raises(ShimError, match="install the package python3-protobuf"):
            work()


def test_with_protobuf_before_4_22(monkeypatch):
    """It has no GetMessageClass; what it had instead is gone from the newest."""
    get_class = getattr(message_factory, "GetMessageClass", None)
    if get_class is None:
        pytest.skip("this protobuf is that old itself")
    made = []

    class MessageFactory:
        def __init__(self, pool):
            self.pool = pool

        def GetPrototype(self, descriptor):
            assert descriptor.file.pool is self.pool
            made.append(descriptor.name)
            return get_class(descriptor)

    monkeypatch.setattr(google.protobuf, "message_factory", types.SimpleNamespace(MessageFactory=MessageFactory))
    assert _imported_again().encode("ConnectRequest", id="x") == b"\x0a\x01x"
    assert sorted(made) == sorted(messages.MESSAGES)
