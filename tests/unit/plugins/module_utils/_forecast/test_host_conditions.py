# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is observed of a host in addition to its bundles."""

from __future__ import annotations

import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import File
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._forecast import host_conditions
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.host_conditions import observe
from ansible_collections.shimops.containerd.plugins.module_utils._host import (
    command,
    mounts,
    processes,
    shim_binary,
    storage,
    unit,
)
from ansible_collections.shimops.containerd.plugins.module_utils._host.command import Output
from ansible_collections.shimops.containerd.plugins.module_utils._host.configuration import Configuration
from ansible_collections.shimops.containerd.plugins.module_utils._host.dockerd import LiveRestore
from ansible_collections.shimops.containerd.plugins.module_utils._host.shim_binary import Binary
from ansible_collections.shimops.containerd.tests.unit.support.databases import GOOD
from ansible_collections.shimops.containerd.tests.unit.support.observations import (
    ADDRESS,
    HERE,
    SHIM,
    a_bundle,
    a_case,
    a_daemon,
    said,
)

OLD = a_bundle(None, ADDRESS)
META = "io.containerd.metadata.v1.bolt"
ME = processes.look_up(os.getpid())


@pytest.fixture
def here(tmp_path):
    """A containerd whose directories are those of the test, and which is this very process."""
    (tmp_path / "root" / META).mkdir(parents=True)
    (tmp_path / "root" / META / "meta.db").write_bytes(GOOD)
    (tmp_path / "state").mkdir()
    return a_daemon(state_dir=str(tmp_path / "state"), root_dir=str(tmp_path / "root"), process=ME)


# Metadata and directories


@pytest.mark.parametrize(
    "content, problem",
    [
        (GOOD, None),
        (b"", "missing"),
        (None, "missing"),
        (b"no database", "damaged"),
        (8192 * b"\0", "damaged"),
    ],
)
def test_metadata(here, content, problem):
    path = os.path.join(here.root_dir, META, "meta.db")
    os.unlink(path)
    if content is not None:
        with open(path, "wb") as handle:
            handle.write(content)
    assert storage.metadata_problem(here) == problem == observe(here, []).metadata
    # Of a containerd that does not run nothing is lost by its start.
    assert observe(here._replace(process=None), []).metadata is None


def test_a_directory_that_the_next_start_looks_for_elsewhere(here, tmp_path):
    def moved(state_dir, root_dir):
        return observe(here._replace(configured=Configuration(state_dir, root_dir, None, 5.0)), []).moved

    assert moved(here.state_dir, here.root_dir) == moved(None, None) == ()
    assert moved(str(tmp_path / "other"), here.root_dir) == ((here.state_dir, str(tmp_path / "other")),)
    assert moved(here.state_dir, "/nowhere") == ((here.root_dir, "/nowhere"),)
    # Another name of the same directory.
    (tmp_path / "link").symlink_to("state")
    assert moved(str(tmp_path / "link"), here.root_dir) == ()


# Room


class Room:
    """What statvfs would say."""

    def __init__(self, **fields):
        values = {"f_bfree": 1000, "f_frsize": 4096, "f_files": 100, "f_ffree": 50, "f_flag": 0}
        self.__dict__.update(values, **fields)


@pytest.mark.parametrize(
    "fields, files, writable",
    [
        ({}, 1, True),
        ({"f_bfree": 0}, 1, False),
        ({"f_bfree": 7}, 8, False),
        ({"f_bfree": 8}, 8, True),
        ({"f_ffree": 0}, 0, False),
        ({"f_ffree": 3}, 4, False),
        # A file system that does not count its files.
        ({"f_files": 0, "f_ffree": 0}, 1, True),
        ({"f_flag": os.ST_RDONLY}, 1, False),
    ],
)
def test_room_for_so_many_files(here, monkeypatch, fields, files, writable):
    monkeypatch.setattr(os, "statvfs", lambda path: Room(**fields))
    assert storage.observe_files(here, files).writable is writable
    # A FIFO needs a name and no room.
    assert storage.observe_files(here, files).takes_names is (writable or "f_bfree" in fields)


def test_what_a_state_directory_tells(here, monkeypatch):
    assert storage.observe_files(here, 1).mounts_db is False
    place = os.path.join(here.state_dir, "io.containerd.mount-manager.v1.bolt")
    os.mkdir(place)
    with open(os.path.join(place, "mounts.db"), "w"):
        pass
    assert storage.observe_files(here, 1).mounts_db is True
    assert storage.observe_files(here._replace(state_dir="/nowhere"), 1)[:2] == (None, None)
    monkeypatch.setattr(os, "statvfs", lambda path: Room(f_flag=os.ST_NODEV))
    assert storage.observe_files(here, 1).nodev is True


# Shims that do not find runc


@pytest.mark.parametrize(
    "options, path, found",
    [
        (b"{}", "/nowhere", False),
        (b"{}", "/nowhere:{here}", True),
        (b"{}", None, True),
        (b'{"binary_name":"other"}', "{here}", False),
        (b'{"binary_name":"/nowhere/runc"}', "{here}", False),
        (b'{"binary_name":"/bin/sh"}', "/nowhere", True),
        (b"[", "{here}", True),
        (20000 * b"[", "{here}", True),
    ],
)
def test_runc_is_looked_for_as_the_shim_does(here, tmp_path, monkeypatch, options, path, found):
    runc = tmp_path / "runc"
    runc.write_text("")
    runc.chmod(0o755)
    monkeypatch.setattr(processes, "search_path", lambda pid: path and path.format(here=tmp_path))
    bundle = OLD._replace(options_json=File("file", options))
    observed = a_case(bundle, {HERE: said("v2")}, "V17", runtime_path=SHIM)
    assert observe(here, [observed, observed]).without_runc == (() if found else ("default/plain1",))
    # Nobody else's shim is judged, and no dead one.
    assert observe(here, [observed._replace(runtime_path="/opt/kata/shim")]).without_runc == ()
    assert observe(here, [observed._replace(answers={})]).without_runc == ()


@pytest.mark.parametrize(
    "fields, asked",
    [({}, True), ({"pids": None, "pids_failure": (2, "x")}, True), ({"pids": None}, False)],
)
def test_whether_the_shims_were_asked_for_pids(here, fields, asked):
    assert observe(here, [a_case(OLD, {HERE: said("v2", **fields)}, "V17")]).pids_asked is asked


# Services


def shown(**units):
    """Blocks of systemctl show, as it prints them for several units."""
    blocks = []
    for name, values in units.items():
        lines = dict({"Id": name + ".service", "ActiveState": "active"}, **values)
        blocks.append("\n".join("{0}={1}".format(*pair) for pair in lines.items()))
    return Output(0, "\n\n".join(blocks) + "\n", "")


def stops_with(monkeypatch, *answers):
    said_next = list(answers)
    asked = []

    def run(argv, deadline):
        asked.append(argv[argv.index("--") + 1 :])
        return said_next.pop(0)

    monkeypatch.setattr(command, "run", run)
    found = unit.stops_with("containerd.service", Deadline(5))
    assert not said_next
    return found, asked


def test_services_are_followed_to_the_end(monkeypatch):
    found, asked = stops_with(
        monkeypatch,
        shown(containerd={"RequiredBy": "b.service k.target", "BoundBy": "a.service", "ConsistsOf": "a.service"}),
        shown(
            b={"ConsistsOf": "containerd.service c.service"},
            a={"ActiveState": "inactive", "PropagatesStopTo": "d.service"},
            k={"Id": "k.target"},
        ),
        shown(c={}, d={"ActiveState": "failed"}),
    )
    # Only what runs can be stopped, and only services are.
    assert found == ["b.service", "c.service"]
    assert [sorted(names) for names in asked] == [
        ["containerd.service"],
        ["a.service", "b.service", "k.target"],
        ["c.service", "d.service"],
    ]


def test_no_services_and_no_systemd(monkeypatch):
    assert stops_with(monkeypatch, shown(containerd={}))[0] == []
    assert stops_with(monkeypatch, Output(127, "", "No such file"))[0] == []
    with pytest.raises(ShimError, match="systemctl did not answer in time"):
        stops_with(monkeypatch, Output(None, "", ""))


@pytest.mark.parametrize("stops_with, asked", [([], False), (["docker.service"], True), (["mine.service"], False)])
def test_dockerd_is_asked_where_it_is_stopped(here, monkeypatch, stops_with, asked):
    found = LiveRestore(True, False)
    monkeypatch.setattr(host_conditions.dockerd, "live_restore", lambda deadline: found)
    monkeypatch.setattr(host_conditions.systemd, "stops_with", lambda name, deadline: stops_with)
    assert observe(here._replace(unit=_a_unit(main_pid=ME.pid)), []).live_restore == (found if asked else None)


@pytest.mark.parametrize(
    "program, supervisor",
    [("/usr/sbin/dockerd", "dockerd"), ("/opt/k3s", "k3s"), (None, "a program that cannot be seen")],
)
def test_the_program_that_is_restarted_instead_of_containerd(here, monkeypatch, program, supervisor):
    found = LiveRestore(True, True)
    monkeypatch.setattr(host_conditions.dockerd, "live_restore", lambda deadline: found)
    monkeypatch.setattr(host_conditions.systemd, "stops_with", lambda name, deadline: [])
    monkeypatch.setattr(processes, "executable", lambda pid: program)
    one = observe(here._replace(unit=_a_unit(main_pid=1)), [])
    assert (one.supervisor, one.live_restore) == (supervisor, found if supervisor == "dockerd" else None)
    for unit_of_its_own in (_a_unit(main_pid=ME.pid), _a_unit(main_pid=None), None):
        assert observe(here._replace(unit=unit_of_its_own), []).supervisor is None


def test_threads_are_counted_where_there_is_a_limit(here, monkeypatch):
    monkeypatch.setattr(processes, "named", lambda name: [os.getpid(), 4194304])
    monkeypatch.setattr(processes, "in_unit", lambda pid, name: True)
    monkeypatch.setattr(host_conditions.systemd, "stops_with", lambda name, deadline: [])
    assert observe(here._replace(unit=_a_unit(tasks_max=10)), []).threads == processes.threads(os.getpid()) > 0
    assert observe(here._replace(unit=_a_unit()), []).threads == 0


def _a_unit(main_pid=None, **fields):
    name = "containerd.service"
    return unit.Unit(name, "active", main_pid, "process", True, False, 90.0, 0, "", None, [], [], **fields)


# The shim binary


@pytest.mark.parametrize(
    "name, expected",
    [
        (b"/bin/sh", Binary(True, "/bin/sh")),
        (b"/bin/sh\n", Binary(True)),
        (b"/bin/sh\0", Binary(True)),
        (b"/nowhere/\xff", Binary(True)),
        (b"/bin", Binary(True, "/bin")),
        (b"io.containerd.none.v9", Binary(True)),
        (b"noname", Binary(True)),
        (b".v2", Binary(True)),
        (b"./io.containerd.runc.v2", Binary(True)),
        (5000 * b"x.", Binary(True)),
    ],
)
def test_where_a_runtime_leads(here, name, expected):
    assert shim_binary.find(name, here) == expected


def test_a_name_is_looked_for_where_containerd_does(here, tmp_path, monkeypatch):
    name, binary = b"io.containerd.runc.v2", "containerd-shim-runc-v2"
    places = {key: tmp_path / key for key in ("cwd", "path", "program")}
    for place in places.values():
        place.mkdir()
    monkeypatch.setattr(processes, "working_directory", lambda pid: str(places["cwd"]))
    monkeypatch.setattr(processes, "search_path", lambda pid: ":/nowhere:" + str(places["path"]))
    here = here._replace(executable=str(places["program"] / "containerd"))
    assert shim_binary.find(name, here) == Binary(True)
    # Next to containerd and in its working directory existence is enough; on its PATH a file has to be executable.
    for key, mode in (("program", 0o644), ("path", 0o755), ("cwd", 0o644)):
        file = places[key] / binary
        file.write_text("")
        file.chmod(0o644)
        if key == "path":
            assert shim_binary.find(name, here).path == str(places["program"] / binary)
        file.chmod(mode)
        assert shim_binary.find(name, here) == Binary(True, str(file))
    assert shim_binary.find(name, here._replace(process=None)) == Binary(False)


def test_whether_a_shim_can_be_executed(tmp_path, monkeypatch):
    file = tmp_path / "shim"
    file.write_text("")
    file.chmod(0o644)
    assert shim_binary.runs(str(file)) is False
    file.chmod(0o755)
    assert shim_binary.runs(str(file)) is True
    assert shim_binary.runs(str(tmp_path)) is False
    assert shim_binary.runs(None) is None and shim_binary.runs(str(tmp_path / "gone")) is None
    monkeypatch.setattr(os, "statvfs", lambda path: Room(f_flag=os.ST_NOEXEC))
    assert shim_binary.runs(str(file)) is False


def test_mount_points():
    found = mounts.points()
    assert "/" in found and "/proc" in found and all(path.startswith("/") for path in found)
