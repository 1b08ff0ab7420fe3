# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings: the options and the result of containerd_hold. Pure. Internal to the collection."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host.layouts import LAYOUTS
from ansible_collections.shimops.containerd.plugins.module_utils._interference.hold import HoldResult

_UNIT = re.compile(r"[\w@:.\\-]+\.(service|timer|path|socket)")


def names(units: Optional[List[str]]) -> List[str]:
    """The units the operator names; raises ShimError for one that cannot be one, or that is containerd's own."""
    own = {unit for layout in LAYOUTS.values() for unit in layout.units}
    for name in units or ():
        if not _UNIT.fullmatch(name) or name.startswith("-"):
            raise ShimError(
                "options", "units={0}".format(name), "is not a unit", "give its whole name, with its suffix"
            )
        if name in own:
            raise ShimError("options", "units={0}".format(name), "runs containerd itself", "leave it out")
    return list(units or ())


def runtime_units(options: Dict[str, Any]) -> Tuple[str, ...]:
    """The units that containerd can run in: the one that is named, or all those of the layout."""
    if options.get("unit"):
        return (options["unit"],)
    chosen = LAYOUTS.values() if options["layout"] == "auto" else (LAYOUTS[options["layout"]],)
    return tuple(unit for layout in chosen for unit in layout.units)


def result(kept: HoldResult) -> Dict[str, Any]:
    """What the module returns of a Kept."""
    held = sum(1 for row in kept.found if row.held)
    parts = []
    if kept.released:
        parts.append("{0} put back that the run {1} had held".format(len(kept.released), kept.earlier))
    if kept.found:
        parts.append("{0} of {1} held".format(held, len(kept.found)))
    return {
        "changed": kept.changed,
        "found": [dict(row._asdict()) for row in kept.found],
        "released": list(kept.released),
        "earlier_run": kept.earlier,
        "summary": {
            "found": len(kept.found),
            "held": held,
            "not_held": len(kept.found) - held,
            "released": len(kept.released),
        },
        "msg": "; ".join(parts) or "nothing to hold and nothing to put back",
        "failure": kept.failure,
    }
