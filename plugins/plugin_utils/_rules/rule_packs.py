# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packs: rules as data, read from YAML and checked before one is used. Internal to the collection."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterable, NamedTuple, Union

import yaml

from ansible_collections.shimops.containerd.plugins.plugin_utils._rules import yaml_file
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.query import Query, QueryError, compile_query

#: From worst to least. A blocker that fails refuses a host.
SEVERITIES = ("blocker", "major", "minor", "info")
#: The packs that come with the collection.
SHIPPED = ("restart_safety", "upgrade_readiness", "security", "hygiene")

_DIRECTORY = Path(__file__).resolve().parents[3] / "roles" / "compliance_report" / "files" / "packs"
_TEXTS = ("id", "title", "severity", "why", "remedy", "query")
_KEYS = (*_TEXTS, "expected", "needs", "tags")
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class PackError(Exception):
    """Why a pack is refused: which one, which rule, what is wrong, what to do."""


class Rule(NamedTuple):
    """One rule. What its query finds is a finding each, or with ``expected`` set, anything else than that value.

    ``needs`` is a query that has to give true, otherwise the result is unknown.
    """

    id: str
    title: str
    severity: str
    why: str
    remedy: str
    query: Query
    expected: object
    needs: Query | None
    tags: tuple


class Pack(NamedTuple):
    """A named list of rules."""

    name: str
    title: str
    rules: tuple


def load(sources: Iterable[Union[str, dict, Pack]]) -> list:
    """The packs of these sources: shipped names, paths of YAML files, or what such a file holds.

    Raises PackError for the first thing that is wrong; rule ids are unique over all packs.
    """
    packs: list[Pack] = []
    seen: dict[str, str] = {}
    for source in [sources] if isinstance(sources, (str, dict, Pack)) else sources:
        pack = source if isinstance(source, Pack) else _parsed(*_read(source))
        for rule in pack.rules:
            if rule.id in seen:
                raise PackError(
                    "pack {0}: rule {1} is in pack {2} too; give it another id.".format(
                        pack.name, rule.id, seen[rule.id]
                    )
                )
            seen[rule.id] = pack.name
        packs.append(pack)
    return packs


def content(source: Union[str, dict]) -> dict:
    """What a source holds, once it was checked; raises PackError."""
    data, where = _read(source)
    _parsed(data, where)
    return data


def _read(source: Union[str, dict]) -> tuple:
    """The content of a source and the words that name it."""
    if isinstance(source, dict):
        return source, "pack {0}".format(source.get("name", "without a name"))
    text = str(source)
    try:
        return yaml_file.load(_DIRECTORY / (text + ".yml") if text in SHIPPED else text), "pack {0}".format(text)
    except OSError as error:
        raise PackError(
            "pack {0}: cannot be read ({1}); name one of {2}, or the path of a YAML file.".format(
                text, error.strerror, ", ".join(SHIPPED)
            )
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PackError("pack {0}: is not YAML: {1}.".format(text, " ".join(str(error).split()))) from error


def _parsed(data: object, where: str) -> Pack:
    if not isinstance(data, dict) or not isinstance(data.get("rules"), list) or not data["rules"]:
        raise PackError("{0}: has no rules; write a mapping with name, title and a list of rules.".format(where))
    unknown = sorted(set(map(str, data)) - {"name", "title", "rules"})
    if unknown:
        raise PackError("{0}: has the unknown key {1}; there are name, title and rules.".format(where, unknown[0]))
    for key in ("name", "title"):
        if not isinstance(data.get(key), str) or not data[key].strip():
            raise PackError("{0}: has no {1}; write one line of text.".format(where, key))
    rules, seen = [], set()
    for number, entry in enumerate(data["rules"], 1):
        rule = _rule(
            entry, "{0}: rule {1}".format(where, entry.get("id", number) if isinstance(entry, dict) else number)
        )
        if rule.id in seen:
            raise PackError("{0}: rule {1} is there twice; give each its own id.".format(where, rule.id))
        seen.add(rule.id)
        rules.append(rule)
    return Pack(str(data["name"]), str(data["title"]), tuple(rules))


def _rule(entry: object, where: str) -> Rule:
    if not isinstance(entry, dict):
        raise PackError("{0} is not a mapping; write {1}.".format(where, ", ".join(_TEXTS)))
    unknown = sorted(set(map(str, entry)) - set(_KEYS))
    if unknown:
        raise PackError("{0} has the unknown key {1}; there are {2}.".format(where, unknown[0], ", ".join(_KEYS)))
    for key in _TEXTS:
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise PackError("{0} has no {1}; write text.".format(where, key))
    if not _ID.fullmatch(entry["id"]):
        raise PackError("{0}: an id is lower case letters and digits, with dashes between.".format(where))
    if entry["severity"] not in SEVERITIES:
        raise PackError(
            "{0} has severity {1}; write one of {2}.".format(where, entry["severity"], ", ".join(SEVERITIES))
        )
    tags = entry.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise PackError("{0} has tags that are not a list of words; write [one, two].".format(where))
    return Rule(
        id=str(entry["id"]),
        title=_words(entry["title"]),
        severity=str(entry["severity"]),
        why=_words(entry["why"]),
        remedy=_words(entry["remedy"]),
        query=_query(entry["query"], where, "query"),
        expected=entry.get("expected", []),
        needs=_query(entry["needs"], where, "needs") if entry.get("needs") else None,
        tags=tuple(str(tag) for tag in tags),
    )


def _query(text: str, where: str, key: str) -> Query:
    try:
        return compile_query(_words(text))
    except QueryError as error:
        raise PackError("{0}: its {1} {2} (query: {3}).".format(where, key, error, _words(text))) from error


def _words(text: str) -> str:
    """A text of several lines in one."""
    return " ".join(str(text).split())
