# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading bundles: captured ones whole, hostile ones without harm."""

from __future__ import annotations

import json
import os
import socket

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._bundle import bundle as stage
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import ABSENT, File, read
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.scan import Entry
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes
from ansible_collections.shimops.containerd.tests.unit.support import captured

NAMES = ("bootstrap.json", "address", "shim-binary-path")
FIELDS = {"bootstrap.json": "bootstrap_json", "address": "address", "shim-binary-path": "shim_binary_path"}
as_other_user = pytest.mark.skipif(os.geteuid() == 0, reason="root reads what nobody may read")


def entry(path):
    return Entry("default", path.name, str(path), "bundle", 1.5)


@pytest.fixture
def place(tmp_path):
    """An empty bundle directory."""
    path = tmp_path / "default" / "plain1"
    path.mkdir(parents=True)
    return path


def field(place, name):
    return getattr(read(entry(place)), FIELDS[name])


# Captured bundles

MIGRATED = tuple("migrated-{0}-{1}".format(made, kind) for made in ("1.6.20", "1.7.24") for kind in captured.KINDS)
EVERY = [(release, kind) for release in captured.RELEASES for kind in captured.KINDS]
EVERY += [("2.1.9", kind) for kind in MIGRATED]


@pytest.mark.parametrize("release, kind", EVERY)
def test_captured_bundle(tmp_path, release, kind):
    source = captured.bundle(tmp_path, release, kind)
    found = read(source)
    book = captured.manifest(release, kind)
    assert (found.namespace, found.id, found.path) == (book["namespace"], book["id"], source.path)
    assert (found.problem, found.empty, found.log_kind, found.changed) == (None, False, "fifo", source.changed)
    for name, attribute in FIELDS.items():
        there = name in book["entries"]
        assert getattr(found, attribute) == (File("file", captured.content(release, kind, name)) if there else ABSENT)


@pytest.mark.parametrize("release, kind", EVERY)
def test_role_and_pod_of_a_captured_bundle(tmp_path, release, kind):
    found = read(captured.bundle(tmp_path, release, kind))
    role = {"plain": "plain", "sandbox": "sandbox", "workload": "workload"}[kind.replace("-", "_").split("_")[-1]]
    assert found.role == role
    if role == "plain":
        assert found.pod is None and found.group == found.id == "plain1" and found.sandbox is None
        return
    assert (found.pod.namespace, found.pod.name) == ("shop", "web1") and len(found.pod.uid) == 36
    assert found.pod.kind == {"sandbox": "sandbox", "workload": "container"}[role]
    assert found.pod.container == {"sandbox": None, "workload": "app"}[role]
    # The whole pod shares the shim of its sandbox.
    assert found.group == found.pod.sandbox_id and (found.group == found.id) == (role == "sandbox")


@pytest.mark.parametrize("release, kind", EVERY)
def test_what_each_release_writes(tmp_path, release, kind):
    found = read(captured.bundle(tmp_path, release, kind))
    # recovery-spec 2.2: 1.x writes address, 2.x bootstrap.json; a 2.x workload has no shim-binary-path, but sandbox.
    assert (found.address == ABSENT) == (release == "2.1.9" and not kind.startswith("migrated"))
    assert (found.bootstrap_json == ABSENT) == (release != "2.1.9")
    new_workload = (release, kind) == ("2.1.9", "pod_workload")
    assert (found.shim_binary_path == ABSENT) == new_workload
    assert found.sandbox == (found.pod.sandbox_id if new_workload else None)


def test_the_init_process_is_looked_up_where_it_lives(place):
    (place / "init.pid").write_text(str(os.getpid()))
    assert read(entry(place)).init == processes.look_up(os.getpid())
    assert read(entry(place)).init.alive()


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "x", "1 2", "99999999999999999999", "4194304999", "\u0661", "\u00b2", "1\n2"]
)
def test_an_init_pid_that_is_none(place, text):
    (place / "init.pid").write_text(text)
    assert read(entry(place)).init is None


# Hostile bundles


@pytest.mark.parametrize("name", NAMES)
def test_a_fifo_is_named_and_not_waited_for(place, name):
    os.mkfifo(str(place / name))
    assert field(place, name) == File("fifo", b"")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "where, kind",
    [("/etc/passwd", "link"), ("nowhere", "dangling"), (".", "directory"), ("/dev/null", "device"), ("fifo", "fifo")],
)
def test_a_link_is_not_followed_but_what_is_at_its_end_is_named(place, name, where, kind):
    os.mkfifo(str(place / "fifo"))
    (place / name).symlink_to(where)
    assert field(place, name) == File(kind, b"")


@pytest.mark.parametrize("name", NAMES)
def test_a_link_to_itself_is_read_by_nobody(place, name):
    (place / name).symlink_to(name)
    assert field(place, name) == File("unreadable", b"")


@pytest.mark.parametrize("name", NAMES)
def test_a_directory_is_named(place, name):
    (place / name).mkdir()
    assert field(place, name) == File("directory", b"")


@pytest.mark.parametrize("name", NAMES)
def test_a_socket_is_named(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "default" / "plain1"
    place.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as server:
        # A short name: socket addresses cannot be long.
        server.bind("default/plain1/" + name)
        assert field(place, name) == File("socket", b"")


@pytest.mark.parametrize("name", NAMES)
def test_sizes_are_limited(place, name):
    (place / name).write_bytes(64 * 1024 * b"x")
    assert field(place, name) == File("file", 64 * 1024 * b"x")
    (place / name).write_bytes((64 * 1024 + 1) * b"x")
    assert field(place, name) == File("too_large", 1024 * b"x")
    # Sparse: a file that was read would not fit into memory.
    os.truncate(str(place / name), 1 << 40)
    assert field(place, name) == File("too_large", 1024 * b"x")


def read_of_this_process(name, limit):
    directory = os.open("/proc/self", os.O_RDONLY)
    try:
        return stage.read_file(directory, name, limit)
    finally:
        os.close(directory)


def test_a_file_that_hides_its_size_is_read_no_further_than_the_limit():
    assert os.stat("/proc/self/maps").st_size == 0
    assert read_of_this_process("maps", 100).kind == "too_large"


def test_what_fails_while_it_is_read_is_named():
    # The first page of a process is not there: EIO.
    assert read_of_this_process("mem", 100) == File("unreadable", b"")


@pytest.mark.parametrize("name", NAMES)
def test_binary_is_kept_as_it_is(place, name):
    data = bytes(range(256))
    (place / name).write_bytes(data)
    assert field(place, name) == File("file", data)
    assert isinstance(field(place, name).text(), str)


@as_other_user
@pytest.mark.parametrize("name", NAMES)
def test_what_may_not_be_read_is_named(place, name):
    (place / name).write_text("x")
    (place / name).chmod(0)
    assert field(place, name) == File("unreadable", b"")


@pytest.mark.parametrize("name", NAMES)
def test_missing_is_absent_and_mode_0000_is_nothing_to_root(place, name):
    assert field(place, name) == ABSENT
    if os.geteuid() == 0:
        (place / name).write_text("x")
        (place / name).chmod(0)
        assert field(place, name) == File("file", b"x")


def test_an_empty_bundle(place):
    found = read(entry(place))
    assert (found.empty, found.problem, found.log_kind, found.role) == (True, None, "absent", "plain")


def test_a_bundle_that_is_gone_or_no_directory(place):
    (place / "file").write_text("x")
    (place / "link").symlink_to(str(place))
    for name in ("gone", "file", "link"):
        found = read(entry(place / name))
        assert found.problem and not found.empty and found.bootstrap_json == ABSENT and found.role == "plain"


@as_other_user
def test_a_bundle_that_may_not_be_read(place):
    place.chmod(0)
    try:
        assert read(entry(place)).problem == "Permission denied"
    finally:
        place.chmod(0o700)


@pytest.mark.parametrize(
    "make, kind",
    [
        (lambda path: path.write_text("x"), "file"),
        (lambda path: path.mkdir(), "directory"),
        (lambda path: path.symlink_to("nowhere"), "dangling"),
        (lambda path: path.symlink_to("address"), "link"),
        (lambda path: path.symlink_to("/dev/null"), "device"),
        (lambda path: os.mkfifo(str(path)), "fifo"),
        (lambda path: None, "absent"),
    ],
)
def test_the_log_is_known_by_its_kind_and_never_opened(place, make, kind):
    (place / "address").write_text("x")
    make(place / "log")
    assert read(entry(place)).log_kind == kind


SPECS = (
    b"",
    b"{",
    b"[]",
    b"null",
    b"7",
    b'"annotations"',
    b'{"annotations": null}',
    b'{"annotations": []}',
    b'{"annotations": "x"}',
    b'{"annotations": {"io.kubernetes.cri.container-type": 7}}',
    b'{"annotations": {"io.kubernetes.cri.container-type": null}}',
    b"\xff\xfe\x00",
    100000 * b"[",
    b'{"annotations":' + 100000 * b'{"a":',
)


@pytest.mark.parametrize("number", range(len(SPECS)))
def test_a_spec_that_is_none_makes_a_plain_bundle(place, number):
    (place / "config.json").write_bytes(SPECS[number])
    found = read(entry(place))
    assert (found.problem, found.pod, found.group, found.role) == (None, None, "plain1", "plain")


def test_a_spec_that_is_too_large_is_not_read(place):
    spec = {"annotations": {"io.kubernetes.cri.container-type": "sandbox"}, "padding": 4 * 1024 * 1024 * "x"}
    (place / "config.json").write_text(json.dumps(spec))
    assert read(entry(place)).pod is None


def test_only_listed_annotations_are_taken(place):
    spec = {"annotations": {"io.kubernetes.cri.container-type": "container", "secret": "hunter2"}}
    spec["process"] = {"env": ["TOKEN=hunter2"], "args": ["hunter2"]}
    (place / "config.json").write_text(json.dumps(spec))
    assert "hunter2" not in repr(read(entry(place)))


def test_the_group_annotation_of_runc_comes_first(place):
    # groupLabels of the runc shim: the order matters (recovery-spec 3).
    both = {"io.kubernetes.cri.sandbox-id": "pod", "io.containerd.runc.v2.group": "group"}
    (place / "config.json").write_text(json.dumps({"annotations": both}))
    assert read(entry(place)).group == "group"
    del both["io.containerd.runc.v2.group"]
    (place / "config.json").write_text(json.dumps({"annotations": both}))
    assert read(entry(place)).group == "pod"


def test_no_descriptor_is_left_open(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    for name in NAMES + ("log", "config.json"):
        path = tmp_path / name
        path.mkdir()
        os.mkfifo(str(path / name))
        read(entry(path))
    assert len(os.listdir("/proc/self/fd")) == before
