# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stop file of a failed upgrade: written once, with its reason, and taken away by its own run alone."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils import _stop_file


@pytest.fixture
def place(tmp_path, monkeypatch):
    path = tmp_path / "shimops" / "hold"
    monkeypatch.setattr(_stop_file, "PLACE", str(path))
    return path


def test_frozen_and_thawed_by_its_run(place):
    _stop_file.write("up-1", "verify: 1 killed")
    found = json.loads(place.read_text())
    assert (found["run_id"], found["reason"]) == ("up-1", "verify: 1 killed") and found["at"] > 0
    assert _stop_file.written_by() == "up-1"
    _stop_file.remove("up-2")
    assert place.exists()
    _stop_file.remove("up-1")
    assert not place.exists() and _stop_file.written_by() is None


@pytest.mark.parametrize("text", ["", "held by hand", "[]", "{}", '{"run_id": null}'])
def test_a_stop_file_of_people_stays_theirs(place, text):
    place.parent.mkdir()
    place.write_text(text)
    _stop_file.write("up-1", "verify: 1 killed")
    assert place.read_text() == text and _stop_file.written_by() is None
    _stop_file.remove("up-1")
    assert place.read_text() == text


def test_a_link_is_neither_read_nor_written_through(place, tmp_path):
    place.parent.mkdir()
    (tmp_path / "other").write_text('{"run_id": "up-1"}')
    place.symlink_to(tmp_path / "other")
    assert _stop_file.written_by() is None
    _stop_file.write("up-2", "x")
    assert (tmp_path / "other").read_text() == '{"run_id": "up-1"}'


def test_a_fifo_does_not_block(place):
    place.parent.mkdir()
    os.mkfifo(str(place))
    assert _stop_file.written_by() is None
