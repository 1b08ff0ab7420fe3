# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rollback: whether a rollback to an older release is possible, and which containers it would lose. Pure. Internal.

It is the forecast for the older release, made for the containers that run now and for one as the newest of the named
releases would start it.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import ABSENT, Bundle, File
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.scan import Entry
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.forecast import forecast
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host import releases
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import Answers, Reply
from ansible_collections.shimops.containerd.plugins.module_utils._shim.status import OK, UNIMPLEMENTED


class Rollback(NamedTuple):
    """``state`` is open, closing (what is started from now on closes it) or closed by these containers.

    ``to`` is the release the way leads back to; None where no older one is known.
    """

    state: str
    to: Optional[str]
    containers: List[str]

    def row(self) -> Dict[str, Any]:
        """As the modules return it."""
        return {"class": self.state, "to": self.to, "containers": self.containers}


def destination(versions: Iterable[Optional[str]]) -> Optional[str]:
    """The release a rollback leads to: the oldest of these, or the newest of the major line before them.

    :param versions: the releases that run, are installed, and are aimed at; None is passed over.
    """
    known = _known(versions)
    if not known:
        return None
    oldest, newest = releases.classify(known[0]), releases.classify(known[-1])
    if oldest and newest and oldest.name != newest.name:
        return known[0]
    return releases.line_before(known[0])


def rollback(versions: Sequence[Optional[str]], observations: Iterable[Observation], load_timeout: float) -> Rollback:
    """The rollback from the newest of these releases.

    A container closes it when the older release would lose it, and not for a reason that is as true of the newest one.
    """
    to, known = destination(versions), _known(versions)
    back, ahead = releases.classify(to), releases.classify(known[-1] if known else None)
    if back is None or ahead is None:
        return Rollback("open", None, [])
    closing = []
    for observed in observations:
        there, here = forecast(observed, back, load_timeout), forecast(observed, ahead, load_timeout)
        if there.at_risk and not (here.at_risk and here.rule == there.rule):
            closing.append("/".join((observed.entry.namespace, observed.entry.id)))
    if closing:
        return Rollback("closed", to, closing)
    born = any(forecast(_newborn(name), back, load_timeout).at_risk for name in ahead.candidates)
    return Rollback("closing" if born else "open", to, [])


def _known(versions: Iterable[Optional[str]]) -> List[str]:
    return sorted({one for one in versions if one and releases.classify(one)}, key=releases.number)


def _newborn(name: str) -> Observation:
    """A container as that class starts it: which file it writes, which version its shim serves (recovery-spec 2.2)."""
    place = Endpoint("unix", "/run/containerd/s/new", "ttrpc")
    newer = releases.at_least(name, "V20a")
    bootstrap = b'{"version":3,"address":"unix:///run/containerd/s/new","protocol":"ttrpc"}'
    serves = {"v3": newer, "v2": not newer}
    connect = {one: Reply(OK if there else UNIMPLEMENTED, "") for one, there in serves.items()}
    entry = Entry("", "new", "", "bundle", 0.0)
    bundle = Bundle(
        namespace=entry.namespace,
        id=entry.id,
        path=entry.path,
        changed=0.0,
        empty=False,
        problem=None,
        bootstrap_json=File("file", bootstrap) if newer else ABSENT,
        address=ABSENT if newer else File("file", b"unix:///run/containerd/s/new"),
        shim_binary_path=File("file", b"/usr/bin/containerd-shim-runc-v2"),
        sandbox=None,
        log_kind="fifo",
        pod=None,
        group="",
        init=Process(2, 1),
    )
    said = Answers(connect, "v3" if newer else "v2", 1, 2, "running", [2], None, None, 0.0, True)
    return Observation(entry, bundle, True, True, False, {place: said})
