# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waivers: findings that are accepted by an owner until a day. Internal to the collection."""

from __future__ import annotations

import datetime
from fnmatch import fnmatchcase
from typing import Iterable, NamedTuple, Union

import yaml

from ansible_collections.shimops.containerd.plugins.plugin_utils._rules import yaml_file

# What narrows a waiver, each a shell pattern; the pod's is namespace/name.
_SCOPE = ("host", "namespace", "id", "pod", "path")
_TEXTS = ("rule", "reason", "owner")
_KEYS = (*_TEXTS, "expires", *_SCOPE)


class WaiverError(Exception):
    """Why a waiver is refused, in one sentence."""


class Waiver(NamedTuple):
    """One waiver; ``scope`` has a shell pattern for each thing that narrows it. It holds to the end of ``expires``."""

    rule: str
    reason: str
    owner: str
    expires: datetime.date
    scope: tuple

    def covers(self, rule: str, host: Union[str, None], finding: dict) -> bool:
        """Whether it speaks of this finding of this rule."""
        if rule != self.rule:
            return False
        subject = dict(finding, host=host)
        return all(subject.get(key) is not None and fnmatchcase(str(subject[key]), text) for key, text in self.scope)

    def row(self) -> dict:
        """As results show it."""
        return {"reason": self.reason, "owner": self.owner, "expires": self.expires.isoformat()}


def load(source: object) -> list:
    """Waivers from a list of mappings, or from a YAML file that holds one. Raises WaiverError."""
    if not source:
        return []
    if isinstance(source, str):
        found: object = _read(source)
    else:
        found = source
    if not isinstance(found, (list, tuple)):
        raise WaiverError("waivers: are not a list; write a list of mappings.")
    return [entry if isinstance(entry, Waiver) else _waiver(entry, number) for number, entry in enumerate(found, 1)]


def expired(waivers: Iterable[Waiver], today: datetime.date) -> list:
    """Those that no longer hold."""
    return [waiver for waiver in waivers if waiver.expires < today]


def day(value: object, where: str) -> datetime.date:
    """A day from a date or from text such as 2026-12-31. Raises WaiverError."""
    try:
        return datetime.date.fromisoformat(str(value)[:10] if isinstance(value, datetime.date) else str(value))
    except ValueError as error:
        raise WaiverError("{0} {1!r} is not a day; write one such as 2026-12-31.".format(where, str(value))) from error


def _read(path: str) -> object:
    try:
        return yaml_file.load(path) or []
    except OSError as error:
        raise WaiverError("waivers: {0} cannot be read ({1}).".format(path, error.strerror)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise WaiverError("waivers: {0} is not YAML: {1}.".format(path, " ".join(str(error).split()))) from error


def _waiver(entry: object, number: int) -> Waiver:
    if not isinstance(entry, dict):
        raise WaiverError("waiver {0}: is not a mapping; write {1} and expires.".format(number, ", ".join(_TEXTS)))
    where = "waiver {0} ({1}):".format(number, entry.get("rule", "no rule"))
    unknown = sorted(set(map(str, entry)) - set(_KEYS))
    if unknown:
        raise WaiverError("{0} has the unknown key {1}; there are {2}.".format(where, unknown[0], ", ".join(_KEYS)))
    for key in _TEXTS:
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise WaiverError(
                "{0} has no {1}; a waiver names its rule, its reason and who answers for it.".format(where, key)
            )
    if "expires" not in entry:
        raise WaiverError("{0} has no expires; a waiver ends on a day such as 2026-12-31.".format(where))
    scope = tuple((key, str(entry[key])) for key in _SCOPE if entry.get(key) is not None)
    expires = day(entry["expires"], where + " expires")
    return Waiver(str(entry["rule"]), str(entry["reason"]), str(entry["owner"]), expires, scope)
