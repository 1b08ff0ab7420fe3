# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""containerd's databases on disk: what bolt would open, and what it would not."""

from __future__ import annotations

import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._host import storage
from ansible_collections.shimops.containerd.tests.unit.support.databases import GOOD, meta
from ansible_collections.shimops.containerd.tests.unit.support.observations import a_daemon

META, MOUNTS = "io.containerd.metadata.v1.bolt/meta.db", "io.containerd.mount-manager.v1.bolt/mounts.db"


@pytest.fixture
def problems(tmp_path):
    """What is said of both databases when they have this content; None is no file, a string what to make of it."""
    daemon = a_daemon(state_dir=str(tmp_path / "state"), root_dir=str(tmp_path / "root"))

    def give(content):
        for path in (tmp_path / "root" / META, tmp_path / "state" / MOUNTS):
            path.parent.mkdir(parents=True)
            if content == "directory":
                path.mkdir()
            elif content == "fifo":
                os.mkfifo(str(path))
            elif content is not None:
                path.write_bytes(content)
        found = {storage.metadata_problem(daemon), storage.mounts_problem(daemon)}
        assert len(found) == 1
        return found.pop()

    return give


@pytest.mark.parametrize(
    "content, problem",
    [
        (GOOD, None),
        (GOOD + b"whatever is behind it", None),
        (meta(16384) + meta(16384), None),
        # One of the two is enough: bolt writes them in turn.
        (bytes(4096) + meta(), None),
        (meta() + bytes(4096), None),
        (meta(wrong=1) + meta(), None),
        (None, "missing"),
        (b"", "missing"),
        (b"no database", "damaged"),
        (bytes(8192), "damaged"),
        (meta(wrong=1) + meta(wrong=1), "damaged"),
        (meta(magic=1) + meta(magic=1), "damaged"),
        (meta(version=1) + meta(version=1), "damaged"),
        (GOOD[:5000], "damaged"),
        (GOOD[:70], "damaged"),
        ("directory", "damaged"),
        # Nothing here waits for somebody to write.
        ("fifo", "damaged"),
    ],
)
def test_databases(problems, content, problem):
    assert problems(content) == problem
