# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events: what is read from the lines of ctr, and how much of it is kept."""

from __future__ import annotations

import json
import os
import sys
import time

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._restart import events
from ansible_collections.shimops.containerd.plugins.module_utils._restart.events import Ended, Events, Stream, parse
from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict import Exit

AT = {"seconds": 1764278400, "nanos": 500000000}
KEY = ("k8s.io", "5c2c94f3", 430)


def line(topic="/tasks/exit", namespace="k8s.io", **event):
    said = {"container_id": "5c2c94f3", "id": "5c2c94f3", "pid": 430, "exit_status": 137, "exited_at": AT}
    said.update(event)
    said = {key: value for key, value in said.items() if value is not None}
    return "2025-11-27 21:20:00.6 +0000 UTC {0} {1} {2}".format(namespace, topic, json.dumps(said)).encode()


def test_an_exit_and_a_deletion():
    assert parse(line()) == (KEY, Ended(Exit(137, 1764278400.5), False))
    assert parse(line("/tasks/delete")) == (KEY, Ended(Exit(137, 1764278400.5), True))
    # Up to 2.0 the deletion has no id of its own, and Go leaves out a status of 0.
    assert parse(line("/tasks/delete", id=None)) == (KEY, Ended(Exit(137, 1764278400.5), True))
    assert parse(line(exit_status=None)) == (KEY, Ended(Exit(0, 1764278400.5), False))


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("2025-11-27T21:20:00.5Z", 1764278400.5),
        ("2025-11-27T21:20:00Z", 1764278400.0),
        ("2025-11-27T21:20:00.123456789Z", 1764278400.123456789),
    ],
)
def test_the_time_as_1_6_prints_it(text, seconds):
    assert parse(line(exited_at=text))[1].exit.at == pytest.approx(seconds)


def test_an_exec_is_not_the_task():
    assert parse(line(id="an-exec")) is None


@pytest.mark.parametrize("moment", [None, "", "yesterday", 7, [], {}, {"seconds": "x"}, "2025-11-27T21:20:00+01:00"])
def test_a_deletion_without_a_time_is_one_all_the_same(moment):
    assert parse(line("/tasks/delete", exited_at=moment)) == (KEY, Ended(None, True))


GARBAGE = [
    b"",
    b"\xff\xfe\x00",
    b"2025 x y z k8s.io /tasks/exit {",
    b"2025 x y z k8s.io /tasks/exit {}",
    b"2025 x y z k8s.io /tasks/exit " + b'{"a":' * 100000 + b"1" + b"}" * 100000,
    line(container_id=7),
    line(pid="x"),
    line(pid={}),
    line(exit_status="x", container_id=None),
    line("/tasks/start"),
    line("/tasks/exit extra"),
    line()[:-1],
    line(namespace="a b"),
    line("/tasks/exit", exited_at={"seconds": 10**400})[:60],
]


@pytest.mark.parametrize("number", range(len(GARBAGE)))
def test_garbage_says_nothing(number):
    assert parse(GARBAGE[number]) is None


def test_a_time_beyond_every_clock_is_none():
    for moment in ({"seconds": 10**400}, {"seconds": 1, "nanos": "x"}, "9999-99-99T99:99:99"):
        found = parse(line(exited_at=moment))
        assert found[1].exit is None


# Streams


def follow(program, *arguments):
    """A stream from a program in Python, when the program has ended."""
    stream = Stream([sys.executable, "-c", program, *arguments])
    until(lambda: stream._follower._process.poll() is not None)
    return stream


def until(true):
    for _step in range(1000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came true")


WRITE = "import sys; [sys.stdout.write(one + chr(10)) for one in sys.argv[1:]]"


def test_what_both_say_of_one_task_comes_together():
    exited, deleted = line(exit_status=7).decode(), line("/tasks/delete", exited_at=None).decode()
    stream = follow(WRITE, "noise", exited, deleted)
    until(lambda: stream.ended() == {KEY: Ended(Exit(7, 1764278400.5), True)})


# An event of 16 MiB, 100,000 others, one more that is long, and one that counts.
FLOOD = """
import sys
text, write = sys.argv[1], sys.stdout.write
write("x" * (16 << 20) + chr(10))
for number in range(100000):
    write(text.replace("5c2c94f3", "c%d" % number) + chr(10))
write(text[:-1] + " " * (16 << 20) + "}" + chr(10) + text + chr(10))
"""


def test_a_flood_and_an_event_of_16_mib_are_bounded(monkeypatch):
    monkeypatch.setattr(events, "_MOST", 100)
    stream = Stream([sys.executable, "-c", FLOOD, line().decode()])
    until(lambda: KEY in stream.ended())
    assert len(stream.ended()) == 100 and ("k8s.io", "c99999", 430) in stream.ended()


def test_a_program_that_never_ends_is_closed():
    stream = Stream([sys.executable, "-c", "import time; time.sleep(600)"])
    pid = stream._follower._process.pid
    assert stream.ended() == {}
    stream.close()
    assert not os.path.exists("/proc/{0}".format(pid))
    stream.close()


def test_a_program_that_is_not_there_says_nothing():
    stream = Stream(["/nonexistent/ctr", "events"])
    assert stream.ended() == {}
    stream.close()


def test_only_the_old_containerds_word_is_a_deletion_before_it_was_gone():
    deleted = line("/tasks/delete").decode()
    first, both = Events(), Events()
    for one, lines in ((first, ([deleted], [])), (both, ([], [deleted]))):
        for words in lines:
            one.follow([sys.executable, "-c", WRITE, *words])
    try:
        until(lambda: first.ended() == {KEY: Ended(Exit(137, 1764278400.5), True)})
        until(lambda: both.ended() == {KEY: Ended(Exit(137, 1764278400.5), False)})
    finally:
        first.close()
        both.close()
