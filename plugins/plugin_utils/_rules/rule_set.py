# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rule set: packs and waivers that are ready to judge documents. Internal to the collection."""

from __future__ import annotations

import datetime
from typing import Any, List, NamedTuple, Sequence

from ansible_collections.shimops.containerd.plugins.plugin_utils._rules import evaluation, rule_packs, waiver_list
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.builtin_types import to_builtin
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.rule_packs import Pack
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.waiver_list import Waiver


class RulesError(Exception):
    """A pack or a waiver cannot be used; one sentence that names it."""


class RuleSet(NamedTuple):
    """Loaded packs, and the waivers that accept some of their findings."""

    packs: Sequence[Pack]
    waivers: Sequence[Waiver]

    def judge(self, document: dict, today: datetime.date) -> List[dict]:
        """Return one result for each rule, in the order of the packs."""
        return evaluation.judge(document, self.packs, self.waivers, today)


def load(packs: Any, waivers: Any) -> RuleSet:
    """Read and check packs and waivers as users give them.

    :param packs: names of shipped packs, paths of YAML files, or packs as mappings; None for none.
    :param waivers: a list of waivers, or the path of a YAML file with one; None for none.
    :raises RulesError: when one of them cannot be used.
    """
    try:
        return RuleSet(rule_packs.load(to_builtin(packs or ())), waiver_list.load(to_builtin(waivers or ())))
    except (rule_packs.PackError, waiver_list.WaiverError) as problem:
        raise RulesError(str(problem)) from None
