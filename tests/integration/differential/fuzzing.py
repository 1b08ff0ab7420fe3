# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Examples by the batch through the real daemon, each against its forecast; what disagrees is made smaller."""

from dataclasses import dataclass, replace

from differential import column
from differential.conditions import scripted
from differential.generate import FILES, ID, examples

# One restart takes as many as this; more make its start slow, fewer make more restarts.
BATCH = 100
ROUNDS = 6


@dataclass(frozen=True)
class Tried:
    """One example and its result."""

    example: object
    judgement: object


def fuzz(stage, release, count, number):
    """So many examples in batches, each with its result."""
    wanted = examples(release, count, number)
    return [
        one for start in range(0, len(wanted), BATCH) for one in through(stage, release, wanted[start : start + BATCH])
    ]


def through(stage, release, batch):
    """One batch: all its bundles in one restart."""
    conditions = [_condition(number, example) for number, example in enumerate(batch)]
    found = column.run(stage, release, release, conditions)
    return [Tried(example, found.judgements[one.name][0]) for example, one in zip(batch, conditions)]


def shrink(stage, release, tried):
    """The smallest example that disagrees as that one does, as far as a few rounds get."""
    for _round in range(ROUNDS):
        smaller = sorted(set(_smaller(tried.example)), key=lambda one: one.size())[:BATCH]
        found = through(stage, release, smaller) if smaller else []
        differing = [one for one in found if _kind(one) == _kind(tried)]
        if not differing:
            break
        tried = min(differing, key=lambda one: one.example.size())
    return tried


def _kind(tried):
    judgement = tried.judgement
    return judgement.verdict, judgement.foretold.get("outcome"), judgement.seen.outcome


def _smaller(example):
    """The example without one part of one file."""
    for name in FILES:
        data = getattr(example, name)
        width = len(data or b"")
        while width:
            for start in range(0, len(data), width):
                yield replace(example, **{name: data[:start] + data[start + width :]})
            width //= 2


def _condition(number, example):
    identifier = f"f{number:04}"
    files = {name: getattr(example, name) for name in FILES}
    named = {name: None if data is None else data.replace(ID, identifier.encode()) for name, data in files.items()}
    return scripted(identifier, "", serves=example.serves, **named)


def describe(release, number, tried):
    """What disagrees, smallest first, in full."""
    lines = []
    for one in sorted(tried, key=lambda one: one.example.size()):
        judgement = one.judgement
        if judgement.verdict == "DIFFERS":
            lines.append(
                f"release {release} seed {number}: foretold {judgement.foretold.get('outcome')} "
                f"({judgement.foretold.get('rule')}: {judgement.foretold.get('reason')}), {judgement.why}"
            )
            lines += [f"    {name} {getattr(one.example, name)!r}" for name in (*FILES, "serves")]
    return "\n".join(lines)


def counts(release, number, tried):
    """One line on all of them."""
    kinds = {kind: sum(one.judgement.verdict == kind for one in tried) for kind in ("DIFFERS", "unknown")}
    outcomes = {}
    for one in tried:
        outcomes[one.judgement.seen.outcome] = outcomes.get(one.judgement.seen.outcome, 0) + 1
    spread = ", ".join(f"{outcomes[name]} {name}" for name in sorted(outcomes))
    return (
        f"{release}: {len(tried) - kinds['DIFFERS']} of {len(tried)} examples agree, {kinds['unknown']} foretold as "
        f"unknown (seed {number}; {spread})"
    )
