# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""containerd's release archive: its checksum, its programs, and everything that is not one of them."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._packages import tarball


def archive(path, *members):
    """An archive; each member is (name, type or text)."""
    with tarfile.open(str(path), "w:gz") as made:
        for name, what in members:
            info = tarfile.TarInfo(name)
            if isinstance(what, str):
                info.size = len(what)
                made.addfile(info, io.BytesIO(what.encode()))
                continue
            info.type, info.linkname = what, "/etc/shadow"
            made.addfile(info)
    return str(path)


@pytest.fixture
def good(tmp_path):
    members = [("bin", tarfile.DIRTYPE), ("bin/containerd", "one"), ("./bin/ctr", "two")]
    return archive(tmp_path / "good.tar.gz", *members)


def digest(path):
    with open(path, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


@pytest.mark.parametrize("prefix", ["", "sha256:"])
def test_the_right_checksum(good, prefix):
    tarball.check(good, prefix + digest(good))


def test_another_checksum_is_refused_and_reported(good):
    with pytest.raises(ShimError, match="has the SHA-256 " + digest(good) + ", which is not its checksum"):
        tarball.check(good, "0" * 64)


@pytest.mark.parametrize("checksum", ["", "md5:" + "0" * 32, "0" * 63, "0" * 65, "G" * 64])
def test_what_is_no_checksum(good, checksum):
    with pytest.raises(ShimError, match="checksum is not a SHA-256"):
        tarball.check(good, checksum)


def test_unpacked(good, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    assert tarball.unpack(good, str(target)) == ["containerd", "ctr"]
    assert (target / "containerd").read_bytes() == b"one" and (target / "ctr").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize(
    "name, what",
    [
        ("../x", "x"),
        ("/bin/x", "x"),
        ("bin/../../x", "x"),
        ("bin/sub/x", "x"),
        ("bin/.x", "x"),
        ("etc/x", "x"),
        ("bin/x", tarfile.SYMTYPE),
        ("bin/x", tarfile.LNKTYPE),
        ("bin/x", tarfile.CHRTYPE),
        ("bin/x", tarfile.FIFOTYPE),
    ],
)
def test_anything_else_is_refused_and_nothing_written(tmp_path, name, what):
    target = tmp_path / "target"
    target.mkdir()
    path = archive(tmp_path / "bad.tar.gz", ("bin/containerd", "one"), (name, what))
    with pytest.raises(ShimError, match="which is no program below bin"):
        tarball.unpack(path, str(target))
    assert os.listdir(str(target)) == [] and sorted(os.listdir(str(tmp_path))) == ["bad.tar.gz", "target"]


def test_without_containerd(tmp_path):
    with pytest.raises(ShimError, match="has no bin/containerd in it"):
        tarball.unpack(archive(tmp_path / "a.tar.gz", ("bin/ctr", "x")), str(tmp_path))


@pytest.mark.parametrize("cut", [0, 10, 60])
def test_a_damaged_archive(good, tmp_path, cut):
    with open(good, "rb") as stream:
        data = stream.read()[:cut]
    (tmp_path / "cut.tar.gz").write_bytes(data)
    with pytest.raises(ShimError, match="is no archive that tar can read"):
        tarball.unpack(str(tmp_path / "cut.tar.gz"), str(tmp_path))
