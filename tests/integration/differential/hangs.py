# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions that hang containerd's start: one restart, which goes on from one to the next as each is released."""

import time

from differential import column, compare
from lab import shims

# A start that outlasts this with containerd waiting for one bundle has outlasted every time-out it has for one.
HOLD, PATIENCE = 6, 120


def run(stage, release, conditions):
    """Restart containerd into its own release over conditions that hang it there."""
    found = column.Column(release, release)
    stuck = sorted(conditions, key=lambda one: one.keys[0])
    stage.reset(release)
    keys = [one.keys[0] for one in stuck]
    column.prepare(stage, release, stuck)
    foretold = column.forecast(stage, release)
    stage.ask("record", keys=keys)
    stage.restart(wait=False)
    for condition in stuck:
        if not condition.release:
            continue
        hangs = _hangs(stage, condition)
        looked = {(one["namespace"], one["id"]): one for one in stage.ask("look", keys=keys)}
        # The first that hangs stops those, too, in which nothing is wrong.
        bystanders = [one for one in stuck if not one.release and one.name not in found.judgements]
        for one in [condition, *bystanders]:
            seen = compare.seen(looked[one.keys[0]], None if hangs else {}, hanging=hangs)
            found.judgements[one.name] = [compare.judge(foretold["rows"].get(one.keys[0]), seen)]
        _let_go(stage, condition)
    deadline = time.monotonic() + PATIENCE
    while not stage.serves():
        assert time.monotonic() < deadline, f"{stage.host.name}: containerd does not come up though nothing holds it"
        time.sleep(0.2)
    found.journal = stage.journal()
    return found


def _hangs(stage, condition):
    """Whether containerd waits for this one bundle, longer than any time-out."""
    namespace, identifier = condition.keys[0]
    if condition.release == "Pids":
        if not stage.ask("held", namespace=namespace, id=identifier, method="Pids", patience=PATIENCE):
            return False
    elif not stage.ask("waits", path=_fifo(condition), patience=PATIENCE):
        return False
    time.sleep(HOLD)
    return not stage.serves()


def _let_go(stage, condition):
    namespace, identifier = condition.keys[0]
    if condition.release == "Pids":
        stage.ask("release", namespace=namespace, id=identifier)
    else:
        stage.ask("let_go", path=_fifo(condition))


def _fifo(condition):
    namespace, identifier = condition.keys[0]
    return f"{shims.STATE}/{namespace}/{identifier}/{condition.release}"
