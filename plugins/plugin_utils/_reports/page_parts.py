# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pieces of the page: every text goes through `esc`, nothing needs a style attribute. Internal to the collection."""

from __future__ import annotations

import html
from typing import Iterable, Sequence, Tuple

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import STATES, Finding, HostReport
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.text import plain

SEVERITY_TONES = {"blocker": "bad", "major": "warn", "minor": "note", "info": "none"}
#: Findings of one host that the page lists; findings.csv has them all.
MOST_FINDINGS = 40


def esc(value: object) -> str:
    """Text as HTML, in an element or an attribute."""
    return html.escape(plain(value), quote=True)


def tag(word: str, tone: str) -> str:
    """A coloured word."""
    return '<span class="tag {0}">{1}</span>'.format(tone, esc(word))


def state_tag(state: str) -> str:
    """A host's state with its sign."""
    words, sign, tone = STATES[state]
    return '<span class="tag {0}"><span aria-hidden="true">{1}</span> {2}</span>'.format(tone, sign, esc(words))


def cell(text: str, label: str = "", kind: str = "") -> str:
    """A table's cell of finished HTML; ``label`` names it where the table is stacked."""
    sentence = ' data-label="{0}"'.format(esc(label)) if label else ""
    return '<td role="cell"{0}{1}>{2}</td>'.format(' class="{0}"'.format(kind) if kind else "", sentence, text)


def row(cells: Iterable[str]) -> str:
    """A table's row."""
    return '<tr role="row">{0}</tr>\n'.format("".join(cells))


def row_head(text: str) -> str:
    """The cell that names its row."""
    return '<th scope="row" role="rowheader">{0}</th>'.format(text)


def table_begin(caption: str, heads: Sequence[Tuple[str, str]], unseen: bool = False) -> str:
    """A table up to its rows; ``heads`` are words and classes."""
    sentence = "".join(
        '<th scope="col" role="columnheader"{0}>{1}</th>'.format(' class="{0}"'.format(kind) if kind else "", esc(word))
        for word, kind in heads
    )
    kind = ' class="unseen"' if unseen else ""
    return (
        '<table class="stack" role="table"><caption{0}>{1}</caption>\n<thead role="rowgroup"><tr role="row">{2}</tr>'
        '</thead>\n<tbody role="rowgroup">\n'
    ).format(kind, esc(caption), sentence)


TABLE_END = "</tbody></table>\n"


def meter(number: int, of: int) -> str:
    """A bar with its number."""
    width = 100.0 * number / of if of else 0
    return (
        '<svg class="meter" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<rect width="{0:.2f}" height="10"/></svg>'
    ).format(width)


def map_cell(anchor: str, report: HostReport) -> str:
    """One host on the map."""
    words, sign, tone = STATES[report.state]
    name = "{0}: {1}".format(plain(report.host), words)
    return '<li><a class="{0}" href="#{1}" title="{2}" aria-label="{2}">{3}</a></li>\n'.format(
        tone, anchor, html.escape(name, quote=True), sign
    )


def host_card(anchor: str, report: HostReport) -> str:
    """Everything the page says of one host."""
    rules = sorted({one.rule for one in report.findings if not one.waived})
    drift = (["new"] if any(one.new for one in report.findings) else []) + (["gone"] if report.gone else [])
    parts = [
        '<article class="card host" id="{0}" data-state="{1}" data-rules="{2}" data-drift="{3}">\n'.format(
            anchor, report.state, esc(" ".join(rules)), " ".join(drift)
        ),
        "<h3>{0} {1}</h3>\n".format(esc(report.host), state_tag(report.state)),
    ]
    if report.message:
        parts.append("<p>{0}</p>\n".format(esc(report.message)))
    if report.facts:
        sentence = "".join(
            "<div><dt>{0}</dt><dd>{1}</dd></div>".format(esc(name), esc(value)) for name, value in report.facts
        )
        parts.append('<dl class="facts">{0}</dl>\n'.format(sentence))
    if report.counts:
        sentence = "".join(
            "<div><dt>{0}</dt><dd>{1}</dd></div>".format(esc(word), number) for word, number in report.counts.items()
        )
        parts.append('<dl class="facts">{0}</dl>\n'.format(sentence))
    parts.append(_findings(report))
    parts.append("</article>\n")
    return "".join(parts)


def _findings(report: HostReport) -> str:
    if not report.findings and not report.gone:
        return ""
    heads = [("Rule", ""), ("Severity", ""), ("What", ""), ("Why", "")]
    rows = [_finding(one, "") for one in report.findings[:MOST_FINDINGS]]
    rows += [_finding(one, "gone") for one in report.gone[: MOST_FINDINGS - len(rows)]]
    surplus = len(report.findings) + len(report.gone) - len(rows)
    more = '<p class="soft">and {0} more, in findings.csv and report.json</p>\n'.format(surplus) if surplus else ""
    caption = "Findings on {0}".format(plain(report.host))
    return table_begin(caption, heads, unseen=True) + "".join(rows) + TABLE_END + more


def _finding(one: Finding, drift: str) -> str:
    why = esc(one.reason)
    if one.command:
        why += "<br>{0} <code>{1}</code>".format("It would be cleaned by", esc(one.command))
    if one.waived:
        why += "<br>{0} {1}".format(tag("waived", "none"), esc(one.waived))
    if one.expired:
        why += "<br>{0} {1}".format(tag("waiver expired", "warn"), esc(one.expired))
    marks = [tag(one.severity, SEVERITY_TONES[one.severity])]
    marks += [tag("new", "bad")] if one.new else []
    marks += [tag("gone", "good")] if drift == "gone" else []
    marks += [tag("not judged", "warn")] if one.unknown else []
    link = '<a href="#rule-{0}">{0}</a>'.format(esc(one.rule))
    return row(
        [
            row_head(link),
            cell(" ".join(marks), "Severity"),
            cell(subject(one), "What"),
            cell(why, "Why"),
        ]
    )


def subject(one: Finding) -> str:
    """What a finding is about, with its pod."""
    sentence = '<span class="mono">{0}</span>'.format(esc(one.subject)) if one.subject else "the host"
    return sentence + (' <span class="soft">pod {0}</span>'.format(esc(one.pod)) if one.pod else "")
