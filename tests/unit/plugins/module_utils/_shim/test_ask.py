# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What shims say: captured answers replayed, and every bad manner, over real sockets."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._shim import answers as answered
from ansible_collections.shimops.containerd.plugins.module_utils._shim import ask as stage
from ansible_collections.shimops.containerd.plugins.module_utils._shim import conversation, messages
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import Question
from ansible_collections.shimops.containerd.plugins.module_utils._shim.ask import ask
from ansible_collections.shimops.containerd.tests.unit.support import captured
from ansible_collections.shimops.containerd.tests.unit.support import scripted_shim as scripted
from ansible_collections.shimops.containerd.tests.unit.support.scripted_shim import V2, V3, ScriptedShim, ok, status

# Too short for silence, long enough for an answer on a busy machine; and what no test waits for.
SHORT, LONG = 0.5, 30
CONNECT = ok("ConnectResponse", shim_pid=411, task_pid=430)
STATE = ok("StateResponse", id="plain1", pid=430, status=2)
PIDS = ok("PidsResponse", processes=[{"pid": 430}, {"pid": 431}])


def question(shim, identifier="plain1", namespace="default"):
    path = shim if isinstance(shim, str) else shim.path
    return Question(namespace, identifier, Endpoint("unix", path, "ttrpc"))


def healthy(shim, service=V2):
    shim.on(service, "Connect", CONNECT)
    shim.on(service, "State", STATE)
    shim.on(service, "Pids", PIDS)
    return shim


def asked(shim, shim_timeout=LONG, deadline=LONG, pids=True, identifier="plain1"):
    return ask([("it", question(shim, identifier))], Deadline(deadline), shim_timeout, pids)["it"]


@pytest.mark.parametrize("out, reported", [("/run/f/one-stdout", True), ("", True), ("/" + 5000 * "x", False)])
def test_where_the_log_goes(out, reported):
    with ScriptedShim() as shim:
        healthy(shim).on(V2, "State", ok("StateResponse", pid=430, status=2, stdout=out, stderr="file:///x"))
        found = asked(shim)
    assert found.status == "running" and found.stdio == ((out, "file:///x") if reported else None)


@contextlib.contextmanager
def shims(count):
    with contextlib.ExitStack() as stack:
        yield [healthy(stack.enter_context(ScriptedShim())) for _number in range(count)]


# Real answers

STATUS = {"running": "running", "created": "created", "paused": "paused", "exited_7": "stopped", "unknown_id": None}
STATUS["runc_off_path"] = "running"


@pytest.mark.parametrize("condition", captured.CONDITIONS)
@pytest.mark.parametrize("release", captured.RELEASES)
def test_what_a_real_shim_said(release, condition):
    with ScriptedShim() as shim:
        identifier = captured.replay(shim, release, condition)
        found = asked(shim, identifier=identifier)
    served = captured.SERVED[release]
    other = {"v2": "v3", "v3": "v2"}[served]
    assert (found.service, found.failure, found.asked) == (served, None, True)
    assert {name: reply.code for name, reply in found.connect.items()} == {served: 0, other: 12}
    assert found.connect[other].text == "Unimplemented"
    assert found.status == STATUS[condition]
    known = captured.answers(release, condition).get("init_pid")
    if condition == "unknown_id":
        # Connect never fails: an unknown id gets pid 0 (recovery-spec 5).
        assert (found.task_pid, found.pids, found.pids_failure[0]) == (0, None, 5)
        assert found.shim_pid in (0, captured_shim_pid(release))
    elif condition == "exited_7":
        assert found.task_pid > 0 and (found.pids, found.pids_failure) == ([], None)
    elif condition == "runc_off_path":
        assert found.task_pid == known
        assert (found.pids, found.pids_failure[0]) == (None, 2) and "executable file not found" in found.pids_failure[1]
    else:
        assert found.task_pid in found.pids and found.task_pid == (known or found.task_pid)


def captured_shim_pid(release):
    with ScriptedShim() as shim:
        return asked(shim, identifier=captured.replay(shim, release, "running")).shim_pid


@pytest.mark.parametrize("release", captured.RELEASES)
def test_a_real_wait_tells_how_the_task_ended(release):
    book = captured.answers(release, "wait_exit_7")
    data = bytes.fromhex(book["calls"][0]["response"])[10:]
    ended = messages.decode("WaitResponse", messages.decode("Response", data).payload)
    assert ended.exit_status == 7
    assert book["asked_at"] < ended.exited_at.seconds + ended.exited_at.nanos / 1e9 < book["answered_at"]


# What is sent


def test_only_harmless_questions_are_sent_each_with_its_namespace_and_time():
    with ScriptedShim() as shim:
        healthy(shim)
        ask([("it", question(shim, namespace="k8s.io"))], Deadline(LONG), 7)
        sent = [(request.service, request.method) for request in shim.requests]
        assert sent == [(V3, "Connect"), (V2, "Connect"), (V3, "State"), (V2, "State"), (V2, "Pids")]
        for request in shim.requests:
            assert request.metadata == {"containerd-namespace-ttrpc": "k8s.io"}
            # containerd has no deadline for Pids, so it is waited for longer.
            assert 0 < request.timeout_nano <= (21e9 if request.method == "Pids" else 7e9)
            assert messages.decode("ConnectRequest", request.payload).id == "plain1"
        # One connection, from Connect to Pids, as containerd does it.
        assert len(shim.connections) == 1


def test_each_task_of_a_shared_shim_has_its_own_connection():
    with ScriptedShim() as shim:
        healthy(shim)
        found = ask([(name, question(shim, name)) for name in ("pod", "app", "sidecar")], Deadline(LONG), LONG)
        assert [one.service for one in found.values()] == 3 * ["v2"]
        assert len(shim.connections) == 3


def test_without_pids_none_are_asked_for():
    with ScriptedShim() as shim:
        found = asked(healthy(shim), pids=False)
        assert (found.service, found.pids, found.pids_failure) == ("v2", None, None)
        assert "Pids" not in [request.method for request in shim.requests]


def test_nothing_to_ask():
    assert ask([], Deadline(LONG), LONG) == {}


def test_a_shim_that_serves_both_versions_is_asked_on_at_the_newer():
    with ScriptedShim() as shim:
        found = asked(healthy(healthy(shim), V3))
        assert found.service == "v3" and {reply.code for reply in found.connect.values()} == {0}
        assert [request.service for request in shim.requests] == [V3, V2, V3, V2, V3]


# Bad manners


def test_a_shim_that_never_answers_connect():
    with ScriptedShim() as shim:
        shim.on(V3, "Connect", scripted.silence())
        found = asked(shim, SHORT)
    assert (found.service, found.failure[0], found.asked, found.pids_failure) == (None, "D3", True, None)


def test_a_shim_that_never_answers_the_second_version():
    with ScriptedShim() as shim:
        shim.on(V2, "Connect", scripted.silence())
        found = asked(shim, SHORT)
    assert found.failure[0] == "D3" and found.connect["v3"].code == 12 and "v2" not in found.connect


def test_a_version_that_answers_is_not_hidden_by_one_that_does_not():
    with ScriptedShim() as shim:
        healthy(shim).on(V3, "Connect", scripted.silence())
        found = asked(shim, SHORT)
    assert (found.service, found.failure, found.status, found.pids) == ("v2", None, "running", [430, 431])
    # What a containerd would find that asks the other one is not known.
    assert "v3" not in found.connect and found.greeted < SHORT


def test_an_answer_after_its_time_does_not_count():
    with ScriptedShim() as shim, ThreadPoolExecutor(1) as background:
        healthy(shim)
        late, pids = shim.hold(V3, "Connect", status(12)), shim.hold(V2, "Pids", PIDS)
        result, clock = background.submit(asked, shim, SHORT), Deadline(LONG)
        while "Pids" not in [request.method for request in shim.requests]:
            assert clock.sleep(0.01)
        late.release()
        pids.release()
        found = result.result()
    assert (found.service, found.pids) == ("v2", [430, 431]) and "v3" not in found.connect


def test_too_little_time_proves_nothing_of_a_shim():
    with ScriptedShim() as shim:
        shim.on(V3, "Connect", scripted.silence())
        found = asked(shim, LONG, deadline=SHORT)
        assert (found.failure[0], found.asked) == ("D3", False)
        found = asked(shim, LONG, deadline=0)
        assert (found.failure[0], found.asked) == ("D3", False)


@pytest.mark.parametrize(
    "manner",
    [
        scripted.close(),
        scripted.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        scripted.raw(bytes(64)),
        scripted.raw(b"\xff" * 64),
        scripted.huge(5 << 20),
        scripted.stream_data(b"x"),
        scripted.on_stream(99, CONNECT),
        scripted.both(scripted.partly(CONNECT, 12), scripted.close()),
        scripted.raw(scripted.frame(1, b"\xff\xff\xff")),
    ],
    ids=["closes", "http", "zeros", "ones", "huge", "data frame", "other stream", "half a frame", "no response"],
)
def test_a_shim_that_breaks_the_protocol(manner):
    with ScriptedShim() as shim:
        shim.on(V3, "Connect", manner)
        found = asked(shim)
    assert (found.service, found.failure[0], found.asked) == (None, "D5", True) and found.failure[1]


def test_a_shim_that_refuses_connect():
    with ScriptedShim() as shim:
        shim.on(V3, "Connect", status(13, "no\nline " + 500 * "x"))
        shim.on(V2, "Connect", status(5))
        found = asked(shim)
    assert (found.service, found.failure) == (None, None)
    assert {name: reply.code for name, reply in found.connect.items()} == {"v3": 13, "v2": 5}
    assert len(found.connect["v3"].text) < 200


@pytest.mark.parametrize("rule, path", [("D1", "gone"), ("D5", "s/below")])
def test_an_address_without_a_shim(rule, path):
    with ScriptedShim() as shim:
        found = asked(os.path.join(os.path.dirname(shim.path), path))
    assert (found.service, found.failure[0], found.asked) == (None, rule, True)


def test_an_id_that_is_no_text_is_an_answer_too():
    with ScriptedShim() as shim:
        found = asked(healthy(shim), identifier=os.fsdecode(b"\xff"))
    assert found.service is None and found.failure[0] == "D5"


def test_a_shim_that_never_answers_state_is_still_asked_for_pids():
    with ScriptedShim() as shim:
        healthy(shim).on(V2, "State", scripted.silence())
        found = asked(shim, SHORT)
    assert (found.service, found.status, found.failure, found.pids) == ("v2", None, None, [430, 431])


def test_a_shim_that_never_answers_pids():
    with ScriptedShim() as shim:
        healthy(shim).on(V2, "Pids", scripted.silence())
        found = asked(shim, SHORT)
    assert (found.service, found.pids, found.pids_failure[0], found.failure) == ("v2", None, None, None)


def test_a_pids_slower_than_anything_else_may_be_is_an_answer():
    def late(connection, request):
        time.sleep(1.5 * SHORT)
        PIDS(connection, request)

    with ScriptedShim() as shim:
        healthy(shim).on(V2, "Pids", late)
        found = asked(shim, SHORT)
    assert (found.pids, found.pids_failure) == ([430, 431], None)
    assert found.greeted < SHORT < found.elapsed


def test_shims_that_never_answer_pids_are_waited_for_together():
    many = 6 * (os.cpu_count() or 1)
    with contextlib.ExitStack() as stack:
        shims = [stack.enter_context(ScriptedShim()) for _number in range(many)]
        for shim in shims:
            healthy(shim).on(V2, "Pids", scripted.silence())
        clock = Deadline(LONG)
        found = ask([(shim, question(shim)) for shim in shims], Deadline(LONG), SHORT)
    assert {one.pids_failure[0] for one in found.values()} == {None}
    # Three turns of the usual time, and then the rest of the patience once for all.
    assert clock.elapsed() < 3 * SHORT * (1 + 2)


def test_too_little_time_for_pids_is_no_silence():
    with ScriptedShim() as shim:
        healthy(shim).on(V2, "Pids", scripted.silence())
        found = asked(shim, LONG, deadline=2 * SHORT)
    assert (found.service, found.pids, found.pids_failure[0]) == ("v2", None, answered.TOO_LITTLE_TIME)


@pytest.mark.parametrize(
    "manner, code",
    [(scripted.close(), answered.CLOSED), (scripted.raw(b"junkjunkjunk"), answered.BROKEN)],
    ids=["closes", "junk"],
)
def test_a_connection_that_breaks_at_pids_is_no_silence(manner, code):
    with ScriptedShim() as shim:
        healthy(shim).on(V2, "Pids", manner)
        found = asked(shim)
    assert (found.service, found.pids, found.pids_failure[0]) == ("v2", None, code)


def test_pids_that_fail():
    with ScriptedShim() as shim:
        healthy(shim).on(V2, "Pids", status(2, "runc not found"))
        found = asked(shim)
    assert (found.pids, found.pids_failure) == (None, (2, "Unknown (runc not found)"))


def test_nothing_is_left_open():
    with shims(4) as many:
        many[0].on(V3, "Connect", scripted.close())
        many[1].on(V3, "Connect", scripted.silence())
        many[2].on(V2, "Pids", scripted.close())
        questions = {shim.path: question(shim) for shim in many}
        questions["gone"] = question("/nowhere")
        before = len(os.listdir("/proc/self/fd"))
        ask(questions.items(), Deadline(LONG), SHORT)
        # The shims' own ends are open until their tests end.
        assert len(os.listdir("/proc/self/fd")) - sum(len(shim.connections) for shim in many) <= before


# Many at once


def test_one_slow_shim_does_not_delay_the_others():
    with shims(9) as many:
        slow = many[4].hold(V3, "Connect", status(12))
        held = [shim.hold(V2, "State", STATE) for shim in many if shim is not many[4]]
        with ThreadPoolExecutor(1) as background:
            result = background.submit(ask, [(shim.path, question(shim)) for shim in many], Deadline(LONG), LONG)
            # All others are past Connect while the slow one is not.
            for state in held:
                state.release()
            assert "Pids" not in [request.method for request in many[4].requests]
            slow.release()
            found = result.result()
    assert {one.service for one in found.values()} == {"v2"} and {len(one.pids) for one in found.values()} == {2}


def test_a_hung_shim_costs_the_others_nothing():
    with shims(5) as many:
        for service in (V3, V2):
            many[2].on(service, "Connect", scripted.silence())
        found = ask([(shim.path, question(shim)) for shim in many], Deadline(LONG), SHORT)
    hung = found.pop(many[2].path)
    assert hung.failure[0] == "D3"
    assert {(one.service, one.failure, len(one.pids)) for one in found.values()} == {("v2", None, 2)}


def test_all_connects_are_in_flight_at_once():
    meeting = threading.Barrier(24)

    def meet(connection, request):
        meeting.wait(20)
        status(12)(connection, request)

    with shims(24) as many:
        for shim in many:
            shim.on(V3, "Connect", meet)
        found = ask([(shim.path, question(shim)) for shim in many], Deadline(LONG), LONG)
    assert {one.service for one in found.values()} == {"v2"} and not meeting.broken


@pytest.mark.parametrize("processors", [1, 2, None])
def test_pids_are_in_flight_at_most_two_per_processor(monkeypatch, processors):
    monkeypatch.setattr(stage.os, "cpu_count", lambda: processors)
    limit = 2 * (processors or 1)
    meeting, lock, flight = threading.Barrier(limit), threading.Lock(), {"now": 0, "most": 0}

    def count(connection, request):
        with lock:
            flight["now"] += 1
            flight["most"] = max(flight["most"], flight["now"])
        # As many as are allowed do meet; more would be seen while these wait.
        meeting.wait(20)
        time.sleep(0.02)
        with lock:
            flight["now"] -= 1
        PIDS(connection, request)

    with shims(3 * limit) as many:
        for shim in many:
            shim.on(V2, "Pids", count)
        found = ask([(shim.path, question(shim)) for shim in many], Deadline(LONG), LONG)
    assert flight["most"] == limit and not meeting.broken
    assert {len(one.pids) for one in found.values()} == {2}


def test_bytes_that_trickle_win_no_time():
    with ScriptedShim() as shim:
        shim.on(V3, "Connect", scripted.slowly(status(2, "x" * 100), 0.05))
        found = asked(shim, SHORT)
    assert (found.service, found.failure[0], found.asked) == (None, "D3", True)


def test_bytes_that_never_pause_delay_nobody():
    """A hostile shim that goes on sending part of one frame of the largest size, a byte at a time."""

    def flood(connection, request):
        connection.send(scripted.frame(request.stream_id, b"", length=4 << 20))
        while not connection.over.is_set():
            connection.send(b"x")

    with shims(3) as many:
        for service in (V3, V2):
            many[1].on(service, "Connect", flood)
        clock = Deadline(LONG)
        found = ask([(shim.path, question(shim)) for shim in many], Deadline(LONG), SHORT)
        many[1].connections[0].close()
    assert found.pop(many[1].path).failure[0] in ("D3", "D5") and clock.elapsed() < LONG / 2
    assert {(one.service, len(one.pids)) for one in found.values()} == {("v2", 2)}


def test_answers_that_came_while_we_could_not_run_are_heard_before_any_clock_ends(monkeypatch):
    """On a busy host this process may stand still for longer than a shim's patience: that is no silence of the shim."""
    real = stage.Conversation.begin

    def begin(talk):
        real(talk)
        time.sleep(1.5 * SHORT)

    monkeypatch.setattr(stage.Conversation, "begin", begin)
    with shims(3) as many:
        found = ask([(shim.path, question(shim)) for shim in many], Deadline(LONG), SHORT, pids=False)
    assert {(one.service, one.failure) for one in found.values()} == {("v2", None)}


def test_more_shims_than_descriptors(monkeypatch):
    monkeypatch.setattr(stage, "_descriptors", lambda wanted: 2)
    with shims(9) as many:
        found = ask([(shim.path, question(shim)) for shim in many], Deadline(LONG), LONG)
    assert {(one.service, len(one.pids)) for one in found.values()} == {("v2", 2)}


def test_no_descriptor_says_nothing_of_the_shim(monkeypatch):
    def none_left(*_arguments):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(conversation, "dial", none_left)
    found = asked("/nowhere")
    assert (found.asked, found.failure) == (False, ("D3", "it could not be asked: Too many open files"))


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "raised", "room"),
    [
        (1024, 4096, 500, None, 500),
        (1024, 4096, 2000, 2128, 2000),
        (1024, 4096, 9000, 4096, 3968),
        (64, 64, 9, 64, 1),
        (1024, -1, 9000, 9128, 9000),
        (-1, -1, 9000, None, 9000),
    ],
)
def test_the_limit_of_descriptors_is_raised_as_far_as_it_goes(monkeypatch, soft, hard, wanted, raised, room):
    given = []
    monkeypatch.setattr(stage.resource, "getrlimit", lambda kind: (soft, hard))
    monkeypatch.setattr(stage.resource, "setrlimit", lambda kind, limits: given.append(limits))
    assert stage._descriptors(wanted) == room
    assert given == ([] if raised is None else [(raised, hard)])


# For people


def test_answers_in_one_line():
    with ScriptedShim() as shim:
        assert asked(healthy(shim)).brief() == "v3: Unimplemented, v2: ok"
        shim.on(V2, "Connect", status(5, "gone"))
        assert asked(shim).brief() == "v3: Unimplemented, v2: NotFound (gone)"
    assert asked("/nowhere").brief() == "the socket file is missing"


def test_the_next_question_is_made_while_shims_answer():
    """What a caller reads for the next shim costs no time of those that were asked already."""
    answered = []

    def questions(many):
        for number, shim in enumerate(many):
            answered.append(sum(bool(one.requests) for one in many[:number]))
            yield shim.path, question(shim)

    with shims(40) as many:
        found = ask(questions(many), Deadline(LONG), LONG, pids=False)
    assert len(found) == 40 and 0 < answered[-1] and answered == sorted(answered)


def test_questions_that_nobody_had_time_for_have_answers_too():
    found = ask(((number, question("/nowhere")) for number in range(40)), Deadline(0), LONG)
    assert len(found) == 40 and {(one.asked, one.failure[0]) for one in found.values()} == {(False, "D3")}
