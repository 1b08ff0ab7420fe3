# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Summary of the ledger already on the host. Internal to the collection."""

from __future__ import annotations

from typing import Any, Dict

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._restart import ledger_file
from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict import LOST


def brief(path: str) -> Dict[str, Any]:
    """The run of the ledger at that path, how far it came, how many tasks it lost; empty without a ledger."""
    try:
        book = ledger_file.load(path)
    except ShimError as error:
        return {"problem": str(error)}
    if book is None:
        return {}
    lost = sum(1 for one in book["verdicts"] if one.get("verdict") in LOST)
    return {"run_id": book["run_id"], "phase": book["phase"], "lost": lost}
