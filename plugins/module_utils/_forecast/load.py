# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Load: how containerd's load of one live-looking bundle ends: restore, dial, Connect, Pids. Pure. Internal.

Source: loadShim and loadShims, recovery-spec 1.4, 4.2, 5 and 6; rules are rows of recovery-spec 10.2.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bootstrap import Params, Unusable, restore
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import Bundle
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint, Nowhere, resolve
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import Observation
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import at_least
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import (
    BROKEN,
    CLOSED,
    TOO_LITTLE_TIME,
    Answers,
)
from ansible_collections.shimops.containerd.plugins.module_utils._shim.status import NOT_FOUND, OK, UNIMPLEMENTED

# Seconds containerd takes to load one healthy bundle: 12.4 s were measured for 300 pods (containerd issue 12142).
_USUAL_DELAY = 0.02
_NOBODY = ("D1", "D2")


class Load(NamedTuple):
    """How the load of one bundle ends. ``task`` is the result for a live task where the outcome does not say it.

    ``waited`` is how many seconds the shim took for what a containerd of this class gives up waiting for.
    """

    outcome: str
    rule: str
    reason: str
    delay: float = 0.0
    task: Optional[str] = None
    waited: float = 0.0


def failed(rule: str, reason: str, outcome: str = "killed", delay: float = 0.0) -> Load:
    """A failed load: containerd runs the shim's delete, which kills the container (recovery-spec 1.3 and 1.5)."""
    return Load(outcome, rule, reason, delay)


def shim(observed: Observation, bundle: Bundle, name: str, load_timeout: float) -> Load:
    """loadShim: restore parameters, dial, Connect, Pids."""
    params = restore(bundle, name)
    if isinstance(params, Unusable):
        return failed(params.rule, params.reason, params.outcome)
    if params.migrates and observed.writable is False:
        return failed("C8", "bootstrap.json cannot be written: the file system of the bundle is full or read-only")
    place = resolve(params, observed.cwd)
    if isinstance(place, Nowhere):
        return failed(place.rule, place.reason, place.outcome)
    found = _asked(observed, bundle, params, place, name, load_timeout)
    if name == "V16" and place.kind == "abstract":
        # Built with an older Go it dials a name with a NUL at its end, and which Go it was is not known.
        other = _asked(observed, bundle, params, place._replace(name=place.name + "\0"), name, load_timeout)
        if other.outcome != found.outcome:
            return Load("unknown", "C7", "how 1.6 dials an abstract name depends on the Go it was built with")
    return found


def _asked(
    observed: Observation, bundle: Bundle, params: Params, place: Endpoint, name: str, load_timeout: float
) -> Load:
    said = observed.answers.get(place)
    if said is None:
        return Load("unknown", "D3", "the shim was not asked")
    if said.failure:
        rule, reason = params.doubt if params.doubt and said.failure[0] in _NOBODY else said.failure
        # It waits out its time for nonsense as it does for silence; a shim that hangs up costs less.
        delay = load_timeout if rule in ("D3", "D4", "D5") else 0.0
        return failed(rule, reason, "killed" if said.asked else "unknown", delay)
    refusal = _connect(params, said, name)
    if refusal:
        return refusal
    if load_timeout <= 0:
        return failed(
            "load_timeout", "containerd's load time-out is {0:g} s: it gives up every shim".format(load_timeout)
        )
    if said.greeted >= load_timeout:
        reason = "its shim took {0:.3g} s to answer, and containerd waits {1:g} s".format(said.greeted, load_timeout)
        return failed("D3", reason, delay=load_timeout)
    took = _taken(said, name, load_timeout)
    delay = took if slow(took, load_timeout) else _USUAL_DELAY
    good = Load("reattached", _healthy(bundle, params, said), "its shim answers", delay, waited=said.greeted)
    foreign = _foreign(bundle, said)
    if name == "V16":
        return good._replace(rule="D9", reason=foreign, task="unmanaged") if foreign else good
    found = _pids(observed, said, name, load_timeout, good)
    if not foreign:
        return found
    if found.outcome == "reattached":
        return found._replace(rule="D9", reason=foreign, task="unmanaged")
    if found.rule in ("E4", "E6"):
        # Such a shim has nothing to refuse: containerd deletes what it took for a leftover, and the container with it.
        return Load("reaped", "D9", foreign, found.delay, "killed")
    return found


def _taken(said: Answers, name: str, load_timeout: float) -> float:
    """The seconds the load of one shim takes.

    1.6 does not ask Pids. Later releases wait for it without a deadline; V23c has one for everything done for a shim,
    and keeps a shim that was too slow with Pids (recovery-spec 1.7 and 6.1).
    """
    if name == "V16":
        return said.greeted
    return min(said.elapsed, load_timeout) if at_least(name, "V23c") else said.elapsed


def _connect(params: Params, said: Answers, name: str) -> Optional[Load]:
    """NewTaskClient and PID(): which service is asked, and whether it answers (recovery-spec 4.2 and 5)."""
    if params.protocol == "grpc":
        return _connect_grpc(params, said, name)
    wanted = "v3" if params.version >= 3 else "v2"
    code = _code(said, wanted)
    if code == UNIMPLEMENTED and wanted == "v3" and at_least(name, "V20b"):
        wanted, code = "v2", _code(said, "v2")
    if code == OK:
        return None
    if code is None:
        return Load("unknown", "D5", "its shim did not say whether it serves task {0}".format(wanted))
    if code == UNIMPLEMENTED:
        row = "A5" if params.version >= 3 else "A6"
        if all(reply.code == UNIMPLEMENTED for reply in said.connect.values()):
            row = "D7"
        return failed(row, "its shim does not serve task {0}".format(wanted))
    return failed("D6", "its shim refuses Connect: {0}".format(said.connect[wanted].text))


def _connect_grpc(params: Params, said: Answers, name: str) -> Optional[Load]:
    if at_least(name, "V20a") and params.version != 3:
        return failed("A7", "containerd 2.x speaks gRPC only to version 3")
    if _code(said, "v3") != OK:
        return failed("D6", "its shim refuses Connect over gRPC")
    if name in ("V20a", "V20b"):
        # Where releases race, the worst counts (footnote 3 of recovery-spec 10.2).
        return failed("A8", "containerd 2.0 closes gRPC shims right after loading them")
    return None


def _code(said: Answers, service: str) -> Optional[int]:
    return said.connect[service].code if service in said.connect else None


def _foreign(bundle: Bundle, said: Answers) -> str:
    """Why the shim that answers is not the one of this task (row D9); empty when nothing says so.

    Connect answers for any id, so it is compared with init.pid, which only runc's shim writes.
    """
    init = bundle.init
    if init is None:
        return ""
    if said.state_code == NOT_FOUND:
        return "its shim does not know the task, whose init process {0} runs".format(init.pid)
    if said.task_pid and said.task_pid != init.pid:
        return "its shim answers for process {0}, but init.pid names {1}".format(said.task_pid, init.pid)
    return ""


def _pids(observed: Observation, said: Answers, name: str, load_timeout: float, good: Load) -> Load:
    """The check for leaked shims, 1.7 and later (recovery-spec 6.1)."""
    if said.pids:
        return good
    if said.pids is None and said.pids_failure is None:
        return good._replace(reason="its shim answers Connect; Pids was not asked")
    code, reason = said.pids_failure or (None, "")
    if said.pids is None and code in (TOO_LITTLE_TIME, BROKEN):
        return Load("unknown", "E7", "its shim answers Connect, and then: {0}".format(reason))
    if code == CLOSED:
        return failed("D5", "its shim answers Connect and hangs up when it is asked Pids")
    if said.pids is None and code is None:
        if at_least(name, "V23c"):
            return good._replace(rule="E7", reason="its shim does not answer Pids", delay=load_timeout)
        return Load("hangs", "E7", "its shim never answers Pids, and containerd waits forever")
    # From 2.x on the store lies elsewhere in the metadata, so a 1.7 that follows finds it empty.
    moved = name == "V17" and observed.stored_by and at_least(observed.stored_by, "V20a")
    if observed.in_sandbox_store and not moved:
        return good._replace(rule="E3", reason="its shim answers, and it is in the sandbox store")
    missing = said.pids is not None or code == NOT_FOUND
    if not missing and at_least(name, "V23b"):
        return good._replace(rule="E4", reason="its shim answers Connect, and a failing Pids is forgiven")
    if observed.in_sandbox_store is None and not moved:
        return Load("unknown", "E3", "containerd did not list its sandboxes")
    if not observed.live:
        if code == NOT_FOUND:
            return Load("reaped", "E1", "its shim has no such task: containerd deletes it")
        return Load("reaped", "E2" if missing else "E5", "its task has exited: containerd deletes it")
    if missing:
        # Row E6: V23c races between leaving the task alone and killing it, so the worst counts.
        outcome = "killed" if at_least(name, "V23c") else "orphaned"
        return Load(outcome, "E6", "its shim does not know the task any more")
    return Load("orphaned", "E4", "its shim answers Connect but cannot list processes: {0}".format(reason))


def slow(waited: float, load_timeout: float) -> bool:
    """Whether a shim that answered took so long that it may not do so the next time.

    We ask many at once, so less than that says nothing of what it costs containerd's start.
    """
    return waited > load_timeout / 2


def _healthy(bundle: Bundle, params: Params, said: Answers) -> str:
    if params.source == "address":
        return "A1"
    if params.version == 2:
        return "A2"
    if params.protocol == "ttrpc" and _code(said, "v3") != OK:
        return "A5"
    return "A10" if bundle.sandbox and not bundle.shim_binary_path.data else "A3"
