# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a hazard of a restart is. Pure. Internal to the collection."""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional, Tuple


class Hazard(NamedTuple):
    """One hazard; ``outcome`` is what it does to every live task, or None when it only delays or warns.

    ``namespaces`` are the only ones it concerns, or None for all.
    """

    id: str
    outcome: Optional[str]
    reason: str
    remedy: str
    namespaces: Optional[Tuple[str, ...]] = None

    def row(self) -> Dict[str, Optional[str]]:
        """As the modules return it."""
        return {"id": self.id, "outcome": self.outcome, "reason": self.reason, "remedy": self.remedy}
