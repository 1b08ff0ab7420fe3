# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host decision: whether a host is refused, or needs nothing, by its forecast and its rules. Pure. Internal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ansible_collections.shimops.containerd.plugins.module_utils._forecast.upgrade_paths import UpgradePath, judge

_RELEASE = re.compile(r"\d+[.]\d+[.]\d+")


class Decision(NamedTuple):
    """What a run does with a host: ``state`` is ``refused``, ``current``, or empty where the host may begin.

    ``notes`` are sentences on the release, to be shown before an upgrade.
    """

    state: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()


def decide(result: Mapping, on_risk: str, rescue: bool, version: str = "") -> Decision:
    """Decide by a whole result of ``shim_probe``.

    :param on_risk: ``refuse`` or ``proceed``.
    :param rescue: whether damaged bundles are rescued before the restart.
    :param version: the pinned version of an upgrade; empty for a restart.
    """
    if not version:
        return _refused(_risk(result, on_risk, rescue))
    found = _RELEASE.search(version)
    release, known = found[0] if found else "", result["release"]
    if version == release == known["running"] == known["installed"]:
        summary = result["summary"]
        tasks = f"{summary['tasks']} tasks, {summary['at_risk']} at risk"
        return Decision("current", f"containerd {release} already runs and is installed, {tasks}")
    path = UpgradePath(True, "", ())
    if known["running"]:
        path = judge(known["running"], known["installed"], release)
    if not path.allowed:
        return _refused(path.refusal)
    refusal = _rollback(result) if path.backward else _risk(result, on_risk, rescue)
    return _refused(refusal)._replace(notes=tuple(path.notes))


def _refused(reason: str) -> Decision:
    return Decision("refused" if reason else "", reason)


def _risk(result: Mapping, on_risk: str, rescue: bool) -> str:
    """The refusals of the forecast and of the rules; the rules leave out themselves what can be rescued."""
    if on_risk == "proceed":
        return ""
    rescuable = rescue and result["summary"].get("rescuable", 0) > 0
    parts = ["" if rescuable else result.get("refusal") or "", (result.get("judged") or {}).get("refusal") or ""]
    return " ".join(part for part in parts if part)


def _rollback(result: Mapping) -> str:
    """A rollback has no rescue and no on_risk: every container it would lose is named."""
    refusal = str(result.get("refusal") or "")
    lost = ", ".join(f"{row['namespace']}/{row['id']}" for row in result["shims"] if row["at_risk"])
    return f"{refusal} A rollback would lose {lost}." if refusal and lost else refusal
