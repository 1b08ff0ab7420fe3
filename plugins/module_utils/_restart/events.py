# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Events: what containerd's event stream says of tasks that end while a restart is under way. Internal.

The stream of the old containerd ends with it, so what it said was so before it was gone. What it did not say proves
nothing: an event can be dropped, and an exit of the time without containerd is published by nobody (recovery-spec 6.3).
"""

from __future__ import annotations

import calendar
import json
import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._host.command import Follower
from ansible_collections.shimops.containerd.plugins.module_utils._restart.ledger import Incarnation
from ansible_collections.shimops.containerd.plugins.module_utils._restart.verdict import Exit

# Bytes of a line; an event that is longer is passed over. Those of tasks have a few hundred.
_LONGEST = 16384
# Tasks that are remembered of one stream; the oldest are forgotten first.
_MOST = 20000
# No time of a host is beyond it, in seconds since the epoch.
_LATEST = 1 << 40
# Date, time, zone, zone's name, namespace, topic and the event as JSON (cmd/ctr/commands/events/events.go).
_LINE = re.compile(rb"^\S+ \S+ \S+ \S+ (\S+) (/tasks/exit|/tasks/delete) (\{.*\})$")
_TIME = re.compile(r"^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{1,9})?Z$")


class Ended(NamedTuple):
    """What events say of the end of one task; ``deleted`` is whether its client deleted it, too."""

    exit: Optional[Exit]
    deleted: bool


class Stream:
    """What one containerd said from when it was first asked until it was gone.

    Events only ever add a proof, so nothing is wrong where there are none.

    :param argv: the command that prints its events, see Ctr.events() in _host/ctr.py.
    """

    def __init__(self, argv: List[str]):
        self._ended: Dict[Incarnation, Ended] = {}
        # Read all the time: what nobody reads would fill containerd's memory.
        self._follower = Follower(argv, self._enter, _LONGEST)

    def ended(self) -> Dict[Incarnation, Ended]:
        """The tasks that have ended."""
        # A copy in one step: the thread goes on.
        return self._ended.copy()

    def close(self) -> None:
        """Read no further."""
        self._follower.close()

    def _enter(self, line: bytes) -> None:
        found = parse(line)
        if found is None:
            return
        key, one = found
        before = self._ended.pop(key, Ended(None, False))
        self._ended[key] = Ended(one.exit or before.exit, one.deleted or before.deleted)
        if len(self._ended) > _MOST:
            del self._ended[next(iter(self._ended))]


class Events:
    """The streams of one restart: the old containerd's, then one for each new one."""

    def __init__(self) -> None:
        self._streams: List[Stream] = []

    def follow(self, argv: List[str]) -> None:
        """Read the events of the containerd that serves now, too."""
        self._streams.append(Stream(argv))

    def ended(self) -> Dict[Incarnation, Ended]:
        """What is known of tasks that have ended. ``deleted`` is the word of the old containerd alone."""
        found: Dict[Incarnation, Ended] = {}
        for number, stream in enumerate(self._streams):
            for key, one in stream.ended().items():
                earlier = found.get(key, Ended(None, False))
                found[key] = Ended(earlier.exit or one.exit, earlier.deleted or (one.deleted and number == 0))
        return found

    def close(self) -> None:
        """End every stream."""
        for stream in self._streams:
            stream.close()


def parse(line: bytes) -> Optional[Tuple[Incarnation, Ended]]:
    """The task that a line is about, and what it says of its end; None for any other line.

    Of an exec, whose id is not the container's, nothing is known here.
    """
    match = _LINE.match(line)
    if match is None:
        return None
    try:
        event = json.loads(match.group(3).decode("utf-8"))
        identifier = event["container_id"]
        if not isinstance(identifier, str) or event.get("id") not in (None, "", identifier):
            return None
        key = (match.group(1).decode("ascii"), identifier, int(event["pid"]))
        return key, Ended(_exit(event), match.group(2) == b"/tasks/delete")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _exit(event: Dict[str, Any]) -> Optional[Exit]:
    """Status and time of an exit; a status of 0 is left out of the JSON, as Go leaves out what is zero."""
    status, at = event.get("exit_status", 0), _seconds(event.get("exited_at"))
    return Exit(status, at) if isinstance(status, int) and at else None


def _seconds(moment: Any) -> Optional[float]:
    """A time as 1.6 prints it (RFC 3339, in UTC) or as later releases do, in seconds since the epoch."""
    if isinstance(moment, dict):
        seconds, nanos = moment.get("seconds"), moment.get("nanos", 0)
        known = isinstance(seconds, int) and isinstance(nanos, int) and max(abs(seconds), abs(nanos)) < _LATEST
        return seconds + nanos / 1e9 if known else None
    match = _TIME.match(moment) if isinstance(moment, str) else None
    if match is None:
        return None
    return calendar.timegm(tuple(int(one) for one in match.groups()[:6])) + float(match.group(7) or 0)
