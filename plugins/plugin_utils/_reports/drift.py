# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drift: one host's findings against those of an earlier run, judged by the same rules. Internal to the collection."""

from __future__ import annotations

from typing import Optional

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import UNKNOWN, HostReport


def compare(now: HostReport, before: Optional[HostReport]) -> HostReport:
    """``now``, with each finding marked as new or not, and with those that are gone.

    What the earlier run could not know is new in this one. What this one could not see is not gone.
    """
    if now.state in UNKNOWN:
        return now
    if before is None or before.state in UNKNOWN:
        return now._replace(findings=tuple(one if one.unknown else one._replace(new=True) for one in now.findings))
    blind = {one.rule for one in now.findings if one.unknown}
    then = {one.key for one in before.findings if not one.unknown}
    still = {one.key for one in now.findings if not one.unknown}
    findings = tuple(one if one.unknown else one._replace(new=one.key not in then) for one in now.findings)
    gone = tuple(
        one
        for one in before.findings
        if not one.unknown and one.key not in still and one.rule in now.checked and one.rule not in blind
    )
    return now._replace(findings=findings, gone=gone)
