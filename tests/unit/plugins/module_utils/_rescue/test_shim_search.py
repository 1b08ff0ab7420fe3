# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for a shim: over real processes, whose parent is this very one, and real sockets."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes
from ansible_collections.shimops.containerd.plugins.module_utils._rescue import shim_search
from ansible_collections.shimops.containerd.tests.unit.support.observations import (
    HERE,
    INIT,
    a_bundle,
    a_case,
    a_daemon,
    parameters,
    said,
)
from ansible_collections.shimops.containerd.tests.unit.support.scripted_shim import V2, ScriptedShim, ok

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="what root alone may change is made by root")
NAME = "containerd-shim-test-v2"


@pytest.fixture
def start():
    """Starts a process that sleeps; all of them end with the test."""
    started = []

    def run(program="/bin/sleep", **options):
        process = subprocess.Popen([str(program), "1000"], **options)
        started.append(process)
        # A program that has just been started has no arguments yet, and no environment.
        deadline = Deadline(20)
        while not processes.arguments(process.pid):
            assert deadline.sleep(0.01)
        return processes.look_up(process.pid)

    yield run
    for process in started:
        process.kill()
        process.wait(20)


@pytest.fixture
def shim(monkeypatch):
    """A shim in this very process that knows a task of this very process's child."""
    monkeypatch.setattr(shim_search, "_SHIM", os.path.basename(processes.executable(os.getpid()))[:6])
    with ScriptedShim() as running:
        yield running


def tells(shim, shim_pid, task_pid):
    shim.on(V2, "Connect", ok("ConnectResponse", shim_pid=shim_pid, task_pid=task_pid))
    shim.on(V2, "State", ok("StateResponse", pid=task_pid, status=2))
    shim.on(V2, "Pids", ok("PidsResponse", processes=[{"pid": task_pid}]))


def search(*observations, **options):
    values = {"classes": ["V20b"], "deadline": Deadline(20), "shim_timeout": 5}
    values.update(options)
    return shim_search.search(a_daemon(process=None), list(observations), **values)


def place(shim):
    return Endpoint("unix", shim.path, "ttrpc")


def test_a_shim_is_found_by_its_socket(shim, start):
    init = start()
    tells(shim, os.getpid(), init.pid)
    (observed,) = search(a_case(a_bundle(None, None, init=init), {}, "V20b"))
    assert observed.found.shim == processes.look_up(os.getpid())
    assert place(shim) in observed.found.places and observed.found.owned == (place(shim),)
    assert observed.answers[place(shim)].task_pid == init.pid and observed.status == "running"


def test_a_shim_that_names_another_process_as_itself_owns_nothing(shim, start):
    init = start()
    tells(shim, init.pid, init.pid)
    (observed,) = search(a_case(a_bundle(None, None, init=init), {}, "V20b"))
    assert observed.found.owned == () and observed.answers[place(shim)].service == "v2"


def test_an_init_process_whose_parent_is_no_shim(shim, start, monkeypatch):
    monkeypatch.setattr(shim_search, "_SHIM", "containerd-shim-")
    init = start()
    tells(shim, os.getpid(), init.pid)
    (observed,) = search(a_case(a_bundle(None, None, init=init), {}, "V20b"))
    assert (observed.found.shim, observed.found.places, observed.found.owned) == (None, (), ()) and not shim.requests
    assert observed.found.binary_problem == "no shim runs from which the right one could be determined"


def test_the_sandbox_of_a_pod_names_the_socket_of_its_workloads(shim, start, monkeypatch):
    monkeypatch.setattr(shim_search, "_listening", lambda _table: {})
    init = start()
    tells(shim, os.getpid(), init.pid)
    sandbox = a_case(a_bundle(parameters(2, address="unix://" + shim.path), None, id="pod", init=None), {}, "V20b")
    sandbox = sandbox._replace(entry=sandbox.entry._replace(id="pod"))
    for fields in ({"sandbox": "pod"}, {"group": "pod"}):
        work, kept = search(a_case(a_bundle(None, None, init=init, **fields), {}, "V20b"), sandbox)
        assert work.found.places == (place(shim),) and work.answers[place(shim)].task_pid == init.pid
        # The kernel does not say that its shim listens there.
        assert work.found.owned == () and kept is sandbox


def test_nobody_is_asked_about_a_bundle_that_leads_to_its_task(shim, start):
    init = start()
    tells(shim, os.getpid(), init.pid)
    bundle = a_bundle(parameters(2, address="unix://" + shim.path), None, init=init)
    (asked,) = search(a_case(bundle._replace(bootstrap_json=a_bundle().bootstrap_json), {}, "V20b"))
    count = len(shim.requests)
    healthy = a_case(bundle, {place(shim): asked.answers[place(shim)]}, "V20b")
    assert search(healthy) == [healthy] and len(shim.requests) == count
    gone = a_case(a_bundle(None, None, init=None), {}, "V20b")
    assert search(gone) == [gone] and len(shim.requests) == count


def test_a_socket_that_is_proven_is_not_asked_again_and_no_other_is(shim, start):
    init = start()
    tells(shim, os.getpid(), init.pid)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(shim.path + "2")
        silent.listen(1)
        bundle = a_bundle(parameters(2, address="unix://" + shim.path), None, init=init)
        (asked,) = search(a_case(bundle, {}, "V20b")._replace(answers={}), shim_timeout=0.5)
        assert Endpoint("unix", shim.path + "2", "ttrpc") in asked.found.places
        count = len(shim.requests)
        # For 1.6, which reads a file that is not there.
        (again,) = search(asked._replace(found=None), classes=["V16"], shim_timeout=0.5)
        assert again.found.places == (place(shim),) and len(shim.requests) == count
    os.unlink(shim.path + "2")


def test_without_pids_nothing_is_proven(shim, start):
    init = start()
    tells(shim, os.getpid(), init.pid)
    (observed,) = search(a_case(a_bundle(None, None, init=init), {}, "V20b"), pids=False)
    assert observed.answers[place(shim)].pids is None and "Pids" not in [request.method for request in shim.requests]


def test_who_listens_is_read_from_the_kernels_table(tmp_path):
    table = tmp_path / "unix"
    table.write_bytes(
        b"Num       RefCount Protocol Flags    Type St Inode Path\n"
        b"00000000d15c5d0f: 00000002 00000000 00010000 0001 01 27103 /run/containerd/s/e5 004\n"
        b"000000003b2e2588: 00000003 00000000 00000000 0001 03 27111 /run/containerd/s/connected\n"
        b"00000000a26270a4: 00000002 00000000 00010000 0001 01 27274 @abstract\n"
        b"00000000a26270a5: 00000002 00000000 00010000 0001 01 27275 relative\n"
        b"00000000a26270a6: 00000002 00000000 00010000 0001 01 27276\n"
        b"00000000a26270a7: 00000002 00000000 00010000 0001 01 27277 /not-\xff-text\n"
    )
    assert shim_search._listening(str(table)) == {27103: "/run/containerd/s/e5 004", 27277: "/not-\udcff-text"}


def test_the_real_table(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        assert str(tmp_path / "s") not in shim_search._listening("/proc/net/unix").values()
        listener.listen(1)
        inode = os.fstat(listener.fileno()).st_ino
        assert shim_search._listening("/proc/net/unix")[inode] == str(tmp_path / "s")


@pytest.fixture
def binaries(tmp_path):
    """A directory where a shim is started from, and one that containerd searches."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir(mode=0o755)
        shutil.copy("/bin/sleep", str(tmp_path / name / NAME))
        (tmp_path / name / NAME).chmod(0o755)
    return tmp_path


def binary(start, binaries, text, gone=True, runtime=None):
    """What is found for a bundle with that shim-binary-path, by a containerd whose PATH has the new directory."""
    running = start(binaries / "old" / NAME)
    if gone:
        (binaries / "old" / NAME).unlink()
    path = "/nowhere:" + str(binaries / "new")
    daemon = a_daemon(process=start(env={"PATH": path}, cwd="/"), executable="/usr/bin/containerd")
    observed = a_case(a_bundle(None, None, text), {}, "V20b")._replace(runtime=runtime)
    return shim_search._binary(observed, running, daemon)


@needs_root
@pytest.mark.parametrize("text", ["/pruned/" + NAME, "io.containerd.test.v2", "/pruned/" + NAME + "\n"])
def test_a_removed_binary_is_found_by_its_name_where_containerd_looks(start, binaries, text):
    assert binary(start, binaries, text) == (str(binaries / "new" / NAME), None)


@needs_root
def test_a_bundle_without_a_path_goes_by_its_record(start, binaries):
    found = binary(start, binaries, None, runtime="io.containerd.test.v2")
    assert found == (str(binaries / "new" / NAME), None)


@needs_root
@pytest.mark.parametrize("text", ["noise", "", None, "/pruned/" + NAME])
def test_the_very_file_that_runs_is_right_whatever_the_bundle_says(start, binaries, text):
    assert binary(start, binaries, text, gone=False) == (str(binaries / "old" / NAME), None)


@needs_root
@pytest.mark.parametrize(
    "text, reason",
    [
        ("/pruned/containerd-shim-runc-v2", "its shim runs " + NAME + ", and it asks for containerd-shim-runc-v2"),
        ("io.containerd.runc.v2", "its shim runs " + NAME + ", and it asks for containerd-shim-runc-v2"),
        ("noise", "its shim runs " + NAME + ", and it asks for nothing"),
        (None, "its shim runs " + NAME + ", and it asks for nothing"),
    ],
)
def test_a_binary_of_another_name_is_not_taken(start, binaries, text, reason):
    assert binary(start, binaries, text) == (None, reason)


@needs_root
@pytest.mark.parametrize("mode, owner", [(0o775, 0), (0o757, 0), (0o644, 0), (0o755, 12345)])
def test_a_binary_that_others_can_change_is_not_taken(start, binaries, mode, owner):
    (binaries / "new" / NAME).chmod(mode)
    os.chown(str(binaries / "new" / NAME), owner, 0)
    found = binary(start, binaries, "/pruned/" + NAME)
    assert found[0] is None and "where containerd looks" in found[1]


@needs_root
def test_a_running_binary_that_others_can_change_is_not_taken(start, binaries):
    (binaries / "old" / NAME).chmod(0o777)
    assert binary(start, binaries, "", gone=False) == (None, "the {0} it runs can be changed by others".format(NAME))


@needs_root
def test_a_containerd_that_does_not_run_has_no_search_path(start, binaries):
    running = start(binaries / "old" / NAME)
    (binaries / "old" / NAME).unlink()
    observed = a_case(a_bundle(None, None, "/pruned/" + NAME), {}, "V20b")
    assert shim_search._binary(observed, running, a_daemon(process=None))[0] is None
    # The same path is there again, as after an upgrade of the package.
    shutil.copy(str(binaries / "new" / NAME), str(binaries / "old" / NAME))
    assert shim_search._binary(observed, running, a_daemon(process=None))[0] == str(binaries / "old" / NAME)


@pytest.mark.parametrize("task_pid, searched", [(INIT.pid, False), (INIT.pid + 1, True)])
def test_a_shim_that_answers_for_its_task_is_searched_for_only_where_pids_are_asked(monkeypatch, task_pid, searched):
    listed = []
    monkeypatch.setattr(shim_search, "_listening", lambda _table: listed.append(1) or {})
    answers = {HERE: said("v2", pids=None, task_pid=task_pid)}
    bundle = a_bundle(parameters(2), None)
    search(a_case(bundle, answers, "V20b"), pids=False)
    assert bool(listed) == searched
    search(a_case(bundle, answers, "V20b"))
    assert len(listed) == 1 + searched
