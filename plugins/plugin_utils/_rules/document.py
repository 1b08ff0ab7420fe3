# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Document: JSON that is safe to work with, and host documents that are as their schema says. Internal.

The only file that imports jsonschema.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any, Optional

MISSING: Optional[ImportError] = None
try:
    from jsonschema import Draft202012Validator
except ImportError as error:
    MISSING = error

SCHEMA = Path(__file__).resolve().parent / "host-document.schema.json"
# Digits of a number: no count, time or pid has more.
_DIGITS = 24
# Levels of a document.
_DEEPEST = 32
# Characters of what is wrong.
_WORDS = 160


class NotUsable(ValueError):
    """Why a text or a document cannot be used, in a few words."""


def load(text: bytes) -> Any:
    """What a JSON text says. Raises NotUsable for one that is no JSON, too deep, or has a number beyond all use."""
    try:
        found = json.loads(text, parse_int=_integer, parse_float=_real, parse_constant=_constant)
    except NotUsable:
        raise
    except (ValueError, RecursionError):
        raise NotUsable("is not JSON") from None
    if _too_deep(found):
        raise NotUsable("has more than {0} levels".format(_DEEPEST))
    return found


def require_host_document(document: Any) -> None:
    """Raise NotUsable for what is not as host-document.schema.json says."""
    wrong = next(_validator().iter_errors(document), None)
    if wrong is not None:
        place = ".".join(str(part) for part in wrong.absolute_path) or "it"
        raise NotUsable("is not as its schema says: {0}: {1}".format(place, _shortened(wrong.message)))


@functools.lru_cache(maxsize=None)
def _validator() -> Any:
    if MISSING is not None:
        raise NotUsable("cannot be checked: jsonschema is missing on the controller (pip install jsonschema)")
    try:
        schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise NotUsable("cannot be checked: {0} is missing, install the collection again".format(SCHEMA)) from None
    return Draft202012Validator(schema)


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise NotUsable("has a number of {0} digits".format(len(text)))
    return int(text)


def _real(text: str) -> float:
    found = float(text)
    if found in (float("inf"), float("-inf")):
        raise NotUsable("has a number that is too large")
    return found


def _constant(text: str) -> float:
    raise NotUsable("has {0} for a number".format(text))


def _too_deep(value: Any) -> bool:
    rows = [value]
    for _level in range(_DEEPEST):
        rows = [
            child
            for row in rows
            if isinstance(row, (dict, list))
            for child in (row.values() if isinstance(row, dict) else row)
        ]
    return bool(rows)


def _shortened(text: str) -> str:
    return text if len(text) <= _WORDS else text[: _WORDS - 3] + "..."
