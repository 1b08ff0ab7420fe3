# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leftovers: what is found, that it is found once, and that its command removes it and nothing else."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._audit import leftovers
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes
from ansible_collections.shimops.containerd.tests.unit.support.inventories import (
    NOBODY,
    a_host,
    a_place,
    a_shim,
    a_socket,
)
from ansible_collections.shimops.containerd.tests.unit.support.observations import said


@pytest.fixture(autouse=True)
def sockets(tmp_path, monkeypatch):
    """Where shims have their sockets, away from the machine's."""
    monkeypatch.setattr(leftovers, "SOCKET_DIRECTORY", str(tmp_path / "s"))
    return tmp_path / "s"


def found(inventory):
    return [(one["kind"], one["id"] or one["path"]) for one in leftovers.find(inventory)]


def clean(inventory, *kinds):
    """Run the commands of these kinds, as an operator would."""
    for one in leftovers.find(inventory):
        if one["kind"] in kinds:
            subprocess.run(["sh", "-euc", one["command"]], check=True)


def test_a_host_where_all_is_well(tmp_path, sockets):
    path = a_socket(sockets / "one")
    a_place(tmp_path, "plain1", {"address": f"unix://{path}"})
    shim = a_shim("plain1", sockets=[str(path)])
    assert found(a_host(tmp_path, [shim], ["plain1"], [path], listeners=[path], live=["plain1"])) == []


def test_a_bundle_without_a_shim_goes_with_its_work_directory_and_socket(tmp_path, sockets):
    path = a_socket(sockets / "one")
    place = a_place(tmp_path, "dead 1", {"address": f"unix://{path}"})
    other = a_place(tmp_path, "alive")
    work = tmp_path / "root" / "io.containerd.runtime.v2.task" / "default" / "dead 1"
    (work / "deep").mkdir(parents=True)
    inventory = a_host(tmp_path, live=["alive"])
    assert found(inventory) == [("bundle_without_shim", "dead 1")]
    clean(inventory, "bundle_without_shim")
    assert not place.exists() and not work.exists() and not path.exists() and other.exists()


def test_a_living_task_without_a_shim_is_no_leftover(tmp_path):
    a_place(tmp_path, "orphan")
    assert found(a_host(tmp_path, live=["orphan"])) == []


def test_a_stopped_task_with_its_shim_is_no_leftover(tmp_path):
    a_place(tmp_path, "stopped")
    assert found(a_host(tmp_path, [a_shim("stopped")], answers={"stopped": said(status="stopped")})) == []


@pytest.mark.parametrize("live", [True, False])
def test_a_bundle_that_cannot_be_removed(tmp_path, live):
    place = a_place(tmp_path, "stuck", {"rootfs/file": "x", "config.json": "{}"})
    inventory = a_host(tmp_path, live=["stuck"] if live else [])
    assert found(inventory) == [("undeletable_bundle", "stuck")]
    clean(inventory, "undeletable_bundle")
    # A bundle in use keeps everything but what is in the way.
    assert place.exists() is live and not list(place.glob("rootfs/*"))
    assert not live or (place / "config.json").exists()


def test_an_empty_rootfs_or_one_that_is_a_link_is_in_nobody_s_way(tmp_path):
    (a_place(tmp_path, "one") / "rootfs").mkdir()
    (a_place(tmp_path, "two") / "rootfs").symlink_to("/usr")
    assert found(a_host(tmp_path, live=["one", "two"])) == []


def test_interrupted_removals(tmp_path):
    first = a_place(tmp_path, ".gone away", {"rootfs/file": "x"})
    second = a_place(tmp_path, ".plain1", {"config.json": "{}"})
    a_place(tmp_path, "plain1")
    inventory = a_host(tmp_path, live=["plain1"])
    kinds = {one["path"]: one for one in leftovers.find(inventory)}
    assert {one["kind"] for one in kinds.values()} == {"hidden_directory"} and set(kinds) == {str(first), str(second)}
    assert "cannot be removed" in kinds[str(second)]["reason"] and "cannot" not in kinds[str(first)]["reason"]
    clean(inventory, "hidden_directory")
    assert not first.exists() and not second.exists() and (first.parent / "plain1").exists()


def test_what_is_no_bundle(tmp_path):
    home = a_place(tmp_path, "plain1").parent
    (home / "link").symlink_to("/usr")
    (home / "file; touch oops").write_text("")
    a_place(tmp_path, "x", namespace="not valid!")
    inventory = a_host(tmp_path, live=["plain1"])
    assert sorted(found(inventory)) == [("not_a_bundle", name) for name in ("file; touch oops", "link", "x")]
    assert [one["command"] for one in leftovers.find(inventory) if one["id"] == "x"] == [None]
    clean(a_host(tmp_path, live=["plain1"]), "hidden_directory")
    for one in leftovers.find(inventory):
        if one["command"]:
            subprocess.run(["sh", "-euc", one["command"]], check=True, cwd=tmp_path)
    assert sorted(path.name for path in home.iterdir()) == ["plain1"] and not (tmp_path / "oops").exists()


@pytest.mark.parametrize("children, kind", [([], "shim_left_behind"), ([7, 8], "shim_without_bundle")])
def test_a_shim_without_a_bundle(tmp_path, sockets, children, kind):
    path = a_socket(sockets / "one")
    shim = a_shim("gone", pid=NOBODY, sockets=[str(path)])
    (one,) = leftovers.find(a_host(tmp_path, [shim], listeners=[path], children={NOBODY: children}))
    assert (one["kind"], one["namespace"], one["id"], one["pid"]) == (kind, "default", "gone", NOBODY)
    assert ("pkill -KILL -P {0}; ".format(NOBODY) in one["command"]) is bool(children)


def test_a_shim_is_ended_only_while_its_pid_is_its_own(tmp_path, sockets):
    path = a_socket(sockets / "one")
    code = "import subprocess, sys; subprocess.Popen(['sleep', '1000']); print(flush=True); sys.stdin.read()"
    words, pipe = [sys.executable, "-c", code, "-id", "gone"], subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe) as process:
        try:
            process.stdout.readline()
            (child,) = processes.children_of({process.pid})[process.pid]
            for name, ends in (("go", False), ("gone2", False), ("gone", True)):
                shim = a_shim(name, pid=process.pid, sockets=[str(path)])
                inventory = a_host(tmp_path, [shim], listeners=[path], children={process.pid: [child]})
                (one,) = leftovers.find(inventory)
                assert (subprocess.run(["sh", "-c", one["command"]], check=False).returncode == 0) is ends
                assert path.exists() is not ends
            assert process.wait(60) == -9
            patience = Deadline(60)
            while processes.look_up(child) and patience.sleep(0.05):
                pass
            assert processes.look_up(child) is None
        finally:
            process.kill()


def test_a_socket_that_a_new_shim_has_by_then_stays(tmp_path, sockets):
    path = a_socket(sockets / "one")
    place = a_place(tmp_path, "again", {"address": f"unix://{path}"})
    inventory = a_host(tmp_path)
    stale = leftovers.find(inventory._replace(observations=[]))
    (sockets / "one").unlink()
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))
        clean(inventory, "bundle_without_shim")
        subprocess.run(["sh", "-euc", stale[0]["command"]], check=True)
        assert path.exists() and place.exists()
    clean(inventory, "bundle_without_shim")
    assert not path.exists() and not place.exists()


def test_connections_that_belong_to_no_task(tmp_path, sockets):
    path = a_socket(sockets / "one")
    for name in ("pause", "app"):
        a_place(tmp_path, name, {"address": f"unix://{path}"})
    shim = a_shim("pause", sockets=[str(path)])

    def reported(tasks, connections):
        inventory = a_host(tmp_path, [shim], tasks, [path] * connections, listeners=[path], live=["pause", "app"])
        return [one["reason"] for one in leftovers.find(inventory)]

    assert reported(["pause", "app"], 2) == []
    assert reported(["pause", "app"], 4) == [
        "containerd holds 2 more connections to this shim than it has tasks on it; only its restart closes them"
    ]
    # Where containerd's list has no place for a connection, or it did not answer, none is called surplus.
    assert reported(["pause"], 3) == reported(["pause", "app", "elsewhere"], 3) == reported(None, 3) == []


def test_sockets_that_nobody_listens_on(tmp_path, sockets):
    stale, alive = a_socket(sockets / "stale"), a_socket(sockets / "alive")
    (sockets / "file").write_text("")
    inventory = a_host(tmp_path, listeners=[alive])
    assert found(inventory) == [("stale_socket", str(stale))]
    assert found(inventory._replace(sockets=None)) == []
    clean(inventory, "stale_socket")
    assert sorted(path.name for path in sockets.iterdir()) == ["alive", "file"]


def test_a_bundle_cannot_name_what_is_not_a_shim_s(tmp_path, sockets):
    a_socket(tmp_path / "other" / "stale")
    mine = a_socket(tmp_path / "other" / "mine")
    a_place(tmp_path, "hostile", {"address": f"unix://{mine}"})
    inventory = a_host(tmp_path)
    assert found(inventory) == [("bundle_without_shim", "hostile")]
    clean(inventory, "bundle_without_shim")
    assert sorted(path.name for path in (tmp_path / "other").iterdir()) == ["mine", "stale"]


def test_a_socket_file_that_took_another_s_place_is_stale(tmp_path, sockets):
    path = a_socket(sockets / "one")
    inventory = a_host(tmp_path, listeners=[path])
    assert found(inventory) == []
    path.rename(sockets / "kept")
    a_socket(path)
    assert ("stale_socket", str(path)) in found(inventory)


def test_only_what_two_looks_found_is_left_over(tmp_path, sockets):
    first = a_socket(sockets / "first")
    before = leftovers.find(a_host(tmp_path))
    second = a_socket(sockets / "second")
    after = leftovers.find(a_host(tmp_path))
    assert [one["path"] for one in leftovers.in_both(after, before)] == [str(first)]
    assert [one["path"] for one in after] == [str(first), str(second)]
    assert leftovers.in_both(before, []) == []


def test_mount_points_are_read_as_the_kernel_writes_them():
    assert leftovers._unescaped("/a\\040b\\134c") == "/a b\\c"
    assert "/" in leftovers._mount_points()
