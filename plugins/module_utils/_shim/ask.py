# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask: what a shim says of its task, each service version by its own answer. Internal to the collection.

Sent: Connect to both versions, State, and Pids, which makes the shim run ``runc ps`` (recovery-spec 4.3).
All Connects go out at once; Pids at most two per CPU in flight, each with its own clock.
"""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Dict, Hashable, List, Mapping, NamedTuple, Optional, Tuple, TypeVar, Union

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import DeadlineExceeded, ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._shim import messages
from ansible_collections.shimops.containerd.plugins.module_utils._shim.dial import NotConnected, dial
from ansible_collections.shimops.containerd.plugins.module_utils._shim.grpc_channel import (
    GrpcAnswer,
    GrpcChannel,
    GrpcMissing,
)
from ansible_collections.shimops.containerd.plugins.module_utils._shim.status import task_status_name
from ansible_collections.shimops.containerd.plugins.module_utils._shim.ttrpc_channel import Answer, Channel, HungUp

OK, NOT_FOUND, UNIMPLEMENTED = 0, 5, 12
#: What no shim can have answered.
TOO_LITTLE_TIME, BROKEN, CLOSED = -1, -2, -3
SERVICES = {"v3": "containerd.task.v3.Task", "v2": "containerd.task.v2.Task"}
# containerd sets no deadline for Pids (recovery-spec 1.7): a shim counts as silent only after so many times the
# patience for any other answer.
_SLOW = 3
# More waiting threads than this cost more than they save.
_AT_ONCE = 256
_LONGEST_PATH = 4096
_Key = TypeVar("_Key", bound=Hashable)


class Question(NamedTuple):
    """Which task to ask for, and where."""

    namespace: str
    id: str
    endpoint: Endpoint


class Reply(NamedTuple):
    """The status one call ended with: a google.rpc.Code and the server's words."""

    code: int
    text: str


class Answers(NamedTuple):
    """What a shim said. Nothing is filled in that was not said.

    ``connect`` has a Reply per service version; ``service`` is the newest version that knows Connect;
    ``failure`` is (rule, reason) when no usable answer came, ``asked`` false when that says nothing of the shim;
    ``pids`` is None unless the shim listed them, with ``pids_failure`` (code, reason) when it should have and did not:
    the code is None for silence, TOO_LITTLE_TIME when it cannot be called that, CLOSED when the shim hung up, and
    BROKEN for what is no answer.
    ``state_code`` is the status State ended with, None when it was not asked. ``elapsed`` is how long Connect and Pids
    took, ``greeted`` Connect alone, in seconds. ``stdio`` is where the task's stdout and stderr go: the path of a FIFO,
    the URI of a file or a logger, or nothing.
    """

    connect: Dict[str, Reply]
    service: Optional[str]
    shim_pid: Optional[int]
    task_pid: Optional[int]
    status: Optional[str]
    pids: Optional[List[int]]
    pids_failure: Optional[Tuple[Optional[int], str]]
    failure: Optional[Tuple[str, str]]
    elapsed: float
    asked: bool
    state_code: Optional[int] = None
    stdio: Optional[Tuple[str, str]] = None
    greeted: float = 0.0

    def brief(self) -> str:
        """The answers in one line for people: ``v3: Unimplemented, v2: ok``."""
        if not self.connect:
            return self.failure[1] if self.failure else ""
        return ", ".join(
            "{0}: {1}".format(name, self.connect[name].text) for name in sorted(self.connect, reverse=True)
        )


class TtrpcChannel(Channel):
    """A ttrpc connection on which both versions of the task service can be asked for."""

    versions = ("v3", "v2")

    def __init__(self, connection: socket.socket):
        super().__init__(connection)
        self._connection = connection

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


_AnyChannel = Union[TtrpcChannel, GrpcChannel]
_AnyAnswer = Union[Answer, GrpcAnswer]


class _Conversation:
    """One connection to one shim, from Connect to Pids."""

    def __init__(self, question: Question, shim_timeout: float, deadline: Deadline):
        self._question = question
        self._timeout = shim_timeout
        self._whole = deadline
        self._channel: Optional[_AnyChannel] = None
        self._waiting, self._fair, self._pids_clock = False, False, deadline
        self.answers = Answers({}, None, None, None, None, None, None, ("D3", "it was not asked in time"), 0.0, False)

    def greet(self) -> None:
        """Connect and State; any failure is an answer too."""
        clock, fair = self._clock()
        try:
            self._channel = _open(self._question.endpoint, clock)
            self._connect(self._channel, clock)
        except GrpcMissing as error:
            self._fail("A8", error.problem, clock, sure=False)
        except NotConnected as error:
            self._fail(error.rule, error.reason, clock)
        except DeadlineExceeded:
            self._fail("D3", "the shim accepts connections but does not answer", clock, sure=fair)
        except ShimError as error:
            self._fail("D5", error.problem, clock)

    def _connect(self, channel: _AnyChannel, clock: Deadline) -> None:
        for name in channel.versions:
            answer = self._call(
                channel, name, "Connect", messages.encode("ConnectRequest", id=self._question.id), clock
            )
            self.answers.connect[name] = Reply(answer.code, _words(answer))
            self.answers = self.answers._replace(failure=None, elapsed=clock.elapsed(), asked=True)
            self.answers = self.answers._replace(greeted=self.answers.elapsed)
            if answer.code == OK and not self.answers.service:
                body = messages.decode("ConnectResponse", answer.payload)
                self.answers = self.answers._replace(service=name, shim_pid=body.shim_pid, task_pid=body.task_pid)
        service = self.answers.service
        if not service:
            return
        state = self._call(channel, service, "State", messages.encode("StateRequest", id=self._question.id), clock)
        self.answers = self.answers._replace(state_code=state.code)
        if state.code == OK:
            said = messages.decode("StateResponse", state.payload)
            stdio = (said.stdout, said.stderr) if max(len(said.stdout), len(said.stderr)) <= _LONGEST_PATH else None
            self.answers = self.answers._replace(status=task_status_name(said.status), stdio=stdio)

    def ask_pids(self) -> None:
        """Pids, on the same connection, with a clock of its own.

        A shim that does not answer in the usual time is left to await_pids(), so that it keeps no other from its turn.
        """
        if not self.answers.service or self._channel is None:
            return
        patience = _SLOW * self._timeout
        self._fair, self._pids_clock = self._whole.remaining() >= patience, self._whole.within(patience)
        request = messages.encode("PidsRequest", id=self._question.id)
        try:
            seconds = self._pids_clock.remaining()
            self._channel.send(SERVICES[self.answers.service], "Pids", request, seconds, self._question.namespace)
        except ShimError as error:
            self._pids_failed(error)
            return
        self._waiting = True
        self._receive(self._pids_clock.within(self._timeout))

    def await_pids(self) -> None:
        """The rest of the patience for a Pids that was asked and not answered."""
        if self._waiting:
            self._receive(self._pids_clock)

    def _receive(self, clock: Deadline) -> None:
        if self._channel is None:
            return
        try:
            answer = self._channel.receive(clock)
        except DeadlineExceeded as error:
            if self._pids_clock.expired():
                self._pids_failed(error)
            return
        except ShimError as error:
            self._pids_failed(error)
            return
        self._waiting = False
        if answer.code != OK:
            self._pids_ended(None, (answer.code, _words(answer)))
            return
        try:
            listed = [process.pid for process in messages.decode("PidsResponse", answer.payload).processes]
            self._pids_ended(listed, None)
        except ShimError as error:
            self._pids_failed(error)

    def _pids_failed(self, error: ShimError) -> None:
        self._waiting = False
        if isinstance(error, DeadlineExceeded):
            self._pids_ended(None, (None if self._fair else TOO_LITTLE_TIME, "no answer to Pids"))
        else:
            self._pids_ended(None, (CLOSED if isinstance(error, HungUp) else BROKEN, error.problem))

    def _pids_ended(self, pids: Optional[List[int]], failure: Optional[Tuple[Optional[int], str]]) -> None:
        took = self.answers.elapsed + self._pids_clock.elapsed()
        self.answers = self.answers._replace(pids=pids, pids_failure=failure, elapsed=took)

    def _clock(self) -> Tuple[Deadline, bool]:
        """The time for one shim, and whether the deadline of all leaves it whole: else silence says nothing."""
        return self._whole.within(self._timeout), self._whole.remaining() >= self._timeout

    def close(self) -> None:
        """Hang up; the shim sees an end of file and does nothing."""
        if self._channel:
            self._channel.close()

    def _call(self, channel: _AnyChannel, version: str, method: str, request: bytes, clock: Deadline) -> _AnyAnswer:
        return channel.call(SERVICES[version], method, request, clock, self._question.namespace)

    def _fail(self, rule: str, reason: str, clock: Deadline, sure: bool = True) -> None:
        # A shim that answered Connect and then broke off has not failed Connect.
        if not self.answers.service:
            self.answers = self.answers._replace(failure=(rule, reason), elapsed=clock.elapsed(), asked=sure)


def ask(
    questions: Mapping[_Key, Question], deadline: Deadline, shim_timeout: float, pids: bool = True
) -> Dict[_Key, Answers]:
    """Ask every shim once.

    :param questions: by any key of the caller's.
    :param deadline: for all of them together.
    :param shim_timeout: seconds for one shim's Connect, and three times as many for its Pids.
    :param pids: whether to ask Pids too.
    :returns: Answers under the same keys. Nothing is raised for a shim: silence is an answer.
    """
    talks = {key: _Conversation(question, shim_timeout, deadline) for key, question in questions.items()}
    if not talks:
        return {}
    try:
        with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(talks))) as crowd:
            list(crowd.map(_Conversation.greet, talks.values()))
        if pids:
            with ThreadPoolExecutor(max_workers=2 * (os.cpu_count() or 1)) as queue:
                list(queue.map(_Conversation.ask_pids, talks.values()))
            with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(talks))) as crowd:
                list(crowd.map(_Conversation.await_pids, talks.values()))
    finally:
        for talk in talks.values():
            talk.close()
    return {key: talk.answers for key, talk in talks.items()}


def _open(endpoint: Endpoint, clock: Deadline) -> _AnyChannel:
    if endpoint.protocol == "grpc":
        return GrpcChannel(endpoint)
    return TtrpcChannel(dial(endpoint, clock))


def _words(answer: _AnyAnswer) -> str:
    if answer.code == OK:
        return "ok"
    return (
        answer.status_name
        if answer.code == UNIMPLEMENTED
        else "{0} ({1})".format(answer.status_name, answer.message[:120])
    )
