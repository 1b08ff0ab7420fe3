# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing and restarting: links are not followed, failures leave nothing behind, only root's programs are run."""

from __future__ import annotations

import errno
import json
import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import act, processes
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import bundle as bundles
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.plan import Step

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


# write_atomically


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640])
def test_a_file_is_written_with_its_mode_whatever_the_umask(bundle, directory, mode):
    before = os.umask(0o077)
    try:
        act.write_atomically(directory, "new", b"data", mode)
    finally:
        os.umask(before)
    assert (bundle / "new").read_bytes() == b"data" and (bundle / "new").stat().st_mode & 0o7777 == mode
    assert names(bundle) == ["address", "new"]


def test_a_link_in_its_place_is_replaced_and_not_followed(bundle, directory, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (bundle / "new").symlink_to(str(victim))
    act.write_atomically(directory, "new", b"data", 0o600)
    assert victim.read_text() == "precious" and not (bundle / "new").is_symlink()
    assert (bundle / "new").read_bytes() == b"data"


@pytest.mark.parametrize("target", ["victim", "nowhere"])
def test_a_link_in_place_of_the_temporary_file_is_not_followed(bundle, directory, target):
    (bundle / "victim").write_text("precious")
    temporary = bundle / ".new.{0}".format(os.getpid())
    temporary.symlink_to(target)
    with pytest.raises(FileExistsError):
        act.write_atomically(directory, "new", b"data", 0o600)
    assert (bundle / "victim").read_text() == "precious" and not (bundle / "nowhere").exists()
    assert not (bundle / "new").exists()


@pytest.mark.parametrize("step", ["fchmod", "fsync", "rename"])
def test_a_failure_leaves_the_old_file_and_nothing_else(bundle, directory, monkeypatch, step):
    def fail(*_arguments, **_more):
        raise OSError(errno.ENOSPC, "No space left on device")

    (bundle / "new").write_text("old")
    monkeypatch.setattr(act.os, step, fail)
    with pytest.raises(OSError, match="No space left"):
        act.write_atomically(directory, "new", b"data", 0o600)
    monkeypatch.undo()
    assert (bundle / "new").read_text() == "old" and names(bundle) == ["address", "new"]


def test_a_directory_in_its_place_is_an_error_and_nothing_is_left(bundle, directory):
    (bundle / "new").mkdir()
    with pytest.raises(OSError):
        act.write_atomically(directory, "new", b"data", 0o600)
    assert names(bundle) == ["address", "new"] and (bundle / "new").is_dir()


def test_it_is_on_disk_before_it_has_its_name(bundle, directory, monkeypatch):
    order = []
    for step in ("fsync", "rename"):
        real = getattr(os, step)
        monkeypatch.setattr(
            act.os, step, lambda *args, _step=step, _real=real, **more: (order.append(_step), _real(*args, **more))[1]
        )
    act.write_atomically(directory, "new", b"data", 0o600)
    assert order == ["fsync", "rename", "fsync"]


# take


def refused(call, *arguments):
    with pytest.raises(ShimError) as caught:
        call(*arguments)
    assert caught.value.remedy and caught.value.subject
    return caught.value


def a_step(bundle, name="bootstrap.json", keep=True, **fields):
    """The step that gives a bundle a good file, as it is planned from what is there now."""
    with act._opened(str(bundle)) as handle:
        before, inode = bundles.read_file(handle, name, bundles.SMALL), bundles.inode(handle)
    values = {"before": before, "inode": inode, "alive": (processes.look_up(os.getpid()),), "keep": keep}
    values.update(fields)
    return Step("default", str(bundle.name), str(bundle), name, b"{}", why="why", **values)


def test_a_file_is_added_to_a_bundle(bundle):
    assert act.take(a_step(bundle)) is None
    assert (bundle / "bootstrap.json").read_bytes() == b"{}" and names(bundle) == ["address", "bootstrap.json"]


@pytest.mark.parametrize("name, mode", [("bootstrap.json", 0o644), ("address", 0o644), ("shim-binary-path", 0o600)])
def test_each_file_has_the_mode_that_containerd_gives_it(bundle, name, mode):
    before = os.umask(0o077)
    try:
        act.take(a_step(bundle, name))
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
    assert act.take(a_step(bundle)) == "shimops-kept-bootstrap.json"
    kept = os.lstat(str(bundle / "shimops-kept-bootstrap.json"))
    assert (kept.st_ino, kept.st_mode, kept.st_size) == (before.st_ino, before.st_mode, before.st_size)
    assert (bundle / "bootstrap.json").read_bytes() == b"{}" and not (bundle / "bootstrap.json").is_symlink()
    assert precious.read_text() == "precious"
    assert names(bundle) == ["address", "bootstrap.json", "shimops-kept-bootstrap.json"]


@pytest.mark.parametrize("make", [make_file, make_directory])
def test_what_was_kept_before_stays(bundle, make):
    for number in range(3):
        act_name = act.take(a_step(bundle, "address"))
        assert act_name == "shimops-kept-address" + (".{0}".format(number) if number else "")
        os.unlink(str(bundle / "address"))
        make(bundle / "address", "")
    assert len(names(bundle)) == 4


@pytest.mark.parametrize("make", ODD[:-1])
def test_nothing_is_kept_where_nobody_wants_it(bundle, make):
    make(bundle / "bootstrap.json", "/nowhere")
    assert act.take(a_step(bundle, keep=False)) is None
    assert names(bundle) == ["address", "bootstrap.json"] and (bundle / "bootstrap.json").read_bytes() == b"{}"


def test_a_directory_is_kept_in_any_case(bundle):
    make_directory(bundle / "bootstrap.json", "")
    assert act.take(a_step(bundle, keep=False)) == "shimops-kept-bootstrap.json"


@pytest.mark.parametrize("make", ["write_text", "symlink_to"])
def test_a_file_that_appeared_meanwhile_stays(bundle, make):
    step = a_step(bundle)
    getattr(bundle / "bootstrap.json", make)("theirs")
    error = refused(act.take, step)
    assert error.problem == "changed since it was read" and error.subject.endswith("plain1/bootstrap.json")
    assert names(bundle) == ["address", "bootstrap.json"] and os.path.lexists(str(bundle / "bootstrap.json"))
    assert not (bundle / "bootstrap.json").is_file() or (bundle / "bootstrap.json").read_text() == "theirs"


def test_a_file_that_changed_meanwhile_stays(bundle):
    step = a_step(bundle, "address")
    (bundle / "address").write_text("theirs")
    assert refused(act.take, step).problem == "changed since it was read"
    assert (bundle / "address").read_text() == "theirs" and names(bundle) == ["address"]


def test_a_bundle_that_became_a_link_is_not_entered(bundle, tmp_path):
    step = a_step(bundle)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    bundle.rename(tmp_path / "moved")
    bundle.symlink_to(str(elsewhere))
    assert "cannot be written" in refused(act.take, step).problem and names(elsewhere) == []


def test_a_bundle_that_is_gone(bundle):
    step = a_step(bundle)._replace(path=str(bundle / "gone"))
    assert refused(act.take, step).problem == "cannot be written (No such file or directory)"


def test_a_bundle_that_was_replaced_is_not_written(bundle, tmp_path):
    step = a_step(bundle)
    bundle.rename(tmp_path / "moved")
    bundle.mkdir()
    assert refused(act.take, step).problem == "was replaced since it was read"
    assert names(bundle) == [] and names(tmp_path / "moved") == ["address"]


def test_a_bundle_that_is_replaced_while_it_is_written_is_told(bundle, tmp_path, monkeypatch):
    real = act.write_atomically

    def replace(*arguments):
        bundle.rename(tmp_path / "moved")
        bundle.mkdir()
        real(*arguments)

    monkeypatch.setattr(act, "write_atomically", replace)
    assert refused(act.take, a_step(bundle)).problem == "was replaced while it was written"
    # The new bundle is another task's: nothing was written there.
    assert names(bundle) == []


def test_nothing_is_written_for_a_task_that_ended(bundle):
    gone = processes.look_up(os.getpid())._replace(start_time=1)
    error = refused(act.take, a_step(bundle, alive=(processes.look_up(os.getpid()), gone)))
    assert error.problem == "has lost its task or its shim meanwhile" and names(bundle) == ["address"]


@pytest.mark.parametrize("make", [None, *ODD])
def test_a_full_file_system_is_told_and_nothing_is_left(bundle, monkeypatch, make):
    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    if make:
        make(bundle / "bootstrap.json", "/nowhere")
    before = names(bundle), os.lstat(str(bundle / "bootstrap.json")).st_ino if make else None
    step = a_step(bundle)
    monkeypatch.setattr(act.os, "fsync", full)
    error = refused(act.take, step)
    monkeypatch.undo()
    assert error.problem == "cannot be written (No space left on device)"
    assert (names(bundle), os.lstat(str(bundle / "bootstrap.json")).st_ino if make else None) == before


def test_nothing_is_left_open(bundle):
    before = len(os.listdir("/proc/self/fd"))
    step = a_step(bundle)
    act.take(step)
    refused(act.take, step)
    refused(act.take, step._replace(path=str(bundle / "address")))
    assert len(os.listdir("/proc/self/fd")) == before


# take_all


def test_a_bundle_that_cannot_be_written_does_not_hinder_others(bundle, tmp_path):
    other = tmp_path / "plain2"
    other.mkdir()
    first = [a_step(bundle), a_step(bundle, "address")]
    steps = [first[0], first[1]._replace(path=str(tmp_path / "gone")), a_step(other)]
    rows, failed, wrote = act.take_all(steps, False)
    assert wrote and [row["id"] for row in rows] == ["plain2"] and rows[0]["reason"] == "why"
    assert [one.id for one in failed] == ["plain1"] and "cannot be written" in failed[0].reason
    assert names(other) == ["bootstrap.json"]


def test_every_file_of_a_bundle_is_in_one_row(bundle):
    rows, failed, wrote = act.take_all([a_step(bundle), a_step(bundle, "address")], False)
    assert wrote and failed == []
    assert [row["reason"] for row in rows] == ["why; why, what was there is kept as shimops-kept-address"]


def test_check_mode_takes_no_step(bundle):
    rows, failed, wrote = act.take_all([a_step(bundle)], True)
    assert (len(rows), failed, wrote) == (1, [], True) and names(bundle) == ["address"]
    assert act.take_all([], True) == ([], [], False)


# The ledger


@needs_root
def test_a_ledger_is_roots_alone_and_so_is_its_directory(tmp_path):
    path = tmp_path / "a" / "b" / "ledger.json"
    act.save_ledger(str(path), {"b": 1, "a": "\u00e9"})
    assert json.loads(path.read_text()) == {"b": 1, "a": "\u00e9"}
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    act.save_ledger(str(path), {"phase": "restarting"})
    assert json.loads(path.read_text()) == {"phase": "restarting"} and names(path.parent) == ["ledger.json"]


@needs_root
@pytest.mark.parametrize("mode, owner", [(0o777, 0), (0o770, 0), (0o702, 0), (0o1777, 0), (0o700, 12345)])
def test_a_directory_that_others_can_write_gets_no_ledger(tmp_path, mode, owner):
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(mode)
    os.chown(str(place), owner, 0)
    assert "by others than root" in refused(act.save_ledger, str(place / "ledger.json"), {}).problem
    assert names(place) == []


def test_a_directory_that_is_a_link_gets_no_ledger(tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    assert "cannot be written" in refused(act.save_ledger, str(tmp_path / "link" / "ledger.json"), {}).problem
    assert names(tmp_path / "real") == []


def test_a_ledger_is_kept_under_a_name_that_is_free(tmp_path):
    path = tmp_path / "ledger.json"
    for text in ("first", "second", "third"):
        path.write_text(text)
        act.keep_ledger(str(path), "run")
    assert names(tmp_path) == ["ledger.json.run", "ledger.json.run.1", "ledger.json.run.2"]
    assert (tmp_path / "ledger.json.run").read_text() == "first"
    assert (tmp_path / "ledger.json.run.2").read_text() == "third"


def test_a_ledger_that_cannot_be_kept_is_told(tmp_path):
    with pytest.raises(ShimError, match="cannot be kept"):
        act.keep_ledger(str(tmp_path / "gone.json"), "run")


def test_a_directory_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused(act.save_ledger, str(tmp_path / "file" / "ledger.json"), {}).problem


# restart_argv


def test_systemctl_by_its_whole_path_is_the_default(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(act.shutil, "which", lambda name, path: "/bin/" + name if "nowhere" not in path else None)
    for nothing in (None, []):
        assert act.restart_argv(UNIT, nothing) == ["/bin/systemctl", "restart", "--", UNIT]
    monkeypatch.setattr(act.shutil, "which", lambda name, path: None)
    assert "restart_command" in str(refused(act.restart_argv, UNIT, None))


def test_a_command_is_taken_as_it_is():
    assert act.restart_argv(UNIT, ["/bin/sh", "-c", "exit 3", ""]) == ["/bin/sh", "-c", "exit 3", ""]


@pytest.mark.parametrize("program", ["systemctl", "./x", "bin/sh", ""])
def test_a_program_without_its_whole_path_is_refused(program):
    assert refused(act.restart_argv, UNIT, [program]).problem == "is not an absolute path"


def test_a_program_that_is_not_there_is_refused():
    assert refused(act.restart_argv, UNIT, ["/nowhere/x"]).problem == "cannot be found"


@pytest.fixture
def program(tmp_path):
    """A program of root in a directory of root."""
    path = tmp_path / "bin" / "restart"
    path.parent.mkdir(mode=0o755)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@needs_root
def test_a_program_of_root_is_accepted(program, tmp_path):
    assert act.restart_argv(UNIT, [str(program), "now"]) == [str(program), "now"]
    (program.parent / "link").symlink_to("restart")
    assert act.restart_argv(UNIT, [str(program.parent / "link")]) == [str(program.parent / "link")]


@needs_root
@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
def test_a_program_that_others_can_write_is_refused(program, mode):
    program.chmod(mode)
    assert refused(act.restart_argv, UNIT, [str(program)]).problem == "can be changed by others than root"


@needs_root
@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_directory_that_others_can_write_is_refused(program, mode):
    program.parent.chmod(mode)
    assert refused(act.restart_argv, UNIT, [str(program)]).problem == "can be changed by others than root"


@needs_root
def test_owners_other_than_root_are_refused(program):
    os.chown(str(program), 12345, 0)
    assert refused(act.restart_argv, UNIT, [str(program)]).problem == "can be changed by others than root"
    os.chown(str(program), 0, 0)
    os.chown(str(program.parent), 12345, 0)
    assert refused(act.restart_argv, UNIT, [str(program)]).problem == "can be changed by others than root"


@needs_root
def test_a_link_that_others_can_point_elsewhere_is_refused(program, tmp_path):
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(0o777)
    (place / "link").symlink_to(str(program))
    assert refused(act.restart_argv, UNIT, [str(place / "link")]).problem == "can be changed by others than root"


@needs_root
def test_a_program_that_cannot_be_executed_is_refused(program):
    program.chmod(0o644)
    assert refused(act.restart_argv, UNIT, [str(program)]).problem == "cannot be executed"


# restart


def test_a_command_runs_without_a_shell_an_input_or_our_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "hunter2")
    out = tmp_path / "out"
    script = 'cat; env > "$0"; echo "$1" >> "$0"; echo complaint >&2; exit 3'
    running = act.restart(["/bin/sh", "-c", script, str(out), "$(id) *"])
    assert running.process.wait(20) == running.code() == 3
    lines = out.read_text().splitlines()
    assert lines[-1] == "$(id) *" and not [line for line in lines if "hunter2" in line]
    assert "LC_ALL=C" in lines and running.words() == "complaint"


def test_a_command_under_way_has_no_status_yet():
    running = act.restart(["/bin/cat", "/dev/zero"])
    try:
        assert running.code() is None
        assert os.getsid(running.process.pid) == running.process.pid != os.getsid(0)
    finally:
        running.process.kill()
        running.process.wait(20)


def test_only_the_end_of_long_complaints_is_kept():
    running = act.restart(["/bin/sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x >&2; echo end. >&2"])
    running.process.wait(20)
    assert len(running.words()) <= 300 and running.words().endswith("xend")


def test_a_command_that_cannot_be_started_is_told():
    assert refused(act.restart, ["/nowhere/x"]).problem == "cannot be started (No such file or directory)"
