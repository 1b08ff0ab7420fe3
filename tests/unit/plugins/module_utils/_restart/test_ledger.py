# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: what is entered, and which files are trusted."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.forecast import Forecast
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._restart import ledger, ledger_file
from ansible_collections.shimops.containerd.tests.unit.support.observations import (
    ADDRESS,
    HERE,
    POD,
    a_bundle,
    a_case,
    a_daemon,
    said,
    silent,
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can own a ledger")


def me():
    return processes.look_up(os.getpid())


def a_live_case(identifier="plain1", status="running", **fields):
    """A case whose shim and init process are this very process."""
    heard = said("v2", shim_pid=os.getpid(), task_pid=os.getpid(), pids=[os.getpid()], status=status)
    observed = a_case(a_bundle(None, ADDRESS, id=identifier, init=me(), **fields), {HERE: heard}, "V17")
    return observed._replace(entry=observed.entry._replace(id=identifier))


def a_book(*observations):
    return ledger.new("run-1", a_daemon(), list(observations), 1700000000.0)


# What is entered


def test_a_new_ledger():
    book = a_book(a_live_case(pod=POD))
    assert (book["schema"], book["run_id"], book["phase"], book["times"]) == (
        1,
        "run-1",
        "recorded",
        {"recorded": 1.7e9},
    )
    assert book["daemon"]["pid"] == 51 and book["daemon"]["boot_id"] == processes.boot_id()
    (task,) = book["tasks"]
    assert (task["namespace"], task["id"], task["status"], task["service"]) == ("default", "plain1", "running", "v2")
    assert task["pod"] == {"namespace": "shop", "name": "web1", "uid": POD.uid, "container": "app"}
    assert ledger.process(task["init"]) == ledger.process(task["shim"]) == me()
    assert ledger.endpoint(task["endpoint"]) == HERE


def test_it_survives_being_written_and_read(tmp_path):
    book = a_book(a_live_case(pod=POD), a_live_case("b"))
    assert json.loads(json.dumps(book)) == book


def test_only_tasks_are_entered():
    hidden = a_case(None, {}, "V17", kind="hidden")
    stale = a_case(a_bundle(None, ADDRESS, init=None), {HERE: silent("D2")}, "V17")
    assert a_book(hidden, stale)["tasks"] == []
    stopped = a_live_case("s", status="stopped")
    assert [task["status"] for task in a_book(stopped)["tasks"]] == ["stopped"]


def test_the_shims_own_word_for_the_init_process_comes_first():
    observed = a_live_case()
    observed = observed._replace(bundle=observed.bundle._replace(init=Process(1, 1)))
    assert a_book(observed)["tasks"][0]["init"] == list(me())


def test_a_task_whose_shim_is_silent_is_entered_by_its_init_process():
    observed = a_case(a_bundle(None, ADDRESS, init=me()), {HERE: silent("D3")}, "V17")
    (task,) = a_book(observed)["tasks"]
    assert (task["init"], task["shim"], task["service"], task["status"]) == (list(me()), None, None, "running")


def test_additions_join_once_and_change_nothing_that_is_there():
    book = a_book(a_live_case("a"))
    before = json.dumps(book["tasks"][0])
    assert ledger.add(book, [a_live_case("a", status="stopped"), a_live_case("b")]) == ["b"]
    assert ledger.add(book, [a_live_case("a"), a_live_case("b")]) == []
    assert [task["id"] for task in book["tasks"]] == ["a", "b"] and json.dumps(book["tasks"][0]) == before
    assert ledger.keys(book) == {("default", "a"), ("default", "b")}


# A host that goes on living


def forecasts(*observations, task="kept", client="keeps"):
    one = Forecast("reattached", task, client, False, "A1", "", 0.0)
    return [(observed, one) for observed in observations]


def marks(book):
    """Each task with whether it had ended, and whether the forecast keeps it."""
    return {task["id"]: (task.get("ended_before", False), task.get("kept")) for task in book["tasks"]}


def test_the_book_is_brought_up_to_the_restart():
    book = a_book(a_live_case("stays"), a_live_case("goes"), a_live_case("s", status="stopped"))
    ledger.refresh(book, forecasts(a_live_case("stays"), a_live_case("comes"), a_live_case("s", status="stopped")))
    assert marks(book) == {"stays": (False, True), "goes": (True, None), "s": (True, True), "comes": (False, True)}


@pytest.mark.parametrize(
    "task, client, kept",
    [("kept", "keeps", True), ("killed", "keeps", False), ("unknown", "keeps", False), ("kept", "deletes", False)],
)
def test_the_last_forecast_counts(task, client, kept):
    book = a_book(a_live_case("a"))
    ledger.refresh(book, forecasts(a_live_case("a")))
    ledger.refresh(book, forecasts(a_live_case("a"), task=task, client=client))
    assert marks(book) == {"a": (False, kept)}


def test_a_task_of_the_same_id_that_came_after_another_takes_its_place():
    book, init = a_book(a_live_case("a")), Process(os.getppid(), 1)
    book["tasks"][0]["init"] = list(init)
    ledger.refresh(book, forecasts(a_live_case("a")))
    assert [task["init"] for task in book["tasks"]] == [list(me())] and marks(book) == {"a": (False, True)}


def test_a_task_whose_process_was_gone_a_moment_after_its_shim_named_it():
    ending = a_live_case("a")
    heard = said("v2", shim_pid=os.getpid(), task_pid=4194304, pids=[4194304], status="running")
    ending = ending._replace(answers={HERE: heard})
    book = a_book()
    ledger.refresh(book, forecasts(ending))
    assert marks(book) == {"a": (True, True)} and book["tasks"][0]["init"] is None


def test_a_shim_that_falls_silent_takes_nothing_out_of_the_book():
    book = a_book(a_live_case("a"))
    before = dict(book["tasks"][0])
    observed = a_case(a_bundle(None, ADDRESS, id="a", init=me()), {HERE: silent("D3")}, "V17")
    observed = observed._replace(entry=observed.entry._replace(id="a"))
    ledger.refresh(book, forecasts(observed, task="killed"))
    assert book["tasks"] == [dict(before, kept=False)]


# The restarts that are known


def serving(pid, since=None):
    """A containerd of that pid."""

    class At(Daemon):
        serving_since = since

    return At(*a_daemon(process=Process(pid, pid)))


def known(*daemons, phase="restarted"):
    """The restarts after these containerds were seen, one every hundred seconds from 1000 on."""
    book = a_book()
    book["phase"], book["times"]["restarting"] = phase, 900.0
    for number, daemon in enumerate(daemons):
        ledger.enter_daemon(book, daemon, 1000.0 + 100 * number)
    return ledger.moments(book)


def test_no_restart_is_none():
    assert ledger.moments(a_book()) == []
    book = a_book()
    ledger.enter_daemon(book, a_daemon(), 1000.0)
    assert ledger.moments(book) == [] and book["verified_by"] == book["daemon"]


def test_a_restart_lasts_from_its_beginning_to_the_making_of_the_socket():
    assert known(serving(7, 950.0)) == [(900.0, 950.0, 1000.0)]
    assert known(serving(7, 950.0), serving(7, 950.0)) == [(900.0, 950.0, 1100.0)]
    # A socket from the future, or none, was made by now.
    assert known(serving(7, 5000.0)) == known(serving(7, None)) == [(900.0, 1000.0, 1000.0)]


def test_a_crash_is_a_restart_since_the_last_time_it_was_seen():
    assert known(serving(7, 950.0), serving(8, 1090.0)) == [(900.0, 950.0, 1000.0), (1000.0, 1090.0, 1100.0)]


def test_a_proof_holds_as_long_as_containerd_was_not_restarted():
    book = a_book()
    book["phase"] = "restarted"
    ledger.enter_daemon(book, serving(7), 1000.0)
    assert ledger.proves(book, ledger.identity(serving(7)))
    assert not ledger.proves(book, ledger.identity(serving(8)))
    assert not ledger.proves(book, book["daemon"])
    book["phase"] = "verified"
    assert ledger.proves(book, ledger.identity(serving(8)))


def test_no_secret_can_get_into_it():
    assert set(a_book(a_live_case())["tasks"][0]) == {
        "namespace",
        "id",
        "pod",
        "status",
        "init",
        "shim",
        "endpoint",
        "service",
        "bundle",
    }


@pytest.mark.parametrize("key", ["pid", "start_time", "invocation_id", "restarts", "boot_id"])
def test_one_difference_is_another_run_of_containerd(key):
    one = a_book()["daemon"]
    assert ledger.same_process(one, dict(one))
    other = dict(one, **{key: "different"})
    assert ledger.same_process(one, other) == (key in ("invocation_id", "restarts"))


def test_what_is_not_there_stays_so():
    assert ledger.process(None) is None and ledger.endpoint(None) is None
    assert ledger.endpoint(["unix", "/run/s", "ttrpc"]) == Endpoint("unix", "/run/s", "ttrpc")


# Which files are trusted


@pytest.fixture
def path(tmp_path):
    place = tmp_path / "shimops"
    place.mkdir(mode=0o700)
    return place / "ledger.json"


def refused(path):
    with pytest.raises(ShimError) as caught:
        ledger_file.load(str(path))
    assert (caught.value.stage, caught.value.subject) == ("ledger", str(path)) and caught.value.remedy
    return caught.value.problem


def test_no_ledger_is_none(path):
    assert ledger_file.load(str(path)) is None
    assert ledger_file.load(str(path.parent / "gone" / "ledger.json")) is None


@needs_root
def test_what_was_saved_is_loaded(path):
    book = a_book(a_live_case())
    ledger_file.save(str(path), book)
    assert ledger_file.load(str(path)) == book
    assert path.stat().st_mode & 0o777 == 0o600


def broken(**values):
    return json.dumps(dict(a_book(a_live_case()), **values))


def a_task(**values):
    return [dict(a_book(a_live_case())["tasks"][0], **values)]


KEYS = ("schema", "phase", "tasks", "daemon", "run_id", "times", "gap", "verdicts")


def without(key):
    return {name: value for name, value in a_book(a_live_case()).items() if name != key}


NO_BOOKS = ("", "{", "null", "[]", "7", '"x"', "{}", "\ufffe", 100000 * "[")


@needs_root
@pytest.mark.parametrize("number", range(len(NO_BOOKS)))
def test_what_is_no_book_is_refused(path, number):
    path.write_text(NO_BOOKS[number], encoding="utf-8")
    assert refused(path) == "is damaged"


@needs_root
@pytest.mark.parametrize(
    "values",
    [
        {"schema": 2},
        {"schema": None},
        {"phase": "lost"},
        {"phase": ["recorded"]},
        {"tasks": None},
        {"tasks": 7},
        {"tasks": ["x"]},
        {"tasks": [{}]},
        {"daemon": None},
        {"daemon": {}},
    ],
    ids=str,
)
def test_a_damaged_ledger_is_refused(path, values):
    path.write_text(broken(**values))
    assert refused(path) == "is damaged"


@needs_root
@pytest.mark.parametrize("values", [{"init": 7}, {"init": [1]}, {"shim": [1, 2, 3]}, {"endpoint": ["unix"]}], ids=str)
def test_a_damaged_task_is_refused(path, values):
    path.write_text(broken(tasks=a_task(**values)))
    assert refused(path) == "is damaged"


@needs_root
@pytest.mark.parametrize("key", KEYS)
def test_a_ledger_without_one_of_its_parts_is_refused(path, key):
    path.write_text(json.dumps(without(key)))
    assert refused(path) == "is damaged"


@needs_root
def test_a_ledger_cut_anywhere_is_refused(path):
    whole = broken()
    for length in range(0, len(whole) - 1, 41):
        path.write_text(whole[:length])
        assert refused(path) == "is damaged"


@needs_root
def test_binary_is_refused(path):
    path.write_bytes(bytes(range(256)))
    assert refused(path) == "is damaged"


def test_a_link_is_not_followed(path):
    other = path.parent / "other"
    other.write_text(broken())
    path.symlink_to("other")
    assert refused(path) == "cannot be read (Too many levels of symbolic links)"
    other.unlink()
    assert refused(path) == "cannot be read (Too many levels of symbolic links)"


@needs_root
def test_a_ledger_of_another_owner_is_refused(path):
    path.write_text(broken())
    os.chown(str(path), 12345, 0)
    assert refused(path) == "is not a file that only root can write"


@pytest.mark.skipif(os.geteuid() == 0, reason="what root writes is root's")
def test_a_ledger_that_is_not_roots_is_refused(path):
    path.write_text(broken())
    assert refused(path) == "is not a file that only root can write"


@needs_root
@pytest.mark.parametrize(
    "mode, trusted", [(0o600, True), (0o644, True), (0o620, False), (0o602, False), (0o666, False)]
)
def test_a_ledger_that_others_can_write_is_refused(path, mode, trusted):
    path.write_text(broken())
    path.chmod(mode)
    if trusted:
        assert ledger_file.load(str(path))["phase"] == "recorded"
    else:
        assert refused(path) == "is not a file that only root can write"


def test_a_fifo_is_refused_and_not_waited_for(path):
    os.mkfifo(str(path))
    assert refused(path) == "is not a file that only root can write"


def test_a_directory_is_refused(path):
    path.mkdir()
    assert refused(path) == "is not a file that only root can write"


@needs_root
def test_a_huge_file_is_refused_unread(path):
    path.write_text("")
    os.truncate(str(path), 1 << 40)
    assert refused(path) == "is too large to be a ledger"


def test_nothing_is_left_open(path):
    before = len(os.listdir("/proc/self/fd"))
    path.mkdir()
    refused(path)
    path.rmdir()
    os.mkfifo(str(path))
    refused(path)
    assert len(os.listdir("/proc/self/fd")) == before
