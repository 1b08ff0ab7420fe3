# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repair: what stood there is kept, what changed is left alone, a failure leaves nothing."""

from __future__ import annotations

import errno
import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils import _atomic
from ansible_collections.shimops.containerd.plugins.module_utils._bundle import bundle as bundles
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes
from ansible_collections.shimops.containerd.plugins.module_utils._rescue import repair
from ansible_collections.shimops.containerd.plugins.module_utils._rescue.plan import Step

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs files of root and of others")
UNIT = "containerd.service"


@pytest.fixture
def bundle(tmp_path):
    """A bundle directory that holds an address."""
    path = tmp_path / "plain1"
    path.mkdir()
    (path / "address").write_text("unix:///s")
    return path


@pytest.fixture
def directory(bundle):
    """The bundle, open."""
    handle = os.open(str(bundle), os.O_RDONLY | os.O_DIRECTORY)
    yield handle
    os.close(handle)


def names(path):
    return sorted(os.listdir(str(path)))


def refused(call, *arguments):
    with pytest.raises(ShimError) as caught:
        call(*arguments)
    assert caught.value.remedy and caught.value.subject
    return caught.value


def a_step(bundle, name="bootstrap.json", keep=True, **fields):
    """The step that gives a bundle a good file, as it is planned from what is there now."""
    with _atomic.open_directory(str(bundle)) as handle:
        before, inode = bundles.read_file(handle, name, bundles.SMALL), bundles.inode(handle)
    values = {"before": before, "inode": inode, "alive": (processes.look_up(os.getpid()),), "keep": keep}
    values.update(fields)
    return Step("default", str(bundle.name), str(bundle), name, b"{}", why="why", **values)


def test_a_file_is_added_to_a_bundle(bundle):
    assert repair.take(a_step(bundle)) is None
    assert (bundle / "bootstrap.json").read_bytes() == b"{}" and names(bundle) == ["address", "bootstrap.json"]


@pytest.mark.parametrize("name, mode", [("bootstrap.json", 0o644), ("address", 0o644), ("shim-binary-path", 0o600)])
def test_each_file_has_the_mode_that_containerd_gives_it(bundle, name, mode):
    before = os.umask(0o077)
    try:
        repair.take(a_step(bundle, name))
    finally:
        os.umask(before)
    assert (bundle / name).stat().st_mode & 0o7777 == mode


def make_file(path, _elsewhere):
    path.write_text("damaged")


def make_empty(path, _elsewhere):
    path.write_text("")


def make_huge(path, _elsewhere):
    with path.open("wb") as stream:
        stream.truncate(bundles.SMALL + 1)


def make_link(path, elsewhere):
    path.symlink_to(elsewhere)


def make_dangling(path, _elsewhere):
    path.symlink_to("/nowhere")


def make_fifo(path, _elsewhere):
    os.mkfifo(str(path))


def make_directory(path, _elsewhere):
    path.mkdir()
    (path / "inside").write_text("kept")


ODD = [make_file, make_empty, make_huge, make_link, make_dangling, make_fifo, make_directory]


@pytest.mark.parametrize("make", ODD)
def test_what_was_there_is_kept_under_another_name(bundle, tmp_path, make):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    make(bundle / "bootstrap.json", str(precious))
    before = os.lstat(str(bundle / "bootstrap.json"))
    assert repair.take(a_step(bundle)) == "shimops-kept-bootstrap.json"
    kept = os.lstat(str(bundle / "shimops-kept-bootstrap.json"))
    assert (kept.st_ino, kept.st_mode, kept.st_size) == (before.st_ino, before.st_mode, before.st_size)
    assert (bundle / "bootstrap.json").read_bytes() == b"{}" and not (bundle / "bootstrap.json").is_symlink()
    assert precious.read_text() == "precious"
    assert names(bundle) == ["address", "bootstrap.json", "shimops-kept-bootstrap.json"]


@pytest.mark.parametrize("make", [make_file, make_directory])
def test_what_was_kept_before_stays(bundle, make):
    for number in range(3):
        act_name = repair.take(a_step(bundle, "address"))
        assert act_name == "shimops-kept-address" + (".{0}".format(number) if number else "")
        os.unlink(str(bundle / "address"))
        make(bundle / "address", "")
    assert len(names(bundle)) == 4


@pytest.mark.parametrize("make", ODD[:-1])
def test_nothing_is_kept_where_nobody_wants_it(bundle, make):
    make(bundle / "bootstrap.json", "/nowhere")
    assert repair.take(a_step(bundle, keep=False)) is None
    assert names(bundle) == ["address", "bootstrap.json"] and (bundle / "bootstrap.json").read_bytes() == b"{}"


def test_a_directory_is_kept_in_any_case(bundle):
    make_directory(bundle / "bootstrap.json", "")
    assert repair.take(a_step(bundle, keep=False)) == "shimops-kept-bootstrap.json"


@pytest.mark.parametrize("make", ["write_text", "symlink_to"])
def test_a_file_that_appeared_meanwhile_stays(bundle, make):
    step = a_step(bundle)
    getattr(bundle / "bootstrap.json", make)("theirs")
    error = refused(repair.take, step)
    assert error.problem == "changed since it was read" and error.subject.endswith("plain1/bootstrap.json")
    assert names(bundle) == ["address", "bootstrap.json"] and os.path.lexists(str(bundle / "bootstrap.json"))
    assert not (bundle / "bootstrap.json").is_file() or (bundle / "bootstrap.json").read_text() == "theirs"


def test_a_file_that_changed_meanwhile_stays(bundle):
    step = a_step(bundle, "address")
    (bundle / "address").write_text("theirs")
    assert refused(repair.take, step).problem == "changed since it was read"
    assert (bundle / "address").read_text() == "theirs" and names(bundle) == ["address"]


def test_a_bundle_that_became_a_link_is_not_entered(bundle, tmp_path):
    step = a_step(bundle)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    bundle.rename(tmp_path / "moved")
    bundle.symlink_to(str(elsewhere))
    assert "cannot be written" in refused(repair.take, step).problem and names(elsewhere) == []


def test_a_bundle_that_is_gone(bundle):
    step = a_step(bundle)._replace(path=str(bundle / "gone"))
    assert refused(repair.take, step).problem == "cannot be written (No such file or directory)"


def test_a_bundle_that_was_replaced_is_not_written(bundle, tmp_path):
    step = a_step(bundle)
    bundle.rename(tmp_path / "moved")
    bundle.mkdir()
    assert refused(repair.take, step).problem == "was replaced since it was read"
    assert names(bundle) == [] and names(tmp_path / "moved") == ["address"]


def test_a_bundle_that_is_replaced_while_it_is_written_is_reported(bundle, tmp_path, monkeypatch):
    real = _atomic.write_atomically

    def replace(*arguments):
        bundle.rename(tmp_path / "moved")
        bundle.mkdir()
        real(*arguments)

    monkeypatch.setattr(_atomic, "write_atomically", replace)
    assert refused(repair.take, a_step(bundle)).problem == "was replaced while it was written"
    # The new bundle is another task's: nothing was written there.
    assert names(bundle) == []


def test_nothing_is_written_for_a_task_that_ended(bundle):
    gone = processes.look_up(os.getpid())._replace(start_time=1)
    error = refused(repair.take, a_step(bundle, alive=(processes.look_up(os.getpid()), gone)))
    assert error.problem == "has lost its task or its shim meanwhile" and names(bundle) == ["address"]


@pytest.mark.parametrize("make", [None, *ODD])
def test_a_full_file_system_is_reported_and_nothing_is_left(bundle, monkeypatch, make):
    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    if make:
        make(bundle / "bootstrap.json", "/nowhere")
    before = names(bundle), os.lstat(str(bundle / "bootstrap.json")).st_ino if make else None
    step = a_step(bundle)
    monkeypatch.setattr(repair.os, "fsync", full)
    error = refused(repair.take, step)
    monkeypatch.undo()
    assert error.problem == "cannot be written (No space left on device)"
    assert (names(bundle), os.lstat(str(bundle / "bootstrap.json")).st_ino if make else None) == before


def test_nothing_is_left_open(bundle):
    before = len(os.listdir("/proc/self/fd"))
    step = a_step(bundle)
    repair.take(step)
    refused(repair.take, step)
    refused(repair.take, step._replace(path=str(bundle / "address")))
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_bundle_that_cannot_be_written_does_not_hinder_others(bundle, tmp_path):
    other = tmp_path / "plain2"
    other.mkdir()
    first = [a_step(bundle), a_step(bundle, "address")]
    steps = [first[0], first[1]._replace(path=str(tmp_path / "gone")), a_step(other)]
    rows, failed, wrote = repair.take_all(steps, False)
    assert wrote and [row["id"] for row in rows] == ["plain2"] and rows[0]["reason"] == "why"
    assert [one.id for one in failed] == ["plain1"] and "cannot be written" in failed[0].reason
    assert names(other) == ["bootstrap.json"]


def test_every_file_of_a_bundle_is_in_one_row(bundle):
    rows, failed, wrote = repair.take_all([a_step(bundle), a_step(bundle, "address")], False)
    assert wrote and failed == []
    assert [row["reason"] for row in rows] == ["why; why, what was there is kept as shimops-kept-address"]


def test_check_mode_takes_no_step(bundle):
    rows, failed, wrote = repair.take_all([a_step(bundle)], True)
    assert (len(rows), failed, wrote) == (1, [], True) and names(bundle) == ["address"]
    assert repair.take_all([], True) == ([], [], False)
