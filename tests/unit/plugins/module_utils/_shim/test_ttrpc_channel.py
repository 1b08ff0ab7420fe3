# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import select
import socket
import struct
import tracemalloc

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._errors import DeadlineExceeded, ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._shim import messages
from ansible_collections.shimops.containerd.plugins.module_utils._shim.ttrpc_channel import Answer, Channel
from ansible_collections.shimops.containerd.tests.unit.support import scripted_shim as scripted
from ansible_collections.shimops.containerd.tests.unit.support.scripted_shim import V2, V3, ScriptedShim, ok, status

ID = messages.encode("ConnectRequest", id="rec7-w")
CONNECTED = ok("ConnectResponse", shim_pid=21567, task_pid=21592)
WAITED = ok("WaitResponse", exit_status=7)

# Frames that were really exchanged: a Connect to task.v3, the answer of a 1.7.24 shim and of a 2.3.4 shim.
REAL_REQUEST = bytes.fromhex(
    "0000005a000000010100"
    "0a17636f6e7461696e6572642e7461736b2e76332e5461736b1207436f6e6e6563741a080a06726563372d772080bcc1960b"
    "2a260a1a636f6e7461696e6572642d6e616d6573706163652d747472706312087265637465737437"
)
REAL_UNIMPLEMENTED = bytes.fromhex(
    "000000250000000102000a23080c121f7365727669636520636f6e7461696e6572642e7461736b2e76332e5461736b"
)
REAL_CONNECTED = bytes.fromhex("0000000a000000010200120808bfa80110d8a801")


# Time enough for what must come; a test that waits it out has failed.
SOON = 20


@pytest.fixture
def shim():
    with ScriptedShim() as server:
        server.on(V2, "Connect", CONNECTED)
        yield server


@pytest.fixture
def channel(shim):
    with shim.connect() as sock:
        yield Channel(sock)


@pytest.fixture
def wire():
    """A channel, and the bare other end of its socket."""
    mine, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with mine, other:
        other.settimeout(20)
        yield Channel(mine, "/s"), other


def send(channel, service, method, payload=ID, seconds=5, namespace="n"):
    stream_id = channel.queue(service, method, payload, seconds, namespace)
    channel.flush()
    return stream_id


def receive(channel):
    """The next answer; all others that are there are an error."""
    for _count in range(1000):
        answers = channel.receive_ready()
        if answers:
            (answer,) = answers
            return answer
        assert select.select([channel], [], [], SOON)[0], "no answer"
    raise AssertionError("no whole answer")


def connect(channel, seconds=5, service=V2):
    send(channel, service, "Connect", ID, seconds, "rectest7")
    return receive(channel)


# What is sent.


def test_a_question_is_sent_to_the_byte(wire):
    channel, other = wire
    assert send(channel, V3, "Connect", ID, 3, "rectest7") == 1
    assert other.recv(1000) == REAL_REQUEST


def test_stream_ids_are_odd_and_never_used_twice(wire):
    channel, other = wire
    assert [send(channel, V2, "Connect") for _count in range(3)] == [1, 65, 129]
    other.sendall(scripted.frame(1, b""))
    assert receive(channel).stream_id == 1 and send(channel, V2, "Connect") == 193
    data, sent = other.recv(10000), []
    while data:
        length, stream_id, kind, flags = struct.unpack(">IIBB", data[:10])
        sent.append((stream_id, kind, flags))
        data = data[10 + length :]
    assert sent == [(number, 1, 0) for number in (1, 65, 129, 193)]


def test_the_shim_gets_namespace_and_time(shim, channel):
    connect(channel)
    reported = shim.requests[0]
    assert reported.metadata == {"containerd-namespace-ttrpc": "rectest7"}
    assert 0 < reported.timeout_nano <= 5000000000


@pytest.mark.parametrize(
    ("seconds", "nanoseconds"), [(None, 0), (1.5, 1500000000), (1e-12, 1), (float("inf"), 2**63 - 1)]
)
def test_a_time_out_is_sent_in_nanoseconds(wire, seconds, nanoseconds):
    channel, other = wire
    send(channel, V2, "Wait", ID, seconds, "n")
    assert messages.decode("Request", other.recv(1000)[10:]).timeout_nano == nanoseconds


@pytest.mark.parametrize("seconds", [0, 0.0, -1, float("nan")])
def test_no_time_left_is_never_sent_as_no_time_out(wire, seconds):
    channel, other = wire
    with pytest.raises(DeadlineExceeded, match="ask: /s was not asked Pids"):
        send(channel, V2, "Pids", ID, seconds, "n")
    other.setblocking(False)
    with pytest.raises(BlockingIOError):
        other.recv(1)


@pytest.mark.parametrize(
    ("service", "method"),
    [(V2, "Kill"), (V3, "Delete"), (V3, "Shutdown"), ("containerd.runtime.sandbox.v1.Sandbox", "StopSandbox")],
)
def test_what_could_change_a_task_never_reaches_the_wire(wire, service, method):
    channel, other = wire
    with pytest.raises(ShimError, match="only Connect, Pids, State, Wait"):
        send(channel, service, method)
    other.setblocking(False)
    with pytest.raises(BlockingIOError):
        other.recv(1)
    assert send(channel, V2, "Connect") == 1  # and the channel is as good as before


def test_a_question_too_large_for_a_frame_is_not_sent(wire):
    with pytest.raises(ShimError, match="more than the 4194304 a frame can carry"):
        send(wire[0], V2, "Connect", bytes(4 << 20))


def test_a_peer_that_does_not_read_blocks_nobody_and_is_given_no_endless_memory(wire):
    channel, _other = wire
    with pytest.raises(ShimError, match="does not read what it is sent"):
        for _count in range(20):
            send(channel, V2, "Connect", bytes(1 << 20), 5, "n")


def test_what_a_peer_reads_late_arrives_whole(wire):
    channel, other = wire
    payload = bytes(range(256)) * (1 << 12)
    send(channel, V2, "Wait", payload, None, "n")
    send(channel, V2, "Connect", ID, 3, "n")
    got = b""
    for _count in range(1000):
        if got[-len(ID) - 40 :].count(ID):
            break
        channel.receive_ready()
        if select.select([other], [], [], 0)[0]:
            got += other.recv(1 << 16)
    length = struct.unpack(">I", got[:4])[0]
    assert messages.decode("Request", got[10 : 10 + length]).payload == payload
    assert messages.decode("Request", got[20 + length :]).payload == ID


# What is received.


def test_the_answer_of_a_real_2_3_shim(wire):
    channel, other = wire
    other.sendall(REAL_CONNECTED)
    answer = connect(channel, service=V3)
    assert answer == Answer(1, 0, "OK", "", bytes.fromhex("08bfa80110d8a801"))
    assert messages.decode("ConnectResponse", answer.payload).task_pid == 21592


def test_the_answer_of_a_real_1_7_shim_to_v3(wire):
    channel, other = wire
    other.sendall(REAL_UNIMPLEMENTED)
    assert connect(channel, service=V3) == Answer(1, 12, "Unimplemented", "service containerd.task.v3.Task", b"")


def test_v3_then_v2_on_the_same_connection(shim, channel):
    """What containerd 2.0.6 and later do with a shim of 1.7."""
    assert connect(channel, service=V3).status_name == "Unimplemented"
    assert connect(channel, service=V2).code == 0
    assert [request.connection for request in shim.requests] == [0, 0]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (scripted.response(), Answer(1, 0, "OK", "", b"")),
        (scripted.response(status={"code": 0}, payload=b"p"), Answer(1, 0, "OK", "", b"p")),
        (scripted.response(status={"code": 5, "message": "m"}, payload=b"p"), Answer(1, 5, "NotFound", "m", b"")),
        (status(99), Answer(1, 99, "Code(99)", "", b"")),
        (status(-3), Answer(1, -3, "Code(-3)", "", b"")),
    ],
    ids=["nothing", "explicit ok", "payload of a failure", "unknown code", "negative code"],
)
def test_what_a_response_can_say(shim, channel, answer, expected):
    shim.on(V2, "Connect", answer)
    assert connect(channel) == expected


def test_answers_in_another_order(shim, channel):
    first = shim.hold(V2, "State", ok("StateResponse", pid=1))
    second = shim.hold(V2, "Pids", ok("PidsResponse"))
    assert (send(channel, V2, "State"), send(channel, V2, "Pids")) == (1, 65)
    second.release()
    assert receive(channel).stream_id == 65
    first.release()
    assert receive(channel).stream_id == 1


def test_answers_are_given_out_as_they_came(wire):
    channel, other = wire
    for _count in range(3):
        send(channel, V2, "State")
    other.sendall(b"".join(scripted.frame(stream_id, b"") for stream_id in (65, 129, 1)))
    assert [answer.stream_id for answer in channel.receive_ready()] == [65, 129, 1]


def test_a_held_wait_is_polled(shim, channel):
    wait = shim.hold(V2, "Wait", WAITED)
    send(channel, V2, "Wait", ID, None, "n")
    assert connect(channel).code == 0
    assert channel.receive_ready() == []
    wait.release()
    assert select.select([channel], [], [], 20)[0] == [channel]
    (answer,) = channel.receive_ready()
    assert messages.decode("WaitResponse", answer.payload).exit_status == 7
    assert channel.receive_ready() == []


def test_many_questions_at_once(shim, channel):
    shim.on(V2, "State", ok("StateResponse", pid=5))
    asked = {send(channel, V2, "State") for _count in range(200)}
    heard = set()
    while heard != asked:
        assert select.select([channel], [], [], SOON)[0]
        heard |= {answer.stream_id for answer in channel.receive_ready()}


def test_the_largest_frame_is_read(shim, channel):
    payload = bytes((4 << 20) - 5)
    shim.on(V2, "Connect", scripted.response(payload=payload))
    assert connect(channel).payload == payload


def test_a_socket_with_a_time_out_of_its_own(shim):
    with shim.connect() as sock:
        sock.settimeout(0.001)
        shim.on(V2, "Connect", scripted.slowly(CONNECTED, 0.01))
        assert connect(Channel(sock)).code == 0


def test_the_second_half_of_a_frame_may_come_later(wire):
    channel, other = wire
    send(channel, V2, "Connect")
    other.sendall(REAL_CONNECTED[:12])
    assert channel.receive_ready() == []
    other.sendall(REAL_CONNECTED[12:])
    assert receive(channel).payload == REAL_CONNECTED[12:]


# Peers that break the protocol or the connection.

BROKEN = {
    "closes": (scripted.close(), "closed the connection without an answer"),
    "closes within a header": (
        scripted.both(scripted.partly(CONNECTED, 4), scripted.close()),
        "closed the connection within a frame",
    ),
    "closes within the data": (
        scripted.both(scripted.partly(CONNECTED, 12), scripted.close()),
        "closed the connection within a frame",
    ),
    "announces 4 GiB": (scripted.huge(0xFFFFFFFF), "announced 4294967295 bytes"),
    "announces a byte too many": (scripted.huge((4 << 20) + 1), "announced 4194305 bytes"),
    "speaks http": (scripted.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "announced 1213486160 bytes"),
    "sends zeros": (scripted.raw(bytes(64)), "sent a frame of type 0"),
    "sends a request": (scripted.raw(scripted.frame(1, b"", kind=1)), "sent a frame of type 1"),
    "sends stream data": (scripted.stream_data(b"x"), "sent a frame of type 3"),
    "answers a later stream": (scripted.on_stream(3, CONNECTED), "answered stream 3, which was not asked"),
    "answers an even stream": (scripted.on_stream(2, CONNECTED), "answered stream 2, which was not asked"),
    "answers no stream": (scripted.on_stream(0, CONNECTED), "answered stream 0, which was not asked"),
    "sends no message": (scripted.raw(scripted.frame(1, b"\xff\xff")), "sent a response that cannot be read"),
    "sends text that is none": (
        scripted.raw(scripted.frame(1, b"\x0a\x04\x12\x02\xff\xfe")),
        "sent a response that cannot be read",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_peer_is_one_sentence(shim, channel, name):
    answer, sentence = BROKEN[name]
    shim.on(V2, "Connect", answer)
    with pytest.raises(ShimError, match=sentence) as caught:
        connect(channel)
    assert not isinstance(caught.value, DeadlineExceeded)
    assert (caught.value.stage, caught.value.subject) == ("ask", shim.path)
    assert "\n" not in str(caught.value)
    # Nothing more is read from such a peer: its frames can no longer be separated.
    for work in (
        lambda: send(channel, V2, "Connect"),
        lambda: connect(channel),
        channel.receive_ready,
    ):
        with pytest.raises(ShimError) as again:
            work()
        assert again.value is caught.value


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_peer_is_found_by_polling_too(shim, channel, name):
    answer, sentence = BROKEN[name]
    shim.on(V2, "Connect", answer)
    send(channel, V2, "Connect")
    with pytest.raises(ShimError, match=sentence):
        for _count in range(100):
            assert select.select([channel], [], [], 20)[0]
            assert channel.receive_ready() == []


def test_a_second_answer_to_the_same_question(shim, channel):
    shim.on(V2, "Connect", scripted.both(CONNECTED, CONNECTED))
    assert connect(channel).code == 0
    with pytest.raises(ShimError, match="answered stream 1, which was not asked"):
        send(channel, V2, "Pids")
        receive(channel)


def test_what_came_before_the_breach_is_given_out(wire):
    channel, other = wire
    send(channel, V2, "Wait", ID, None, "n")
    send(channel, V2, "Connect")
    other.sendall(REAL_CONNECTED + bytes(10))
    assert [answer.stream_id for answer in channel.receive_ready()] == [1]
    with pytest.raises(ShimError, match="sent a frame of type 0"):
        channel.receive_ready()


def test_an_answer_that_is_followed_by_the_end_counts(wire):
    channel, other = wire
    send(channel, V2, "Connect")
    other.recv(1000)
    other.sendall(REAL_CONNECTED)
    other.close()
    assert receive(channel).code == 0
    with pytest.raises(ShimError, match="closed the connection"):
        channel.receive_ready()


def test_a_peer_that_has_gone_before_it_is_asked(wire):
    channel, other = wire
    other.close()
    with pytest.raises(ShimError, match="ask: /s closed the connection"):
        connect(channel)


def test_a_peer_that_resets_the_connection(wire):
    """It closes with our question unread: as a runc shim does with one who is not root."""
    channel, other = wire
    send(channel, V2, "Connect")
    other.close()
    with pytest.raises(ShimError, match="ask: /s broke the connection: Connection reset by peer"):
        receive(channel)


def test_a_socket_its_owner_has_closed(wire):
    channel, _other = wire
    send(channel, V2, "Connect")
    channel._sock.close()
    with pytest.raises(ShimError, match="Bad file descriptor"):
        receive(channel)


@pytest.mark.parametrize("length", [0xFFFFFFFF, (4 << 20) + 1, 4 << 20])
def test_no_memory_is_set_aside_for_what_is_only_announced(wire, length):
    channel, other = wire
    send(channel, V2, "Connect")
    other.sendall(scripted.frame(1, b"", length=length))
    tracemalloc.start()
    try:
        if length > 4 << 20:
            with pytest.raises(ShimError):
                channel.receive_ready()
        else:
            assert channel.receive_ready() == []
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20
