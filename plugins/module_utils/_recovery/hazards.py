# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hazards of a restart that are not about one bundle. Pure. Internal to the collection.

Source: recovery-spec section 7. A hazard overrules the forecast of every live task of the host.
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._recovery.unit import Unit


class Hazard(NamedTuple):
    """One hazard; ``outcome`` is what it does to every live task, or None when it only delays or warns."""

    id: str
    outcome: Optional[str]
    reason: str
    remedy: str

    def told(self) -> dict:
        """As the modules return it."""
        return self._asdict()


def of_unit(unit: Optional[Unit], start_estimate: float) -> List[Hazard]:
    """What the unit's loaded properties and its start time-out mean for a restart."""
    if unit is None:
        return []
    found = []
    if unit.kill_mode != "process":
        found.append(
            Hazard(
                "kill_mode",
                "killed",
                "KillMode={0}: systemd would not stop containerd alone".format(unit.kill_mode),
                "set KillMode=process in a drop-in of {0} and run systemctl daemon-reload".format(unit.name),
            )
        )
    if unit.need_daemon_reload:
        found.append(
            Hazard(
                "unit_not_loaded",
                "unknown",
                "{0} was changed on disk and not loaded".format(unit.name),
                "run systemctl daemon-reload, then look again",
            )
        )
    if unit.timeout_start is not None and start_estimate >= unit.timeout_start:
        found.append(
            Hazard(
                "start_timeout",
                "hangs",
                "loading would take {0:g} s, and systemd gives it {1:g} s".format(start_estimate, unit.timeout_start),
                "mend the shims that do not answer, or raise TimeoutStartSec",
            )
        )
    return found
