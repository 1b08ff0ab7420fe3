# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page as text; what a browser makes of it is tested in tests/browser."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import re

import jinja2
import pytest

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports import template
from ansible_collections.shimops.containerd.tests.unit.support import run_folder

EVIL = "\"'><img src=x onerror=alert(1)></script><script>alert(2)</script>&amp;{{7*7}}\u202e\x00"
VOID = ("meta", "br", "input")


class Page(html.parser.HTMLParser):
    """Elements with their attributes, the nesting checked, and all text."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.text = [], [], []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] not in (["script"], ["style"]):
            self.text.append(data)


@pytest.fixture(params=("audit", "roll"))
def page(request, tmp_path, write):
    """A page on which every word of a document is hostile."""
    if request.param == "audit":
        worst = run_folder.audited(
            EVIL, faults=("killed", "leak", "open_socket", "hazard"), running=EVIL, installed=EVIL
        )
        for row in worst["bundles"]:
            row.update(id=EVIL, namespace=EVIL, reason=EVIL, pod={"namespace": EVIL, "name": EVIL}, outcome=EVIL)
        worst["forecast"].update(refusal=EVIL, outcomes={EVIL: 2})
        worst["leftovers"][0].update(reason=EVIL, command=EVIL, id=EVIL, namespace=EVIL)
        worst["hazards"][0].update(reason=EVIL, remedy=EVIL)
    else:
        rows = [run_folder.verdict(EVIL, "killed", EVIL, (EVIL, EVIL), EVIL)]
        release = {"running": EVIL, "installed": EVIL, "target": EVIL}
        hazards = [{"id": EVIL, "reason": EVIL, "remedy": EVIL}]
        worst = run_folder.rolled(EVIL, "lost", verdicts=rows, message=EVIL, release=release, hazards=hazards)
    documents = {"well": (run_folder.audited if request.param == "audit" else run_folder.rolled)("well")}
    operation = "audit" if request.param == "audit" else "upgrade"
    path = run_folder.write(tmp_path / "run", operation, documents, hosts=["well", EVIL], run_id=EVIL)
    # Its name is too long for a file once it is quoted, so the host's own name stays short.
    worst["host"] = name = EVIL[:40]
    (tmp_path / "run" / "documents").joinpath(_file(name, request.param)).write_text(run_folder.json.dumps(worst))
    (tmp_path / "run" / "stop").write_text(run_folder.json.dumps({"host": EVIL, "reason": EVIL, "at": 1}))
    folder, _totals = write(path, title=EVIL)
    return (folder / "report.html").read_text(encoding="utf-8")


def _file(name, kind):
    from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.files import ENDINGS, quoted

    return quoted(name) + ENDINGS["host" if kind == "audit" else "roll"]


def test_no_word_of_a_document_becomes_an_element(page):
    found = Page(page)
    names = {tag for tag, _attributes in found.elements}
    assert not names & {"img", "iframe", "object", "embed", "link", "base"}
    assert sum(tag == "script" for tag, _attributes in found.elements) == 1
    for _tag, attributes in found.elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src", "action")]
        assert attributes.get("href", "#").startswith("#")
    assert "<img src=x onerror=alert(1)>" in "".join(found.text), "it is there to be read"
    assert not re.search("[\u202e\x00-\x09\x0b-\x1f]", page)


def test_ids_are_unique_and_links_lead_somewhere(page):
    found = Page(page)
    ids = [attributes["id"] for _tag, attributes in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {attributes["href"][1:] for tag, attributes in found.elements if tag == "a"}
    assert links <= set(ids)


def test_the_policy_names_what_is_in_the_page_and_nothing_else(page):
    found = Page(page)
    (policy,) = [one["content"] for tag, one in found.elements if one.get("http-equiv") == "Content-Security-Policy"]
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy


def test_one_heading_of_the_first_rank_and_no_rank_left_out(page):
    ranks = [int(tag[1]) for tag, _attributes in Page(page).elements if re.fullmatch("h[1-6]", tag)]
    assert ranks.count(1) == 1 and ranks[0] == 1
    assert all(later <= earlier + 1 for earlier, later in zip(ranks, ranks[1:]))


def test_text_is_safe_in_an_attribute_too():
    shown = template.environment(True).from_string('<a title="{{ text }}">').render(text="\"'<>&\x1b")
    assert shown == '<a title="&#34;&#39;&lt;&gt;&amp;\\x1b">'


def test_a_name_that_a_template_misspells_is_an_error():
    with pytest.raises(jinja2.UndefinedError):
        template.environment(True).from_string("{{ head.titel }}").render(head=object())
