# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters judge and rule_pack: what they take and what they refuse."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.shimops.containerd.plugins.filter import judge as judge_file
from ansible_collections.shimops.containerd.plugins.filter import rule_pack as rule_pack_file

EXAMPLE = Path(__file__).resolve().parents[4] / "docs/host-document.example.json"
judge = judge_file.FilterModule().filters()["judge"]
rule_pack = rule_pack_file.FilterModule().filters()["rule_pack"]
WAIVER = {"rule": "stale-socket", "reason": "r", "owner": "o", "expires": datetime.date(2026, 12, 31)}


class Tagged(str):
    """A string of a type that JMESPath does not know, as Ansible's variables are."""


def tagged(value):
    if isinstance(value, dict):
        return {Tagged(key): tagged(part) for key, part in value.items()}
    if isinstance(value, list):
        return [tagged(part) for part in value]
    return Tagged(value) if isinstance(value, str) else value


@pytest.fixture
def document():
    return tagged(json.loads(EXAMPLE.read_text(encoding="utf-8")))


def test_judge(document):
    results = judge(document, ["hygiene", rule_pack("security")], [WAIVER], "2026-12-31")
    by_rule = {one["rule"]: one["status"] for one in results}
    assert (by_rule["stale-socket"], by_rule["shim-old-code"], by_rule["state-open"]) == ("waived", "failed", "passed")
    assert {one["rule"]: one["status"] for one in judge(document, ["hygiene"], [WAIVER], "2027-01-01")}[
        "stale-socket"
    ] == "failed"
    assert {one["pack"] for one in judge(document)} == {"restart_safety", "upgrade_readiness", "security", "hygiene"}


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("text",), "judge: takes a host document, as shim_probe with audit returns it."),
        (({"kind": "roll"},), "judge: takes a host document"),
        (({"kind": "host"}, ["nosuch"]), "pack nosuch: cannot be read"),
        (({"kind": "host"}, ["hygiene"], [{}]), "waiver 1 (no rule): has no rule"),
        (({"kind": "host"}, ["hygiene"], [], "today"), "today 'today' is not a day; write one such as 2026-12-31."),
    ],
)
def test_judge_refuses(arguments, sentence):
    with pytest.raises(AnsibleFilterError) as caught:
        judge(*arguments)
    assert str(caught.value).startswith(sentence)


def test_rule_pack(tmp_path):
    assert rule_pack("hygiene")["name"] == "hygiene"
    path = tmp_path / "ours.yml"
    path.write_text("name: ours\ntitle: Ours\nrules: [{id: x}]")
    for wrong, sentence in ((str(path), "rule x has no title; write text."), (["x"], "rule_pack: takes the name")):
        with pytest.raises(AnsibleFilterError) as caught:
            rule_pack(wrong)
        assert sentence in str(caught.value)
