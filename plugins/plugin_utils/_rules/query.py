# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Query: JMESPath over a host document, checked before it is used. Internal to the collection.

The only file that imports jmespath. A field that a host document does not have is refused, because JMESPath itself
takes it for null, and a rule that asks for nothing finds nothing.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple, Optional

from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.fields import ANY, DOCUMENT

MISSING: Optional[ImportError] = None
try:
    import jmespath
    from jmespath.exceptions import JMESPathError
except ImportError as error:
    MISSING = error

# Functions that give back what their first argument holds.
_PASS_ON = ("sort_by", "sort", "reverse", "not_null")
_PASS_ON_ONE = ("max_by", "min_by")
_OF_ELEMENTS = ("sort_by", "max_by", "min_by")


class QueryError(Exception):
    """What is wrong with a query, in words that follow its name."""


class Query(NamedTuple):
    """A query that can be asked. ``sections`` are the parts of a document that it looks at."""

    text: str
    compiled: Any
    sections: frozenset

    def search(self, document: dict) -> object:
        """What the query finds in a document made of plain Python types. Raises QueryError."""
        try:
            return self.compiled.search(document)
        except JMESPathError as error:
            raise QueryError("does not fit this document: {0}".format(_one_line(error))) from error


@functools.lru_cache(maxsize=1024)
def compile_query(text: str) -> Query:
    """A query from its text. Raises QueryError when it is not JMESPath, or names what no document has."""
    if MISSING:
        raise QueryError("needs the Python library jmespath on the controller ({0})".format(MISSING))
    try:
        compiled: Any = jmespath.compile(text)
    except JMESPathError as error:
        raise QueryError("is not JMESPath: {0}".format(_one_line(error))) from error
    walk = _Walk()
    walk.shape(compiled.parsed, DOCUMENT)
    return Query(text, compiled, frozenset(walk.sections))


class _Walk:
    """One pass over a parsed query, with the form of what each part of it is asked of."""

    def __init__(self):
        self.sections: set = set()

    def shape(self, node: dict, here):
        """The form of what a node gives when it is asked of ``here``."""
        handler = getattr(self, "_" + node["type"], None)
        if handler is None:
            # Comparisons, and, or, not, lists of expressions: each part is asked of the same thing.
            for child in node["children"]:
                self.shape(child, here)
            return ANY
        return handler(node, here)

    def _field(self, node: dict, here):
        name = node["value"]
        if here is DOCUMENT:
            self.sections.add(name)
        if here == ANY:
            return ANY
        if isinstance(here, list):
            raise QueryError("asks a list for {0!r}: write [] or [?...] after the list's name".format(name))
        if here is None:
            raise QueryError("asks a single value for {0!r}".format(name))
        if name not in here:
            raise QueryError("names {0!r}, which is not there; there are: {1}".format(name, ", ".join(sorted(here))))
        return here[name]

    def _chain(self, node: dict, here):
        for child in node["children"]:
            here = self.shape(child, here)
        return here

    _subexpression = _index_expression = _pipe = _chain

    def _index(self, node: dict, here):
        return _element(here, "an element")

    def _slice(self, node: dict, here):
        return [_element(here, "a slice")]

    def _projection(self, node: dict, here):
        left, right = node["children"]
        return [self.shape(right, _element(self.shape(left, here), "[]"))]

    def _flatten(self, node: dict, here):
        inner = self.shape(node["children"][0], here)
        element = _element(inner, "[]")
        return element if isinstance(element, list) else [element]

    def _filter_projection(self, node: dict, here):
        left, right, condition = node["children"]
        element = _element(self.shape(left, here), "[?...]")
        self.shape(condition, element)
        return [self.shape(right, element)]

    def _value_projection(self, node: dict, here):
        left, right = node["children"]
        self.shape(left, here)
        self.shape(right, ANY)
        return ANY

    def _function_expression(self, node: dict, here):
        first = ANY
        for number, child in enumerate(node["children"]):
            if child["type"] == "expref":
                self.shape(child["children"][0], _element(first, "&") if node["value"] in _OF_ELEMENTS else ANY)
                continue
            found = self.shape(child, here)
            first = found if number == 0 else first
        if node["value"] in _PASS_ON:
            return first
        return _element(first, node["value"]) if node["value"] in _PASS_ON_ONE else ANY

    def _multi_select_dict(self, node: dict, here):
        return {pair["value"]: self.shape(pair["children"][0], here) for pair in node["children"]}

    def _current(self, node: dict, here):
        return here

    _identity = _current

    def _literal(self, node: dict, here):
        return ANY


def _element(here, words: str):
    if isinstance(here, list):
        return here[0]
    if here == ANY:
        return ANY
    raise QueryError("has {0} after what is not a list".format(words))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
