# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries: what is refused before it is asked, and that the known fields are those of the schema."""

from __future__ import annotations

import json

import pytest

from ansible_collections.shimops.containerd.plugins.plugin_utils._rules import document
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.fields import ANY, DOCUMENT
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.query import QueryError, compile_query

SCHEMA = json.loads(document.SCHEMA.read_text(encoding="utf-8"))


def shape(node):
    """The form of a schema as _fields writes it."""
    if "$ref" in node:
        return shape(SCHEMA["$defs"][node["$ref"].rpartition("/")[2]])
    if "oneOf" in node:
        (one,) = [shape(part) for part in node["oneOf"] if part != {"type": "null"}]
        return one
    if "properties" in node:
        return {name: shape(part) for name, part in node["properties"].items()}
    if "items" in node:
        return [shape(node["items"])]
    return ANY if isinstance(node.get("additionalProperties"), dict) else None


def test_the_fields_are_those_of_the_schema():
    assert shape(SCHEMA) == DOCUMENT


def objects(node):
    if isinstance(node, dict):
        if "properties" in node:
            yield node
        for part in node.values():
            yield from objects(part)
    elif isinstance(node, list):
        for part in node:
            yield from objects(part)


# Keys that version 1 of the schema did not have at first: an older document is read all the same.
ADDED = {"other_tasks"}


def test_the_schema_lets_no_key_be_missing_and_no_other_in():
    found = list(objects(SCHEMA))
    assert len(found) > 10
    for node in found:
        assert node["additionalProperties"] is False
        if node is not SCHEMA["$defs"]["pod"]:
            assert sorted(node["required"]) == sorted(set(node["properties"]) - ADDED)


@pytest.mark.parametrize(
    "query, sentence",
    [
        ("bundles[?", "is not JMESPath: "),
        ("nosuch(bundles)", "does not fit this document: Unknown function: nosuch()"),
        ("bundels", "names 'bundels', which is not there; there are: asked, at, bundles, counts"),
        ("bundles[?pid]", "names 'pid', which is not there; there are: answer, answers, at_risk"),
        ("bundles[].pod.nam", "names 'nam', which is not there; there are: container, name, namespace, uid"),
        ("bundles.id", "asks a list for 'id': write [] or [?...] after the list's name"),
        ("bundles[?pod.name == 'x' && shimcode]", "names 'shimcode'"),
        ("daemon.running.major", "asks a single value for 'major'"),
        ("daemon[]", "has [] after what is not a list"),
        ("daemon[0]", "has an element after what is not a list"),
        ("daemon[?running]", "has [?...] after what is not a list"),
        ("length(bundles[?idd])", "names 'idd'"),
        ("sort_by(bundles, &idd)", "names 'idd'"),
        ("bundles[].{a: idd}", "names 'idd'"),
        ("bundles[].[id, idd]", "names 'idd'"),
        ("bundles[].{a: id} | [?b]", "names 'b', which is not there; there are: a"),
        ("targets[1:] | [?risk]", "names 'risk'"),
        ("not_null(daemonn, unit)", "names 'daemonn'"),
        ("bundles[] | [0].idd", "names 'idd'"),
    ],
)
def test_a_wrong_query_is_refused(query, sentence):
    with pytest.raises(QueryError) as caught:
        compile_query(query).search({})
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "query",
    [
        "bundles[?live && pod.name].{id: id, pod: pod} | [?pod.namespace == 'shop'].id",
        "sort_by(shims, &pid)[0].bundles[]",
        "forecast.outcomes.killed",
        "forecast.outcomes.*",
        "shims[].bundles[]",
        "max_by(bundles, &delay).id",
        "(rollback.class == 'closed' && rollback.containers || `[]`)[0]",
        "keys(daemon)",
        "map(&idd, `[]`)",
        "@.unit.kill_mode",
        "`1`",
    ],
)
def test_a_right_query_is_taken(query):
    compile_query(query)


def test_a_query_says_what_it_looks_at():
    assert compile_query("rollback.class == 'closed' && bundles[?live]").sections == {"rollback", "bundles"}
    assert compile_query("bundles[?live].pod").sections == {"bundles"}
