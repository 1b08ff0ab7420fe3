# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replacing: what is on the disk afterwards, whatever happened, and what is reported of it."""

from __future__ import annotations

import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._packages import dpkg, files, replace, staged
from ansible_collections.shimops.containerd.plugins.module_utils._packages.staged import Staged

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="what is staged has to be root's")


def program(path, says):
    path.write_text("#!/bin/sh\necho containerd x {0}\n".format(says))
    path.chmod(0o755)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """containerd 1.7.24 and its shim in a directory, and both staged for 2.1.9 and back."""
    monkeypatch.setattr(replace, "_RUNC", ())
    monkeypatch.setattr(files, "_SPARE", 0)
    home = tmp_path / "bin"
    home.mkdir()
    for name in ("containerd", "containerd-shim-runc-v2", "containerd-shim-runc-v1"):
        program(home / name, "1.7.24")
    made = {}
    for release in ("1.7.24", "2.1.9"):
        room = tmp_path / "staging" / release
        room.mkdir(parents=True, mode=0o700)
        for name in ("containerd", "containerd-shim-runc-v2"):
            program(room / name, release)
        names = ("containerd", "containerd-shim-runc-v2")
        made[release] = Staged(str(room), "tarball", release, release, None, names, str(home / "containerd"))
        staged.save(made[release])
    return home, made


def says(home, name="containerd"):
    return (home / name).read_text().split()[-1]


def test_all_programs_are_replaced_and_what_is_gone_stays(place):
    home, made = place
    record = replace.install(replace.ready(made["2.1.9"]), None)
    assert record["replaced"] == [str(home / "containerd"), str(home / "containerd-shim-runc-v2")]
    assert record["since"] > 0 and record["config"] is None and record["release"] == "2.1.9"
    assert says(home) == says(home, "containerd-shim-runc-v2") == "2.1.9"
    assert says(home, "containerd-shim-runc-v1") == "1.7.24"
    assert sorted(os.listdir(str(home))) == ["containerd", "containerd-shim-runc-v1", "containerd-shim-runc-v2"]


def test_the_rollback_is_found_next_to_it(place):
    _home, made = place
    assert replace.rollback(made["2.1.9"]) == made["1.7.24"]
    staged.save(made["1.7.24"]._replace(kind="nothing"))
    assert replace.rollback(made["2.1.9"]) is None


@pytest.mark.parametrize("broken", ["before anything", "half way"])
def test_a_package_that_fails(place, monkeypatch, broken):
    home, made = place

    def install(paths):
        if "2.1.9" in paths[0] and broken == "before anything":
            raise ShimError("package", "dpkg --install", "failed: no", "correct it")
        files.replace_together(str(home), paths[:1] if "2.1.9" in paths[0] else paths)
        if "2.1.9" in paths[0]:
            raise ShimError("package", "dpkg --install", "failed: half", "correct it")

    monkeypatch.setattr(dpkg, "install", install)
    new, old = (made[release]._replace(kind="apt") for release in ("2.1.9", "1.7.24"))
    with pytest.raises(ShimError) as caught:
        replace.install(new, old)
    reported = str(caught.value)
    assert says(home) == says(home, "containerd-shim-runc-v2") == "1.7.24"
    assert reported.startswith("package: 2.1.9 was not installed (dpkg --install failed: ")
    assert reported.endswith("containerd is as it was.") and ("was put back" in reported) is (broken == "half way")
    if broken == "half way":
        with pytest.raises(ShimError, match="and the disk no longer fits the containerd that runs; no new container"):
            replace.install(new, None)
        assert says(home) == "2.1.9"


def test_a_package_that_replaces_nothing_is_no_installation(place, monkeypatch):
    _home, made = place
    monkeypatch.setattr(dpkg, "install", lambda paths: None)
    with pytest.raises(
        ShimError, match=r"was not installed \(\S+/containerd was not replaced\); containerd is as it was"
    ):
        replace.install(made["2.1.9"]._replace(kind="apt"), None)


def test_configuration_is_replaced_and_comes_back_when_that_fails(place, tmp_path, monkeypatch):
    home, made = place
    config = tmp_path / "config.toml"
    config.write_text("version = 2\n")
    config.chmod(0o640)
    fresh = os.path.join(made["2.1.9"].directory, "config.toml")
    with open(fresh, "w") as stream:
        stream.write("version = 3\n")
    plan = made["2.1.9"]._replace(config="config.toml", config_path=str(config))
    monkeypatch.setattr(dpkg, "install", lambda paths: None)
    with pytest.raises(ShimError):
        replace.install(plan._replace(kind="apt"), None)
    assert config.read_text() == "version = 2\n" and os.listdir(str(tmp_path)).count("config.toml") == 1
    record = replace.install(plan, None)
    assert record["config"] == str(config) + ".before-2.1.9"
    assert config.read_text() == "version = 3\n" and config.stat().st_mode & 0o777 == 0o640
    with open(record["config"]) as stream:
        assert stream.read() == "version = 2\n"
    # A second time there is nothing to do, and the first copy stays.
    assert replace.install(plan, None)["config"] is None
    assert says(home) == "2.1.9"


def test_what_was_staged_has_to_be_there(place):
    _home, made = place
    os.unlink(made["2.1.9"].paths()[1])
    with pytest.raises(ShimError, match="is not there any more; stage the release again"):
        replace.ready(made["2.1.9"])


def test_room_is_audited_before(place, monkeypatch):
    _home, made = place
    monkeypatch.setattr(files, "_SPARE", 1 << 60)
    with pytest.raises(ShimError, match=r"the file system of \S+ has \d+ MB free, and \d+ MB are needed; make room"):
        replace.ready(made["2.1.9"])


def test_nothing_to_install_is_no_failure(place):
    home, made = place
    record = replace.install(made["1.7.24"]._replace(kind="nothing", files=()), None)
    assert (record["replaced"], record["since"]) == ([], None) and says(home) == "1.7.24"
