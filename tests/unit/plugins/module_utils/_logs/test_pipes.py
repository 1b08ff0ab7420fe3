# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log FIFOs as they are held open, on real FIFOs of this very process."""

from __future__ import annotations

import os
import stat
from types import SimpleNamespace

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import look_up
from ansible_collections.shimops.containerd.plugins.module_utils._logs import pipes
from ansible_collections.shimops.containerd.tests.unit.support.observations import a_daemon, said


def a_task(identifier="one", **fields):
    """A case as far as its log goes: this process is the shim."""
    answers = said(shim_pid=os.getpid(), task_pid=os.getpid(), **fields)
    entry = SimpleNamespace(namespace="ns", id=identifier)
    return SimpleNamespace(entry=entry, bundle=SimpleNamespace(pod=None), status="running", best_answers=answers)


@pytest.fixture
def fifo(tmp_path):
    """A FIFO with both ends open here, as a shim has them; gives its path and the function that opens more."""
    path, opened = str(tmp_path / "one-stdout"), []
    os.mkfifo(path)

    def hold(flags, where=path):
        opened.append(os.open(where, flags | os.O_NONBLOCK))
        return opened[-1]

    hold(os.O_RDONLY)
    hold(os.O_WRONLY)
    yield path, hold
    for handle in opened:
        os.close(handle)


def file_of(path):
    status = os.stat(path)
    return status.st_dev, status.st_ino


def verdict(**fields):
    alive = {"pid": os.getpid()}
    return dict({"namespace": "ns", "id": "one", "pod": None, "verdict": "reattached", "after": alive}, **fields)


def test_ends_have_path_file_and_access_and_handles_are_none(fifo):
    path, hold = fifo
    hold(os.O_PATH)
    mine = [end for end in pipes.ends(os.getpid()) if end.path == path]
    assert sorted(end.access for end in mine) == [os.O_RDONLY, os.O_WRONLY]
    assert {end.file for end in mine} == {file_of(path)}


def test_a_removed_fifo_is_still_known_by_its_name_and_file(fifo):
    path, _hold = fifo
    file = file_of(path)
    os.unlink(path)
    assert {end.file for end in pipes.ends(os.getpid()) if end.path == path} == {file}


def test_a_process_that_is_gone_has_no_files_to_be_seen():
    assert pipes.ends(2**22 + 1) is None
    assert pipes.reading(a_daemon(process=None)) is None


def test_outlets_are_what_the_shim_holds(fifo):
    path, _hold = fifo
    found = list(pipes.outlets([a_task(stdio=(path, ""))]).values())
    (outlet,) = found[0]
    assert len(found) == 1
    assert (outlet.stream, outlet.file, outlet.shim_pid) == ("stdout", file_of(path), os.getpid())
    assert stat.S_ISFIFO(os.fstat(outlet.descriptor).st_mode)


@pytest.mark.parametrize(
    "stdio", [("", ""), ("file:///var/log/x", "binary:///bin/logger?x"), ("/nowhere", "/etc/passwd")]
)
def test_what_is_no_fifo_of_the_shim_is_no_outlet(stdio):
    assert pipes.outlets([a_task(stdio=stdio)]) == {("ns", "one"): []}


def test_a_shim_that_does_not_tell_is_not_known():
    assert pipes.outlets([a_task(stdio=None)]) == {("ns", "one"): None}
    silent = a_task()
    silent.best_answers = None
    assert pipes.outlets([silent]) == {("ns", "one"): None}


def test_the_new_containerd_has_to_hold_the_same_fifo(fifo):
    path, _hold = fifo
    daemon, book = a_daemon(process=look_up(os.getpid())), {}
    observations = [a_task(stdio=(path, "")), a_task("null", stdio=("", "")), a_task("mute", stdio=None)]
    pipes.record(book, observations, daemon)
    assert book["logs"] == {"ns/one": [["stdout", *file_of(path), True]], "ns/null": [], "ns/mute": None}
    rows = [verdict(), verdict(id="null"), verdict(id="mute"), verdict(id="late"), verdict(after={"pid": None})]
    heard = pipes.with_log_status(rows, book, daemon, observations, Deadline(0))
    assert [row["log"] for row in heard] == ["read", "none", "unknown", "unknown", "none"]
    assert pipes.unread(heard) == []


def test_a_fifo_that_nobody_holds_any_more_is_unread(fifo, tmp_path):
    path, _hold = fifo
    book = {}
    pipes.record(book, [a_task(stdio=(path, ""))], a_daemon(process=look_up(os.getpid())))
    book["logs"]["ns/one"][0][2] += 1
    rows = pipes.with_log_status(
        [verdict(), verdict(verdict="orphaned")], book, a_daemon(process=look_up(os.getpid())), [], Deadline(0.5)
    )
    assert [row["log"] for row in rows] == ["not_read", "not_read"]
    # The orphan is lost already, and counted there.
    (row,) = pipes.unread(rows)
    assert row["id"] == "one" and "does not hold the reading end of its stdout" in row["reason"]


def test_a_fifo_that_stays_full_is_held_and_not_read(fifo):
    path, hold = fifo
    writer, book = hold(os.O_WRONLY), {}
    observations, daemon = [a_task(stdio=(path, ""))], a_daemon(process=look_up(os.getpid()))
    pipes.record(book, observations, daemon)
    os.write(writer, bytes(65536))
    (row,) = pipes.with_log_status([verdict()], book, daemon, observations, Deadline(0.5))
    assert row["log"] == "not_read" and "does not empty it" in row["log_reason"]


def test_a_ledger_without_logs_says_nothing():
    (row,) = pipes.with_log_status([verdict()], {}, a_daemon(process=look_up(os.getpid())), [], Deadline(0))
    assert row["log"] == "unknown"


def test_a_second_entry_changes_nothing(fifo):
    path, _hold = fifo
    book, observations = {}, [a_task(stdio=(path, ""))]
    pipes.record(book, observations, a_daemon(process=look_up(os.getpid())))
    pipes.record(book, observations, a_daemon(process=None))
    assert book["logs"]["ns/one"][0][3] is True
