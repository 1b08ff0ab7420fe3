# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether this module has changed the host, so that a result that ends early says so. Internal to the collection.

Whoever writes, installs or restarts notes it right before: ``changed`` may then be true of a change that failed, but
never false of one that was made.
"""

from __future__ import annotations

from typing import List

_NOTED: List[bool] = []


def note() -> None:
    """Something of the host is about to be changed."""
    _NOTED.append(True)


def made() -> bool:
    """Whether something was noted since the module began."""
    return bool(_NOTED)


def begin() -> None:
    """Forget what an earlier module of the same process noted."""
    del _NOTED[:]
