# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs and waivers: what is refused, in which words; and the packs that come with the collection."""

from __future__ import annotations

import copy
import datetime
import json
from pathlib import Path

import pytest

from ansible_collections.shimops.containerd.plugins.plugin_utils._rules import rule_packs, waiver_list

RULE = {"id": "one", "title": "One", "severity": "major", "why": "w", "remedy": "r", "query": "bundles[?live]"}
PACK = {"name": "ours", "title": "Ours", "rules": [RULE]}


def pack(**fields):
    rule = {key: value for key, value in dict(RULE, **fields).items() if value is not Ellipsis}
    return dict(copy.deepcopy(PACK), rules=[rule])


@pytest.mark.parametrize(
    "source, sentence",
    [
        ("nosuch", "pack nosuch: cannot be read (No such file or directory); name one of restart_safety, upgrade_read"),
        ({"name": "ours"}, "pack ours: has no rules; write a mapping with name, title and a list of rules."),
        (dict(PACK, rules=[]), "pack ours: has no rules"),
        (dict(PACK, title=" "), "pack ours: has no title; write one line of text."),
        (dict(PACK, ruls=1), "pack ours: has the unknown key ruls; there are name, title and rules."),
        (dict(PACK, rules=["x"]), "pack ours: rule 1 is not a mapping; write id, title, severity, why, remedy, query."),
        (dict(PACK, rules=[RULE, RULE]), "pack ours: rule one is there twice; give each its own id."),
        (
            pack(id="Not_an_id"),
            "pack ours: rule Not_an_id: an id is lower case letters and digits, with dashes between.",
        ),
        (pack(why=...), "pack ours: rule one has no why; write text."),
        (pack(remedy=["x"]), "pack ours: rule one has no remedy; write text."),
        (pack(severity="bad"), "pack ours: rule one has severity bad; write one of blocker, major, minor, info."),
        (pack(tags="x"), "pack ours: rule one has tags that are not a list of words; write [one, two]."),
        (
            pack(querry="x"),
            "pack ours: rule one has the unknown key querry; there are id, title, severity, why, remedy",
        ),
        (pack(query="bundles[?"), "pack ours: rule one: its query is not JMESPath: "),
        (
            pack(query="bundles[?pid]"),
            "pack ours: rule one: its query names 'pid', which is not there; there are: answer",
        ),
        (pack(needs="askd"), "pack ours: rule one: its needs names 'askd', which is not there"),
    ],
)
def test_a_wrong_pack_is_refused(source, sentence):
    with pytest.raises(rule_packs.PackError) as caught:
        rule_packs.load([source])
    assert str(caught.value).startswith(sentence) and "\n" not in str(caught.value)


def test_a_pack_from_a_file(tmp_path):
    path = tmp_path / "ours.yml"
    path.write_text(json.dumps(PACK))
    assert rule_packs.content(str(path)) == PACK
    (read,) = rule_packs.load(str(path))
    assert (read.name, read.rules[0].id, read.rules[0].expected, read.rules[0].tags) == ("ours", "one", [], ())
    path.write_text("a: b: c")
    with pytest.raises(rule_packs.PackError, match="is not YAML: mapping values are not allowed in this context"):
        rule_packs.load([str(path)])
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(rule_packs.PackError, match="is not YAML"):
        rule_packs.load([str(path)])


def test_a_rule_id_is_one_rule_over_all_packs():
    with pytest.raises(rule_packs.PackError, match="pack two: rule one is in pack ours too; give it another id"):
        rule_packs.load([PACK, dict(PACK, name="two")])


def test_the_shipped_packs():
    packs = rule_packs.load(rule_packs.SHIPPED)
    assert [one.name for one in packs] == list(rule_packs.SHIPPED)
    rules = [rule for one in packs for rule in one.rules]
    assert len(rules) > 20 and len({rule.title for rule in rules}) == len(rules)
    assert all(rule.tags and rule.why.endswith(".") and rule.remedy.endswith(".") for rule in rules)
    # What can refuse a host is in the docs.
    page = Path(__file__).resolve().parents[5] / "docs/after-a-refusal.md"
    text = page.read_text(encoding="utf-8")
    assert [rule.id for rule in rules if rule.severity == "blocker" and f"### {rule.id}:" not in text] == []


WAIVER = {"rule": "one", "reason": "r", "owner": "o", "expires": "2026-12-31"}


@pytest.mark.parametrize(
    "source, sentence",
    [
        (7, "waivers: are not a list; write a list of mappings."),
        ({"rule": "one"}, "waivers: are not a list; write a list of mappings."),
        (["x"], "waiver 1: is not a mapping; write rule, reason, owner and expires."),
        ([{}], "waiver 1 (no rule): has no rule; a waiver names its rule, its reason and who answers for it."),
        ([dict(WAIVER, owner="")], "waiver 1 (one): has no owner; a waiver names its rule"),
        ([WAIVER, dict(WAIVER, reason=None)], "waiver 2 (one): has no reason; a waiver names its rule"),
        (
            [{k: v for k, v in WAIVER.items() if k != "expires"}],
            "waiver 1 (one): has no expires; a waiver ends on a day",
        ),
        ([dict(WAIVER, expires="soon")], "waiver 1 (one): expires 'soon' is not a day; write one such as 2026-12-31."),
        ([dict(WAIVER, pods="x")], "waiver 1 (one): has the unknown key pods; there are rule, reason, owner, expires"),
        ("/no/such.yml", "waivers: /no/such.yml cannot be read (No such file or directory)."),
    ],
)
def test_a_wrong_waiver_is_refused(source, sentence):
    with pytest.raises(waiver_list.WaiverError) as caught:
        waiver_list.load(source)
    assert str(caught.value).startswith(sentence)


def test_what_a_waiver_covers(tmp_path):
    finding = {"namespace": "k8s.io", "id": "abc", "pod": "shop/web1", "path": None}
    covers = [
        ({}, True),
        ({"rule": "two"}, False),
        ({"pod": "shop/*"}, True),
        ({"pod": "shop/*", "host": "node-?"}, True),
        ({"host": "node"}, False),
        ({"namespace": "default"}, False),
        ({"id": "ab*", "namespace": "k8s.io"}, True),
        # A finding without a path is none that a path speaks of.
        ({"path": "*"}, False),
    ]
    for fields, wanted in covers:
        (waiver,) = waiver_list.load([dict(WAIVER, **fields)])
        assert waiver.covers("one", "node-1", finding) is wanted, fields
    path = tmp_path / "waivers.yml"
    # YAML reads a day without quotes as a date.
    path.write_text("- {rule: one, reason: r, owner: o, expires: 2026-12-31}")
    (read,) = waiver_list.load(str(path))
    assert read.expires == datetime.date(2026, 12, 31) and read.row()["expires"] == "2026-12-31"
    assert waiver_list.expired([read], datetime.date(2026, 12, 31)) == []
    assert waiver_list.expired([read], datetime.date(2027, 1, 1)) == [read]
