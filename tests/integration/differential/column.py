# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One column of the table: all conditions on one host, their forecast, one restart or upgrade, and both compared."""

import time
from dataclasses import dataclass, field

from differential import compare, records
from differential.stage import NAMESPACE, VERSIONS
from lab import cri, workloads

NAMESPACES = (NAMESPACE, workloads.PLAIN_NAMESPACE, cri.CRI_NAMESPACE)
# What containerd does after its start to bundles it could not load is done by then, if at all.
QUIET, PATIENCE = 2, 60
LOOKS = 3


@dataclass
class Column:
    """The result of a column: judgements by the condition's name, and how long containerd's start was said to take."""

    origin: str
    target: str
    judgements: dict = field(default_factory=dict)
    estimate: float = 0.0
    took: float = 0.0
    journal: str = ""

    @property
    def name(self):
        """``1.6`` for a restart, ``1.6>2.1`` for an upgrade or a rollback."""
        return self.origin if self.origin == self.target else f"{self.origin}>{self.target}"


def run(stage, origin, target, conditions):
    """Run one column on a host."""
    column = Column(origin, target)
    stage.reset(origin)
    keys = prepare(stage, origin, conditions)
    every = [key for found in keys.values() for key in found]
    foretold = forecast(stage, target)
    # After the forecast, which asks the shims, too: what they are asked from now on is containerd's.
    stage.ask("record", keys=every)
    column.estimate = foretold["start_estimate"]
    if target != origin:
        stage.swap(target)
    began = time.monotonic()
    stage.restart()
    column.took = time.monotonic() - began
    races = {key: condition.race for condition in conditions if target in condition.racing for key in condition.keys}
    seen = settle(stage, every, foretold["rows"], races)
    column.journal = stage.journal()
    for condition in conditions:
        column.judgements[condition.name] = [
            compare.judge(foretold["rows"].get(key), seen[key], races.get(key, frozenset()))
            for key in keys[condition.name]
        ]
    return column


def prepare(stage, origin, conditions):
    """Make the bundles of all conditions; their (namespace, id) by the condition's name."""
    keys = {}
    real = [condition for condition in conditions if condition.begin]
    for condition in real:
        keys[condition.name] = condition.begin(stage.host, condition.name.lower())
    made = [condition for condition in conditions if not condition.begin]
    records.write(
        stage.host,
        origin,
        [record for condition in made for record in condition.records],
        [sandbox for condition in made for sandbox in condition.sandboxes],
    )
    stage.ask("make", entries=[reported for condition in made for reported in condition.entries])
    for condition in real:
        if condition.break_:
            condition.break_(stage.host, keys[condition.name])
    keys.update({condition.name: condition.keys for condition in made})
    return keys


def forecast(stage, target):
    """What the real module says, with its rows by (namespace, id)."""
    for _look in range(LOOKS):
        result = stage.ask("probe", options={"detail": "full", "target_version": VERSIONS[target], "timeout": 300})
        assert not result.get("failed"), result
        # A machine that is too busy makes healthy shims slow, which is a risk, and not what is tried here.
        if not any(row["at_risk"] and row["task"] == "kept" and row["client"] == "keeps" for row in result["shims"]):
            break
    result["rows"] = {(row["namespace"], row["id"]): row for row in result["shims"]}
    return result


def settle(stage, keys, rows, races):
    """What became of every entry: looked at until it is what was foretold, or for as long as anything could change."""
    end = time.monotonic() + PATIENCE
    while True:
        before = look(stage, keys)
        judged = [compare.judge(rows.get(key), before[key], races.get(key, frozenset())) for key in keys]
        if not any(one.verdict == "DIFFERS" for one in judged) or time.monotonic() > end:
            break
        time.sleep(0.5)
    # containerd acts on its own after its start, too: what is as foretold has to stay so.
    time.sleep(QUIET)
    return look(stage, keys)


def look(stage, keys):
    """What is true of every entry now."""
    listed, log = stage.tasks(NAMESPACES), stage.journal()
    return {
        (facts["namespace"], facts["id"]): compare.seen(facts, listed, log=log)
        for facts in stage.ask("look", keys=keys)
    }
