# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Conversation: one connection to one shim, from Connect to Pids. Internal to the collection.

Nothing here waits: whoever holds it calls hear() when the connection can be read, and give_up() when its clock is over.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple, Union

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import DeadlineExceeded, ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._shim import messages, status
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import (
    BROKEN,
    CLOSED,
    SERVICES,
    TOO_LITTLE_TIME,
    Answers,
    Question,
    Reply,
)
from ansible_collections.shimops.containerd.plugins.module_utils._shim.dial import NotConnected, dial
from ansible_collections.shimops.containerd.plugins.module_utils._shim.grpc_channel import GrpcChannel, GrpcMissing
from ansible_collections.shimops.containerd.plugins.module_utils._shim.ttrpc_channel import Answer, Channel, HungUp

# containerd sets no deadline for Pids (recovery-spec 1.7): a shim counts as silent only after so many times the
# patience for any other answer.
_SLOW = 3
_LONGEST_PATH = 4096
_AnyChannel = Union[Channel, GrpcChannel]


class Conversation:
    """What is asked of one shim and what it answers.

    ``clock`` is when to give up what is awaited, ``awaits`` what that is: ``greeting``, ``pids`` or nothing.

    :param shim_timeout: seconds for Connect and State, and three times as many for Pids.
    :param whole: the deadline of all conversations.
    """

    def __init__(self, question: Question, shim_timeout: float, whole: Deadline):
        self._question = question
        self._timeout = shim_timeout
        self._whole = whole
        self._channel: Optional[_AnyChannel] = None
        self._open: Dict[int, Tuple[str, str]] = {}
        self._said: Dict[Tuple[str, str], Answer] = {}
        self._fair = True
        self._pids_clock = whole
        self._connect: Dict[str, Reply] = {}
        self._greeted_after = 0.0
        self.clock = whole
        self.awaits = ""
        #: What the shim said so far, filled in when a part of it is over.
        self.answers = Answers(
            self._connect, None, None, None, None, None, None, ("D3", "it was not asked in time"), 0.0, False
        )

    def fileno(self) -> int:
        """The descriptor to wait on while something is awaited."""
        return self._channel.fileno() if self._channel else -1

    def begin(self) -> None:
        """Dial, and ask Connect and State of every version at once; a failure is an answer too."""
        self._fair, self.clock = self._whole.remaining() >= self._timeout, self._whole.within(self._timeout)
        try:
            self._channel = _channel(self._question.endpoint)
            for method in ("Connect", "State"):
                request = messages.encode(method + "Request", id=self._question.id)
                for version in self._channel.versions:
                    self._ask(self._channel, version, method, request)
            self._channel.flush()
            self.awaits = "greeting"
        except GrpcMissing as error:
            self._greeted("A8", error.problem, sure=False)
        except NotConnected as error:
            self._greeted(error.rule, error.reason)
        except DeadlineExceeded:
            self.give_up()
        except ShimError as error:
            self._greeted("D5", error.problem)
        except OSError as error:
            self._greeted("D3", "it could not be asked: {0}".format(error.strerror), sure=False)

    def ask_pids(self) -> None:
        """Pids, on the same connection, with a clock of its own: first the usual time, see give_up()."""
        patience = _SLOW * self._timeout
        self._fair, self._pids_clock = self._whole.remaining() >= patience, self._whole.within(patience)
        self.clock = self._pids_clock.within(self._timeout)
        self.awaits = "pids"
        if self._channel is None or self.answers.service is None:
            return
        try:
            request = messages.encode("PidsRequest", id=self._question.id)
            self._ask(self._channel, self.answers.service, "Pids", request, self._pids_clock)
            self._channel.flush()
        except ShimError as error:
            self._broke(error)

    def _ask(
        self, channel: _AnyChannel, version: str, method: str, request: bytes, clock: Optional[Deadline] = None
    ) -> None:
        seconds = (clock or self.clock).remaining()
        stream = channel.queue(SERVICES[version], method, request, seconds, self._question.namespace)
        self._open[stream] = (version, method)

    def hear(self) -> None:
        """Take in what has come; ``awaits`` is empty once that was all."""
        if self._channel is None:
            return
        try:
            for answer in self._channel.receive_ready():
                self._take(*self._open.pop(answer.stream_id), answer=answer)
            if self.awaits and self._channel.broken:
                # Nothing more will come that the descriptor could announce.
                self._channel.receive_ready()
        except ShimError as error:
            self._broke(error)

    def _take(self, version: str, method: str, answer: Answer) -> None:
        if method == "Pids":
            self._take_pids(answer)
            return
        if self.awaits != "greeting":
            # Too late to count.
            return
        self._said[(version, method)] = answer
        if method == "Connect":
            self._connect[version] = Reply(answer.code, _words(answer))
            self._greeted_after = self.clock.elapsed()
        if len(self._connect) == len(self._versions()):
            service = self._service()
            if not service or (service, "State") in self._said:
                self._greeted()

    def give_up(self) -> bool:
        """The clock is over; returns whether nothing is awaited any more.

        A Pids that did not come in the usual time is awaited on for the rest of its patience.
        """
        if self.awaits != "pids":
            self._greeted("D3", "the shim accepts connections but does not answer", sure=self._fair)
        elif self._pids_clock.expired():
            self._pids_ended(None, (None if self._fair else TOO_LITTLE_TIME, "no answer to Pids"))
        else:
            self.clock = self._pids_clock
        return not self.awaits

    def close(self) -> None:
        """Hang up; the shim sees an end of file and does nothing."""
        if self._channel:
            self._channel.close()

    def _versions(self) -> Tuple[str, ...]:
        return self._channel.versions if self._channel else ()

    def _service(self) -> Optional[str]:
        """The newest version that knows Connect."""
        for version in self._versions():
            if version in self._connect and self._connect[version].code == status.OK:
                return version
        return None

    def _broke(self, error: ShimError) -> None:
        if self.awaits == "pids":
            late = isinstance(error, DeadlineExceeded)
            code = TOO_LITTLE_TIME if late else CLOSED if isinstance(error, HungUp) else BROKEN
            self._pids_ended(None, (code, error.problem))
        else:
            self._greeted("D5", error.problem)

    def _greeted(self, rule: str = "", reason: str = "", sure: bool = True) -> None:
        """Connect and State are over, well or with that failure.

        A shim that answered one version and then broke off has not failed Connect.
        """
        self.awaits = ""
        took = self._greeted_after
        found = self.answers._replace(failure=None, elapsed=took, greeted=took, asked=bool(self._connect) or sure)
        service = self._service()
        if not service:
            if rule:
                found = found._replace(failure=(rule, reason), elapsed=self.clock.elapsed(), asked=sure)
            self.answers = found
            return
        try:
            body = messages.decode("ConnectResponse", self._said[(service, "Connect")].payload)
        except ShimError as error:
            self.answers = found._replace(failure=("D5", error.problem), elapsed=self.clock.elapsed())
            return
        state_code, name, stdio = _state(self._said.get((service, "State")))
        self.answers = found._replace(
            service=service,
            shim_pid=body.shim_pid,
            task_pid=body.task_pid,
            state_code=state_code,
            status=name,
            stdio=stdio,
        )

    def _take_pids(self, answer: Answer) -> None:
        if answer.code != status.OK:
            self._pids_ended(None, (answer.code, _words(answer)))
            return
        listed = [process.pid for process in messages.decode("PidsResponse", answer.payload).processes]
        self._pids_ended(listed, None)

    def _pids_ended(self, pids: Optional[List[int]], failure: Optional[Tuple[Optional[int], str]]) -> None:
        self.awaits = ""
        took = self.answers.elapsed + self._pids_clock.elapsed()
        self.answers = self.answers._replace(pids=pids, pids_failure=failure, elapsed=took)


def _channel(endpoint: Endpoint) -> _AnyChannel:
    return GrpcChannel(endpoint) if endpoint.protocol == "grpc" else Channel(dial(endpoint), endpoint.shown())


def _state(answer: Optional[Answer]) -> Tuple[Optional[int], Optional[str], Optional[Tuple[str, str]]]:
    """The status that State ended with, the task's status, and where its output goes; None for what was not said."""
    if answer is None or answer.code != status.OK:
        return answer.code if answer else None, None, None
    try:
        said = messages.decode("StateResponse", answer.payload)
    except ShimError:
        return answer.code, None, None
    stdio = (said.stdout, said.stderr) if max(len(said.stdout), len(said.stderr)) <= _LONGEST_PATH else None
    return answer.code, status.task_status_name(said.status), stdio


def _words(answer: Answer) -> str:
    if answer.code == status.OK:
        return "ok"
    if answer.code == status.UNIMPLEMENTED:
        return answer.status_name
    return "{0} ({1})".format(answer.status_name, answer.message[:120])
