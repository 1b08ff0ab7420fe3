# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Markdown report where every value is hostile: its templates escape nothing by themselves."""

from __future__ import annotations

from markdown_it import MarkdownIt

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports import files, markdown
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import Finding, Head, HostReport, Rule
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.totals import Totals

#: The name of a field is in its value, so that a missing value is noticed by its name.
EVIL = "{0} <img src=x> *b* [l](x) a|b `c` {{{{7*7}}}} #"
MARKUP = {"html_block", "html_inline", "image", "link_open", "em_open", "strong_open"}
#: Values that stand in a code span: in a table, and in a paragraph, where the bar keeps its backslash.
CELLS, SPANS = ("subject", "pod", "gone subject"), ("run", "previous")
PROSE = (
    *("title", "note", "rule", "rule title", "remedy", "host", "message"),
    *("reason", "waiver", "gone rule", "count", "running", "installed"),
)


def evil(field):
    return EVIL.format(field)


def report(tmp_path):
    """Return ``report.md`` of one host, each value of which names its field."""
    name = evil("rule")
    rule = Rule(name, evil("rule title"), "major", remedy=evil("remedy"))
    head = Head("audit", evil("title"), evil("run"), "audit", None, {name: rule}, evil("previous"), (evil("note"),))
    found = Finding(name, "major", evil("subject"), evil("pod"), evil("reason"))
    host = HostReport(
        evil("host"),
        "major",
        evil("message"),
        counts={evil("count"): 1},
        daemon=(evil("running"), evil("installed")),
        findings=(found, found._replace(waived=evil("waiver"))),
        gone=(found._replace(rule=evil("gone rule"), subject=evil("gone subject")),),
    )
    totals = Totals(head)
    totals.add(host)
    with files.Output(str(tmp_path / "out")) as output:
        form = markdown.Markdown(output, head)
        form.host(host)
        form.end(totals)
        (path,) = output.commit()
    with open(path, encoding="utf-8") as handle:
        return handle.read()


def test_no_value_is_markup(tmp_path):
    source = report(tmp_path)
    tokens = MarkdownIt("commonmark").enable("table").parse(source)
    inline = [child for token in tokens for child in token.children or ()]
    assert not {one.type for one in (*tokens, *inline)} & MARKUP
    lines = [line for line in source.splitlines() if line.startswith("|")]
    rows = sum(token.type == "tr_open" for token in tokens)
    assert rows == len(lines) - sum(token.type == "table_open" for token in tokens)


def test_every_value_is_shown_as_it_is(tmp_path):
    tokens = MarkdownIt("commonmark").enable("table").parse(report(tmp_path))
    blocks = [token.children for token in tokens if token.children]
    spans = [one.content for block in blocks for one in block if one.type == "code_inline"]
    prose = ["".join(one.content for one in block if one.type.startswith("text")) for block in blocks]
    for field in CELLS:
        assert evil(field) in spans, field
    for field in SPANS:
        assert evil(field).replace("|", "\\|") in spans, field
    for field in PROSE:
        assert any(evil(field) in text for text in prose), field
