# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table: a condition a line, a restart or an upgrade a column."""

WORDS = {
    "reattached": "R",
    "killed": "K",
    "dropped": "D",
    "reaped": "L",
    "orphaned": "O",
    "retained": "B",
    "skipped": "S",
    "hangs": "H",
    "runtime_absent": "P",
}
LEGEND = (
    "R reattached  K killed  D dropped  L reaped  O orphaned  B retained  S skipped  H hangs  P runtime absent",
    "a letter: foretold and come true; ~ after it: a race; (R): foretold as unknown; K!R: foretold K, came R",
)


def cell(judgements):
    """One cell; several entries of one condition share a letter when they share a fate."""
    return "/".join(dict.fromkeys(_one(judgement) for judgement in judgements))


def _one(judgement):
    came = WORDS[judgement.seen.outcome]
    if judgement.verdict == "agrees":
        return came
    if judgement.verdict == "race":
        return f"{came}~"
    if judgement.verdict == "unknown":
        return f"({came})"
    foretold = WORDS.get(judgement.foretold.get("outcome"), "?")
    return f"{foretold}!{came}"


def text(conditions, columns):
    """The whole table, legend and counts."""
    rows = [("", *(column.name for column in columns), "condition")]
    for condition in conditions:
        if not any(column.judgements.get(condition.name) for column in columns):
            continue
        cells = [
            cell(column.judgements[condition.name]) if column.judgements.get(condition.name) else ""
            for column in columns
        ]
        rows.append((condition.name, *cells, condition.says))
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, "", *LEGEND, "", counts(columns)])


def counts(columns):
    """How many cells agree, in one line."""
    cells = [found for column in columns for found in column.judgements.values()]
    kinds = {"agree": 0, "races": 0, "unknown": 0, "differ": 0}
    for judgements in cells:
        verdicts = {judgement.verdict for judgement in judgements}
        kinds[
            "differ"
            if "DIFFERS" in verdicts
            else "unknown"
            if "unknown" in verdicts
            else "races"
            if "race" in verdicts
            else "agree"
        ] += 1
    return (
        f"{len(cells) - kinds['differ']} of {len(cells)} cells agree: "
        f"{kinds['races']} of them races, {kinds['unknown']} foretold as unknown"
    )


def differences(conditions, columns):
    """Every disagreement and every unknown with what is known of it."""
    lines = []
    for column in columns:
        for condition in conditions:
            for one in column.judgements.get(condition.name, ()):
                if one.verdict in ("DIFFERS", "unknown"):
                    lines += _tell(column, condition, one)
    return "\n".join(lines)


def _tell(column, condition, one):
    facts, foretold = one.seen.facts, one.foretold
    head = f"{one.verdict} {condition.name} {column.name} ({condition.says}): {one.why}; task {one.seen.task}"
    yield head
    yield "    foretold " + " ".join(
        f"{key}={foretold.get(key)!r}" for key in ("outcome", "task", "client", "at_risk", "rule", "reason", "answers")
    )
    if one.verdict == "DIFFERS":
        yield f"    seen {facts}"
        yield from (f"    | {line}" for line in column.journal.splitlines() if facts["id"] in line)
