# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a host: JSON within bounds, and host documents that are as their schema says."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from ansible_collections.shimops.containerd.plugins.plugin_utils._rules import document
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.document import (
    NotUsable,
    load,
    require_host_document,
)

DOCS = Path(__file__).resolve().parents[5] / "docs"
EXAMPLE = json.loads((DOCS / "host-document.example.json").read_text(encoding="utf-8"))


def problem(call, *arguments):
    with pytest.raises(NotUsable) as caught:
        call(*arguments)
    return str(caught.value)


@pytest.mark.parametrize(
    "text, words",
    [
        (b'{"a": ' + b"9" * 400 + b"}", "a number of 400 digits"),
        (b'{"a": 1e400}', "too large"),
        (b'{"a": NaN}', "NaN for a number"),
        (b'{"a": -Infinity}', "-Infinity for a number"),
        (b"[" * 40 + b"]" * 40, "more than 32 levels"),
        (b"[" * 100000, "is not JSON"),
        (b'{"a": }', "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"", "is not JSON"),
    ],
)
def test_what_is_beyond_all_use(text, words):
    assert words in problem(load, text)


def test_what_is_within_bounds():
    assert load(b'{"a": [1, 2.5, -7, 18446744073709551615, null, "x", {"b": true}]}') == {
        "a": [1, 2.5, -7, 18446744073709551615, None, "x", {"b": True}]
    }
    assert load(b"[" * 32 + b"]" * 32)


def test_the_example_is_as_its_schema_says():
    require_host_document(EXAMPLE)
    older = {key: value for key, value in EXAMPLE.items() if key != "other_tasks"}
    require_host_document(older)


def nodes(value, way=()):
    yield way
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from nodes(value[key], (*way, key))


def replaced(way, value):
    other = copy.deepcopy(EXAMPLE)
    at = other
    for key in way[:-1]:
        at = at[key]
    at[way[-1]] = value
    return other


def test_leftovers_that_are_a_text():
    assert problem(require_host_document, dict(EXAMPLE, leftovers="x")).startswith(
        "is not as its schema says: leftovers: 'x' is not of type"
    )


@pytest.mark.parametrize("way", [way for way in nodes(EXAMPLE) if way], ids=lambda way: ".".join(map(str, way)))
def test_every_node_of_another_type_is_noticed(way):
    # No field of a host document takes a list of lists of numbers, but for those whose keys are any.
    assert "is not as its schema says" in problem(require_host_document, replaced(way, [[1.5]]))


@pytest.mark.parametrize("value", [None, 7, "x", [], {}])
def test_what_is_no_document_at_all(value):
    assert "is not as its schema says" in problem(require_host_document, value)


def test_a_long_reason_is_cut():
    assert len(problem(require_host_document, dict(EXAMPLE, leftovers="x" * 100000))) < 300


def test_a_missing_library_is_one_sentence(monkeypatch):
    document._validator.cache_clear()
    monkeypatch.setattr(document, "MISSING", ImportError("no"))
    try:
        assert "pip install jsonschema" in problem(require_host_document, EXAMPLE)
    finally:
        document._validator.cache_clear()


def test_a_missing_schema_is_one_sentence(monkeypatch, tmp_path):
    document._validator.cache_clear()
    monkeypatch.setattr(document, "SCHEMA", tmp_path / "gone.json")
    try:
        assert "install the collection again" in problem(require_host_document, EXAMPLE)
    finally:
        document._validator.cache_clear()
