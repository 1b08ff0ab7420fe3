# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judged: what the rules say of one host in few words, for the play that looked at it. Internal."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.evaluation import refusing
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.rule_set import RuleSet
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import HOST_DOCUMENT, Entry
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import Store

_LONGEST = 400


def judged(document: dict, rules: RuleSet, rescue: bool) -> dict:
    """Return how many findings each rule has, and in one sentence why the host is to be refused, else empty.

    :param rescue: leave out of the refusal what shim_migrate with rescue would repair.
    """
    results = rules.judge(document, datetime.datetime.now(datetime.timezone.utc).date())
    counts = {
        status: {one["rule"]: len(one["findings"]) for one in results if one["status"] == status}
        for status in ("failed", "waived", "unknown")
    }
    return {**counts, "refusal": _refusal(refusing(results), _repairable(document) if rescue else set())}


def keep(store: Store, document: dict) -> None:
    """Write the host document into the store of a run, whole or not at all."""
    store.transact(lambda entries: entries.put(Entry(HOST_DOCUMENT, document["host"]), document))


def _repairable(document: dict) -> set:
    return {(row["namespace"], row["id"]) for row in document["bundles"] or () if row["rescuable"]}


def _refusal(results: Sequence[dict], repairable: set) -> str:
    """The first blocker with its first finding, and how many others there are."""
    for result in results:
        found = [one for one in result["findings"] if not one["waiver"]]
        found = [one for one in found if (one["namespace"], one["id"]) not in repairable]
        if found:
            sentence = _about(found[0]) + (f" and {len(found) - 1} more" if len(found) > 1 else "")
            why = "" if found[0]["text"] == result["title"] else f" ({found[0]['text']})"
            return f"rule {result['rule']}: {result['title']}{sentence}{why}; {result['remedy']}"[:_LONGEST]
    return ""


def _about(finding: dict) -> str:
    if finding["id"]:
        return f": {finding['namespace']}/{finding['id'][:16]}" + (
            f" of pod {finding['pod']}" if finding["pod"] else ""
        )
    return f": {finding['path']}" if finding["path"] else ""
