# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restart enters into its ledger when the old containerd is gone, and what it sees of the processes."""

from __future__ import annotations

import types

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import HostObservations
from ansible_collections.shimops.containerd.plugins.module_utils._host import configuration, processes
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import CLASSES
from ansible_collections.shimops.containerd.plugins.module_utils._restart import ledger, restart, verify
from ansible_collections.shimops.containerd.plugins.module_utils._restart.restart import Restart
from ansible_collections.shimops.containerd.plugins.module_utils._shim.status import NOT_FOUND, OK
from ansible_collections.shimops.containerd.tests.unit.support.observations import (
    HERE,
    a_bundle,
    a_case,
    a_daemon,
    parameters,
    said,
    silent,
)


@pytest.fixture
def saved():
    return []


@pytest.fixture
def one(saved):
    """A restart of a host on which nothing is really done."""
    logs = types.SimpleNamespace(enter=lambda book, observations, daemon: None)
    host = types.SimpleNamespace(options={}, clock=lambda: Deadline(1), logs=logs, save=saved.append)
    return Restart(host, a_daemon(), ["/bin/false"])


def observed(answers):
    return a_case(a_bundle(parameters(3)), {HERE: answers}, CLASSES[-1])


@pytest.mark.parametrize(
    "answers, entered",
    [
        (said(status="running", state_code=OK), True),
        (said(status="paused", state_code=OK), True),
        (silent("D3"), True),
        (said(status="created", state_code=OK), False),
        (said(status=None, task_pid=None, pids=None, state_code=NOT_FOUND), False),
    ],
)
def test_a_latecomer_joins_the_ledger_once_its_client_was_answered(one, saved, monkeypatch, answers, entered):
    monkeypatch.setattr(restart, "observe", lambda *_gone, known: HostObservations([observed(answers)], {}))
    book = ledger.new("run", a_daemon(), [], 0.0)
    one._add_latecomers(book)
    assert [task["id"] for task in book["tasks"]] == (["plain1"] if entered else [])
    assert saved == ([book] if entered else [])


def test_when_a_process_was_last_seen_and_when_it_was_first_gone(one, monkeypatch):
    times, lives = iter([10.0, 20.0, 30.0, 40.0]), iter([True, True, False, False])
    monkeypatch.setattr(restart, "wall_clock", lambda: next(times))
    monkeypatch.setattr(verify, "alive", lambda task: next(lives))
    book = ledger.new("run", a_daemon(), [observed(said(state_code=OK))], 0.0)
    (key,) = (ledger.incarnation(task) for task in book["tasks"])
    seen = [one._ends(book) for _round in range(4)]
    assert [ends.alive_at.get(key) for ends in seen] == [10.0, 20.0, 20.0, 20.0]
    assert [ends.dead_by.get(key) for ends in seen] == [None, None, 30.0, 30.0]


def test_the_new_containerd_is_in_the_ledger_before_its_phase_is(one, monkeypatch):
    anew = a_daemon(process=Process(77, 5678), address="/run/containerd/moved.sock")
    phases = []
    host = one._host
    host.options.update(restart_timeout=5, settle=0)
    host.logs.sample = lambda: None
    host.upgrade = types.SimpleNamespace(served=lambda book: None)
    host.enter_phase = lambda book, phase: phases.append((phase, book["verified_by"]["pid"], len(book["moments"])))
    monkeypatch.setattr(restart, "observe", lambda *_gone, known: HostObservations([], {}))
    monkeypatch.setattr(one._events, "follow", lambda argv: phases.append(argv[:3]))
    monkeypatch.setattr(one, "_serving", lambda: anew)
    watched = one._watch(types.SimpleNamespace(code=lambda: None), ledger.new("run", a_daemon(), [], 0.0))
    assert watched == restart.Watched("")
    assert phases[1:] == [("restarted", 77, 1)] and anew.address in phases[0]


def test_one_that_systemd_started_itself_before_this_restart_is_not_the_new_one(one, monkeypatch):
    """containerd had crashed, and systemd starts it again; the restart that is under way ends that one, too."""
    one._daemon, codes, asked = a_daemon(process=None), [0, None, None], []
    host = one._host
    host.options.update(restart_timeout=5, settle=0)
    host.logs.sample = lambda: None
    host.upgrade = types.SimpleNamespace(served=lambda book: None)
    host.enter_phase = lambda book, phase: asked.append(phase)
    monkeypatch.setattr(one._events, "follow", lambda argv: None)
    monkeypatch.setattr(one, "_serving", lambda: a_daemon(process=Process(77 if codes else 78, 5678)))
    book = ledger.new("run", a_daemon(process=None), [], 0.0)
    running = types.SimpleNamespace(code=lambda: codes.pop() if codes else 0)
    assert one._watch(running, book) == restart.Watched("")
    assert (book["verified_by"]["pid"], asked) == (78, ["restarted"])


def test_what_serves_is_found_where_the_configuration_moved_it(one, monkeypatch):
    moved = "/run/containerd/moved.sock"
    one._daemon = a_daemon(configured=configuration.USUAL._replace(address=moved))
    served = {moved: 78, one._daemon.address: 79}
    monkeypatch.setattr(restart, "peer", lambda address, deadline: types.SimpleNamespace(pid=served[address]))
    monkeypatch.setattr(processes, "look_up", lambda pid: Process(pid, 5678) if pid else None)
    assert (one._serving().address, one._serving().process.pid) == (moved, 78)
    served[moved] = 0
    assert (one._serving().address, one._serving().process.pid) == (one._daemon.address, 79)
    one._daemon = one._daemon._replace(process=Process(79, 5678))
    assert one._served_anew() is None


@pytest.mark.parametrize(
    "settle, problem, rounds", [(0, "", [120]), (7, "", [0, 120]), (7, "it is gone", [0]), (0, "it is gone", [0])]
)
def test_verdicts_are_taken_again_only_after_a_wait(one, monkeypatch, settle, problem, rounds):
    clocks, there = [], a_daemon(process=Process(77, 5678))

    def taken(book, ends, clock, known=None):
        clocks.append(clock.remaining())
        return there, []

    host = one._host
    host.options.update(restart_timeout=120, settle=settle)
    host.proven_verdicts = taken
    host.close = lambda *words: words
    host.upgrade = types.SimpleNamespace(wrong_release=lambda daemon: "")
    monkeypatch.setattr(one, "_settle", lambda book, daemon, clock: None)
    one._conclude(ledger.new("run", a_daemon(), [], 0.0), None, restart.Watched(problem))
    assert clocks == [pytest.approx(seconds, abs=30) for seconds in rounds]
