# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both stores, each as a run has it: a folder, and a run in a real Redis."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.append(os.environ.get("ANSIBLE_COLLECTIONS_PATH", "").split(os.pathsep)[0])

from ansible_collections.shimops.containerd.plugins.plugin_utils._store.folder_store import (
    FolderStore,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.redis_store import (
    RedisStore,
)
from lab import redis_server


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A Redis that nothing happens to."""
    with redis_server.running(tmp_path_factory.mktemp("redis")) as one:
        yield one


@pytest.fixture
def own(tmp_path):
    """A Redis of one test's own."""
    with redis_server.running(tmp_path / "redis") as one:
        yield one


@pytest.fixture(params=["folder", "redis"])
def connect(request, tmp_path, server):
    """Give the store of a run by its name; twice the same name is the same run."""

    def give(name="one"):
        if request.param == "folder":
            store = FolderStore(tmp_path / name)
            store.make()
            return store
        return RedisStore(server.url, server.password, f"{tmp_path.name[-40:]}.{name}")

    return give
