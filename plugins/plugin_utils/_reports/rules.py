# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules: the packs and waivers that an audit's report is judged by. Internal to the collection."""

from __future__ import annotations

import datetime
from typing import Callable, Dict, List, Sequence, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.audit import rules_of
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.files import STAGE
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import Rule

#: The packs that come with the collection.
SHIPPED = ("restart_safety", "upgrade_readiness", "security", "hygiene")


def engine(sources: Sequence, waivers: object, today: datetime.date) -> Tuple[Dict[str, Rule], Callable]:
    """The rules by their ids, and who judges a document by them.

    :raises ShimError: when a pack or a waiver cannot be used.
    """
    # Here and not above: a roll is reported without jmespath.
    from ansible_collections.shimops.containerd.plugins.plugin_utils._rules import evaluation, rule_packs, waiver_list

    try:
        packs = rule_packs.load(sources)
        accepted = waiver_list.load(waivers)
    except (rule_packs.PackError, waiver_list.WaiverError) as problem:
        raise ShimError(STAGE, "the rules", "cannot be used: " + str(problem).rstrip(".")) from problem

    def judge(document: dict) -> List[dict]:
        return evaluation.judge(document, packs, accepted, today)

    return rules_of(packs), judge
