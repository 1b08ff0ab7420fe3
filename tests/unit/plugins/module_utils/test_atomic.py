# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Atomic writes: links are not followed, and a failure leaves nothing."""

from __future__ import annotations

import errno
import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils import _atomic


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


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640])
def test_a_file_is_written_with_its_mode_whatever_the_umask(bundle, directory, mode):
    before = os.umask(0o077)
    try:
        _atomic.write_atomically(directory, "new", b"data", mode)
    finally:
        os.umask(before)
    assert (bundle / "new").read_bytes() == b"data" and (bundle / "new").stat().st_mode & 0o7777 == mode
    assert names(bundle) == ["address", "new"]


def test_a_link_in_its_place_is_replaced_and_not_followed(bundle, directory, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (bundle / "new").symlink_to(str(victim))
    _atomic.write_atomically(directory, "new", b"data", 0o600)
    assert victim.read_text() == "precious" and not (bundle / "new").is_symlink()
    assert (bundle / "new").read_bytes() == b"data"


@pytest.mark.parametrize("target", ["victim", "nowhere"])
def test_a_link_in_place_of_the_temporary_file_is_not_followed(bundle, directory, target):
    (bundle / "victim").write_text("precious")
    temporary = bundle / ".new.{0}".format(os.getpid())
    temporary.symlink_to(target)
    with pytest.raises(FileExistsError):
        _atomic.write_atomically(directory, "new", b"data", 0o600)
    assert (bundle / "victim").read_text() == "precious" and not (bundle / "nowhere").exists()
    assert not (bundle / "new").exists()


@pytest.mark.parametrize("step", ["fchmod", "fsync", "rename"])
def test_a_failure_leaves_the_old_file_and_nothing_else(bundle, directory, monkeypatch, step):
    def fail(*_arguments, **_more):
        raise OSError(errno.ENOSPC, "No space left on device")

    (bundle / "new").write_text("old")
    monkeypatch.setattr(_atomic.os, step, fail)
    with pytest.raises(OSError, match="No space left"):
        _atomic.write_atomically(directory, "new", b"data", 0o600)
    monkeypatch.undo()
    assert (bundle / "new").read_text() == "old" and names(bundle) == ["address", "new"]


def test_a_directory_in_its_place_is_an_error_and_nothing_is_left(bundle, directory):
    (bundle / "new").mkdir()
    with pytest.raises(OSError):
        _atomic.write_atomically(directory, "new", b"data", 0o600)
    assert names(bundle) == ["address", "new"] and (bundle / "new").is_dir()


def test_it_is_on_disk_before_it_has_its_name(bundle, directory, monkeypatch):
    order = []
    for step in ("fsync", "rename"):
        real = getattr(os, step)
        monkeypatch.setattr(
            _atomic.os,
            step,
            lambda *args, _step=step, _real=real, **more: (order.append(_step), _real(*args, **more))[1],
        )
    _atomic.write_atomically(directory, "new", b"data", 0o600)
    assert order == ["fsync", "rename", "fsync"]
