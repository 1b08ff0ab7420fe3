# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rescuable: whether a bundle that a restart would lose could be mended beforehand. Pure. Internal to the collection.

The one place that says so: the forecast counts by it, shim_migrate acts by it.
"""

from __future__ import annotations

from ansible_collections.shimops.containerd.plugins.module_utils._recovery.case import Case
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.forecast import Forecast

# Rows where the files that lead to the shim are missing or damaged.
_BOOTSTRAP = frozenset("B1 B2 B3 B7 B8 B9 B11 B12 B13 B15 B18 B19 C2 C3 C4".split())
# Rows where shim-binary-path names what is not there.
_BINARY = frozenset(("F1", "F2"))


def rescuable(case: Case, one: Forecast) -> bool:
    """Whether rewriting a file of the bundle would turn this forecast into ``reattached``.

    Its task has to live, and where a shim was asked it has to have answered.
    """
    if not one.at_risk or case.bundle is None or case.bundle.init is None:
        return False
    said = case.best_answers
    if one.rule in _BINARY:
        return bool(said and said.service)
    return one.rule in _BOOTSTRAP and not (said and not said.service)
