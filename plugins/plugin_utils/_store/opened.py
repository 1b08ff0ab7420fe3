# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open: the store of a run, by what a task is given. Internal."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants

from ansible_collections.shimops.containerd.plugins.plugin_utils._store.folder_store import FolderStore
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.redis_store import RedisStore
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import Store


def opened(run_folder: str, secret: str | None) -> Store:
    """Return the store of a run that was begun.

    :param run_folder: as ``fleet_run`` returned it: a folder, or the URL of a run.
    :param secret: the password of a Redis.
    """
    return RedisStore.of(run_folder, secret) if "://" in run_folder else FolderStore(Path(run_folder))


def temporary_run_dir() -> Path:
    """Return where runs of check mode are kept: ansible-playbook removes it at its end, so a check leaves nothing."""
    # ansible.constants sets its settings as attributes when it is imported, which no type checker sees.
    return Path(constants.DEFAULT_LOCAL_TMP) / "shimops-runs"  # type: ignore[attr-defined]


def password(templar: Any, task_vars: Mapping) -> str | None:
    """Return the password for a Redis: from the controller's environment, else from a variable, which can be vaulted.

    It is no option of a task, so no result and no log holds it.
    """
    found = os.environ.get("SHIMOPS_RUN_STORE_PASSWORD") or task_vars.get("shimops_run_store_password")
    return str(templar.template(found)) if found else None
