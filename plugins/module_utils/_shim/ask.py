# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask: what a shim says of its task, each service version by its own answer. Internal to the collection.

Sent: Connect and State to both versions, and Pids, which makes the shim run ``runc ps`` (recovery-spec 4.3).
All Connects are in flight at once; Pids at most two per CPU, each with its own clock. One thread waits for all of them.
"""

from __future__ import annotations

import os
import resource
import select
from collections import deque
from typing import Deque, Dict, Hashable, Iterable, Iterator, List, Tuple, TypeVar

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import Answers, Question
from ansible_collections.shimops.containerd.plugins.module_utils._shim.conversation import Conversation

# So many are dialled before what has come is heard: a shim is not called slow because we were busy dialling.
_DIALLED_AT_ONCE = 8
# Seconds without any answer after which those still silent keep the others no longer from their Pids.
_QUIET = 0.05
# Descriptors that are left for everything else.
_SPARE = 128
# Connections for which there always is room, at first.
_FEW = 256
_Key = TypeVar("_Key", bound=Hashable)


def ask(
    questions: Iterable[Tuple[_Key, Question]], deadline: Deadline, shim_timeout: float, pids: bool = True
) -> Dict[_Key, Answers]:
    """Ask every shim once.

    :param questions: each with a key of the caller's; they are made while shims that were asked already answer.
    :param deadline: for all of them together.
    :param shim_timeout: seconds for one shim's Connect, and three times as many for its Pids.
    :param pids: whether to ask Pids too.
    :returns: Answers under the same keys. Nothing is raised for a shim: silence is an answer.
    """
    talks: Dict[_Key, Conversation] = {}

    def begun() -> Iterator[Conversation]:
        for key, question in questions:
            talks[key] = Conversation(question, shim_timeout, deadline)
            yield talks[key]

    waiting = begun()
    _Loop(waiting, deadline, pids).run()
    for _not_asked in waiting:
        pass
    return {key: talk.answers for key, talk in talks.items()}


class _Loop:
    """The conversations that await an answer, by descriptor, and those that wait for their turn."""

    def __init__(self, talks: Iterator[Conversation], deadline: Deadline, pids: bool):
        self._to_dial = talks
        self._all_dialled = False
        self._to_ask_pids: Deque[Conversation] = deque()
        self._pids = pids
        self._deadline = deadline
        self._open: Dict[int, Conversation] = {}
        self._greeting = 0
        self._turns = 2 * (os.cpu_count() or 1)
        self._in_turn: List[Conversation] = []
        self._quiet = False
        self._room = _descriptors(_FEW)
        # Never later than the first clock of an open conversation.
        self._next = deadline

    def run(self) -> None:
        """Ask until each has answered or its clock is over."""
        self._poll = select.epoll()
        try:
            while self._open or self._to_ask_pids or self._may_dial():
                self._dial()
                self._give_turns()
                self._hear()
        finally:
            self._poll.close()
            for talk in [*self._open.values(), *self._to_ask_pids]:
                talk.close()

    def _may_dial(self) -> bool:
        return not self._all_dialled and not self._deadline.expired()

    def _can_dial(self) -> bool:
        return self._may_dial() and self._has_room()

    def _has_room(self) -> bool:
        connected = len(self._open) + len(self._to_ask_pids)
        if connected >= self._room:
            self._room = _descriptors(2 * connected)
        return connected < self._room

    def _dial(self) -> None:
        for _number in range(_DIALLED_AT_ONCE):
            if not self._can_dial():
                return
            talk = next(self._to_dial, None)
            if talk is None:
                self._all_dialled = True
                return
            talk.begin()
            if talk.awaits:
                self._greeting += 1
                self._await(talk)
            else:
                talk.close()

    def _give_turns(self) -> None:
        """Pids begins when all have been greeted, or the rest is silent."""
        if self._can_dial() or (self._greeting and not self._quiet):
            return
        while self._to_ask_pids and len(self._in_turn) < self._turns:
            talk = self._to_ask_pids.popleft()
            talk.ask_pids()
            if talk.awaits:
                self._in_turn.append(talk)
                self._await(talk)
            else:
                talk.close()

    def _hear(self) -> None:
        """Hear those who have answered, then give up those whose clock was over before that."""
        if not self._open:
            return
        late: List[Conversation] = []
        if self._next.expired():
            late = [talk for talk in self._open.values() if talk.clock.expired()]
            self._next = min((talk.clock for talk in self._open.values()), key=Deadline.remaining)
        heard = self._poll.poll(0 if late else self._patience(), len(self._open))
        self._quiet = self._quiet or not (heard or self._may_dial())
        for descriptor, _event in heard:
            talk = self._open[descriptor]
            kind = talk.awaits
            talk.hear()
            if not talk.awaits:
                self._ended(descriptor, kind)
        for talk in late:
            kind = talk.awaits
            if kind and talk.give_up():
                self._ended(talk.fileno(), kind)
            elif kind and talk in self._in_turn:
                # It keeps no other from its turn.
                self._in_turn.remove(talk)
                self._wake_by(talk.clock)

    def _patience(self) -> float:
        """Seconds until something has to be done anyway."""
        if self._can_dial():
            return 0
        waiting_for_quiet = self._to_ask_pids and self._greeting and not self._quiet
        # Rounded up: the rest of a millisecond is a wait, not a busy loop.
        return min(self._next.remaining() + 0.001, _QUIET if waiting_for_quiet else 3600)

    def _await(self, talk: Conversation) -> None:
        self._open[talk.fileno()] = talk
        self._poll.register(talk.fileno(), select.EPOLLIN)
        self._wake_by(talk.clock)

    def _wake_by(self, clock: Deadline) -> None:
        if clock.remaining() < self._next.remaining():
            self._next = clock

    def _ended(self, descriptor: int, kind: str) -> None:
        talk = self._open.pop(descriptor)
        self._poll.unregister(descriptor)
        if kind == "greeting":
            self._greeting -= 1
            if self._pids and talk.answers.service:
                self._to_ask_pids.append(talk)
                return
        elif talk in self._in_turn:
            self._in_turn.remove(talk)
        talk.close()


def _descriptors(wanted: int) -> int:
    """How many connections may be open at once, at best as many as wanted; the soft limit is raised for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted + _SPARE:
        raised = wanted + _SPARE if hard == resource.RLIM_INFINITY else min(hard, wanted + _SPARE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        soft = raised
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _SPARE))
