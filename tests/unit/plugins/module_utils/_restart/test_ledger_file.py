# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's file: root's alone, synced, kept for a later run."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._restart import ledger_file

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs files of root and of others")


def names(path):
    return sorted(os.listdir(str(path)))


def refused(call, *arguments):
    with pytest.raises(ShimError) as caught:
        call(*arguments)
    assert caught.value.remedy and caught.value.subject
    return caught.value


@needs_root
def test_a_ledger_is_roots_alone_and_so_is_its_directory(tmp_path):
    path = tmp_path / "a" / "b" / "ledger.json"
    ledger_file.save(str(path), {"b": 1, "a": "\u00e9"})
    assert json.loads(path.read_text()) == {"b": 1, "a": "\u00e9"}
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    ledger_file.save(str(path), {"phase": "restarting"})
    assert json.loads(path.read_text()) == {"phase": "restarting"} and names(path.parent) == ["ledger.json"]


@needs_root
@pytest.mark.parametrize("mode, owner", [(0o777, 0), (0o770, 0), (0o702, 0), (0o1777, 0), (0o700, 12345)])
def test_a_directory_that_others_can_write_gets_no_ledger(tmp_path, mode, owner):
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(mode)
    os.chown(str(place), owner, 0)
    assert "by users other than root" in refused(ledger_file.save, str(place / "ledger.json"), {}).problem
    assert names(place) == []


def test_a_directory_that_is_a_link_gets_no_ledger(tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    assert "cannot be written" in refused(ledger_file.save, str(tmp_path / "link" / "ledger.json"), {}).problem
    assert names(tmp_path / "real") == []


def test_a_ledger_is_kept_under_a_name_that_is_free(tmp_path):
    path = tmp_path / "ledger.json"
    for text in ("first", "second", "third"):
        path.write_text(text)
        ledger_file.keep(str(path), "run")
    assert names(tmp_path) == ["ledger.json.run", "ledger.json.run.1", "ledger.json.run.2"]
    assert (tmp_path / "ledger.json.run").read_text() == "first"
    assert (tmp_path / "ledger.json.run.2").read_text() == "third"


def test_a_ledger_that_cannot_be_kept_is_reported(tmp_path):
    with pytest.raises(ShimError, match="cannot be kept"):
        ledger_file.keep(str(tmp_path / "gone.json"), "run")


def test_a_directory_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused(ledger_file.save, str(tmp_path / "file" / "ledger.json"), {}).problem
