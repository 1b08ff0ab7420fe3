#!/usr/bin/python
# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: shim_probe
short_description: Ask every shim, and forecast what a restart of containerd would do to each container
version_added: 0.1.0
description:
  - Asks each shim the questions that containerd asks at its start, and forecasts for each bundle what a restart into
    O(target_version) would do. Changes nothing.
  - With O(wanted) it waits until every bundle has one of these outcomes, and fails after O(wait_timeout).
extends_documentation_fragment:
  - shimops.containerd._shared
  - shimops.containerd._shared.run
  - shimops.containerd._shared.attributes
requirements:
  - protobuf 3.6 or newer (python3-protobuf of the distribution)
  - grpcio (python3-grpcio), only to ask shims that serve gRPC
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Nothing is changed.
options:
  target_version:
    description:
      - The releases to forecast for. Each is V(running), V(installed), or a release such as V(2.1.9).
      - Every shim is asked once, for any number of releases. RV(shims) and RV(summary) are for the first release;
        RV(targets) has all releases.
    type: list
    elements: str
    default: [installed]
  wanted:
    description: Wait until every bundle's outcome is one of these.
    type: list
    elements: str
    choices: [reattached, killed, dropped, reaped, orphaned, retained, skipped, hangs, runtime_absent, unknown]
  wait_timeout:
    description: Seconds to wait for O(wanted). With V(0) the forecast is made once.
    type: float
    default: 0
  sleep:
    description: Seconds between two forecasts.
    type: float
    default: 2
  pids:
    description:
      - Whether to ask Pids as well, as containerd 1.7 and later do. Each answer runs C(runc ps) on the host.
      - Without Pids a shim that cannot list its processes is not detected.
      - The default is true, and false with O(audit=true).
    type: bool
  audit:
    description:
      - Whether to return the host document, described by C(host-document.schema.json) of this collection. It lists
        the bundles and shims of the host, the forecast, and the leftovers with their cleanup commands. Nothing is
        cleaned.
      - An audit covers the whole host, so it refuses O(namespaces) and O(ids).
    type: bool
    default: false
  packs:
    description:
      - Check the host document against these rule packs, as P(shimops.containerd.judge#filter) does. Packs of this
        collection by name, your own packs by the path of a YAML file. Runs on the controller, and needs O(audit=true).
    type: list
    elements: raw
    default: []
  waivers:
    description:
      - Accepted findings, in the format of P(shimops.containerd.judge#filter). A list, or the path of a YAML file.
    type: raw
  rescue:
    description: Whether C(refusal) in RV(judged) omits bundles that M(shimops.containerd.shim_migrate) would rescue.
    type: bool
    default: false
  on_risk:
    description:
      - In a run (O(run_folder)), decide on the controller what becomes of the host, and record it.
      - With V(refuse) a host is refused if a task is at risk that O(rescue) does not keep, or by the rules of O(packs).
        V(proceed) refuses none for that.
      - Without it nothing is decided.
    type: str
    choices: [refuse, proceed]
  refusal_counts:
    description: The budget of the run that a host refused by O(on_risk) counts against.
    type: str
    choices: [failed, refused]
    default: refused
  version:
    description:
      - The pinned version of an upgrade, for O(on_risk). A host is also refused if the upgrade path is not supported,
        and needs nothing if the release runs and is installed already.
    type: str
"""

EXAMPLES = r"""
- name: Forecast a restart
  shimops.containerd.shim_probe:
  register: forecast

- name: Fail if an upgrade would lose a container
  shimops.containerd.shim_probe:
    target_version: 2.1.9
    detail: problems
  register: upgrade
  failed_when: upgrade.summary.at_risk > 0

- name: Forecast an upgrade and its rollback
  shimops.containerd.shim_probe:
    target_version: [2.1.9, running]

- name: Wait until every shim would be reattached
  shimops.containerd.shim_probe:
    wanted: [reattached]
    wait_timeout: 60

- name: Audit the host, with every leftover and its cleanup command
  shimops.containerd.shim_probe:
    audit: true
  register: audited
"""

RETURN = r"""
shims:
  description:
    - One row per bundle; with O(detail=summary) and O(detail=problems) those that are at risk or not reattached.
  returned: always
  type: list
  elements: dict
  sample:
    - answers: "v3: Unimplemented, v2: ok"
      at_risk: false
      client: keeps
      delay: 0.02
      id: plain1
      namespace: default
      outcome: reattached
      pod: null
      reason: its shim answers
      rule: A1
      shim_pid: 411
      status: running
      task: kept
      task_pid: 430
summary:
  description:
    - Exact counts of bundles, live tasks, tasks at risk, those of them that M(shimops.containerd.shim_migrate) can
      rescue, and outcomes, and the number of omitted rows.
  returned: always
  type: dict
  sample: {"at_risk": 0, "bundles": 8, "outcomes": {"reattached": 8}, "rescuable": 0, "tasks": 8, "truncated": 0}
targets:
  description: Counts and refusal of the forecast for each release of O(target_version).
  returned: always
  type: list
  elements: dict
  sample:
    - at_risk: 0
      outcomes: {"reattached": 8}
      refusal: ""
      release_class: V20b
      release_class_sure: true
      rescuable: 0
      start_estimate: 0.16
      target: 2.1.9
release:
  description: Running, installed and target release, and the target's release class.
  returned: always
  type: dict
  sample:
    installed: 1.7.24
    release_class: V17
    release_class_sure: true
    running: 1.7.24
    target: 1.7.24
start_estimate:
  description: Seconds that loading the shims adds to containerd's start.
  returned: always
  type: float
hazards:
  description: The hazards of the whole host, with C(id), C(outcome), C(reason) and C(remedy).
  returned: always
  type: list
  elements: dict
likely_to_stall:
  description:
    - The tasks whose log pipe would be full before containerd is back, at their present output rate. C(rate) is in
      bytes per second, C(full_after) in seconds.
  returned: always
  type: list
  elements: dict
host_refusal:
  description: Why the host is refused; empty if it is not.
  returned: with O(on_risk), in a run
  type: str
at:
  description: When the forecast was made, in seconds since the epoch of the controller.
  returned: with O(on_risk), in a run
  type: float
refusal:
  description:
    - Why a restart would be refused. Empty if containerd runs, no task is at risk, and there is no hold file.
  returned: always
  type: str
rollback:
  description:
    - Whether a rollback to an older release is V(open), V(closing) (containers started from now on would be lost) or
      V(closed), the containers it would lose, and its target release.
    - The target is the oldest of the running, installed and requested releases. If they all recover shims in the same
      way, it is the last release of the previous line.
  returned: always
  type: dict
  sample: {"class": "closing", "containers": [], "to": "1.7.34"}
document:
  description:
    - The host document. C(asked) in it says what the shims were asked.
    - It is not returned if the task stores it in a run folder.
  returned: with O(audit=true)
  type: dict
judged:
  description:
    - The result of the rules in short.
  returned: with O(packs)
  type: dict
  contains:
    failed:
      description: Failed rules and their numbers of findings.
      type: dict
    waived:
      description: The same for rules whose findings are all waived.
      type: dict
    unknown:
      description: The same for rules that could not be checked.
      type: dict
    refusal:
      description: Why the rules refuse the host; empty if they do not.
      type: str
  sample: {"failed": {"stale-socket": 2}, "refusal": "", "unknown": {}, "waived": {}}
ledger:
  description: The run in the ledger of the host, its phase, and its number of lost tasks; empty without a ledger.
  returned: always
  type: dict
  sample: {"lost": 0, "phase": "verified", "run_id": "monday-1"}
elapsed:
  description: Seconds the module took.
  returned: always
  type: float
"""


from ansible_collections.shimops.containerd.plugins.module_utils import _result, _stop_file
from ansible_collections.shimops.containerd.plugins.module_utils._audit import host_document
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._forecast import host_conditions, results
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.forecast import OUTCOMES
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.gather import gather
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.host_forecast import target
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.rollback import destination, rollback
from ansible_collections.shimops.containerd.plugins.module_utils._host import daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import candidates
from ansible_collections.shimops.containerd.plugins.module_utils._logs.watch import StallForecast
from ansible_collections.shimops.containerd.plugins.module_utils._module import execute
from ansible_collections.shimops.containerd.plugins.module_utils._rescue.survey import at_rest, forecast_host, observe
from ansible_collections.shimops.containerd.plugins.module_utils._restart import ledger_file, ledger_summary, preflight
from ansible_collections.shimops.containerd.plugins.module_utils._shim.messages import protobuf_problem


def probe(options, check_mode):
    """Forecast until every outcome is wanted, or once."""
    patience = Deadline(options["wait_timeout"])
    while True:
        found = observe_once(options)
        unwanted = [row for row in found["shims"] if options["wanted"] and row["outcome"] not in options["wanted"]]
        if not unwanted or not patience.sleep(options["sleep"]):
            break
    found["shims"] = _result.select(
        found["shims"], options["detail"], lambda row: row["at_risk"] or row["outcome"] != "reattached"
    )
    found["elapsed"] = round(patience.elapsed(), 3)
    if unwanted:
        found["failure"] = "forecast: {0} of {1} bundles have another outcome than {2}; {3}/{4} is {5}: {6}.".format(
            len(unwanted),
            found["summary"]["bundles"],
            " or ".join(options["wanted"]),
            unwanted[0]["namespace"],
            unwanted[0]["id"],
            unwanted[0]["outcome"],
            unwanted[0]["reason"],
        )
    return found


def observe_once(options):
    """The whole route once, with every row."""
    deadline = Deadline(options["timeout"])
    if options["audit"]:
        preflight.require_whole_host(options, "an audit")
    here = daemon.only(daemon.find(options, deadline))
    wanted = list(dict.fromkeys(options["target_version"])) or ["installed"]
    versions = [here.running, here.installed] + [target(here, one)[0] for one in wanted]
    classes = candidates(versions + [destination(versions)])
    pids = options["pids"] if options["pids"] is not None else not options["audit"]

    def look():
        observations = observe(here, options, deadline, classes, pids).all
        conditions = host_conditions.observe(here, observations)
        return [forecast_host(here, observations, one, conditions) for one in wanted]

    views = at_rest(look, deadline)
    first = views[0]
    observations = [observed for observed, _one in first.forecasts]
    stalls = StallForecast(here, observations, first.start_estimate)
    found = {
        "shims": [results.shim_row(observed, one) for observed, one in first.forecasts],
        "summary": results.counts(first.forecasts),
        "release": results.release(here, first),
        "start_estimate": first.start_estimate,
        "hazards": [hazard.row() for hazard in first.hazards],
        "rollback": rollback(versions, observations, here.load_timeout).row(),
        "ledger": ledger_summary.brief(ledger_file.PLACE),
        "refusal": refusal(here, first),
        "targets": [results.target(view) for view in views],
    }
    if options["audit"]:
        observed = host_document.HostObserved(
            here,
            observations,
            views,
            found["rollback"],
            pids,
            lambda: gather(here, options, deadline, ()).all,
        )
        found["document"] = host_document.document(observed, deadline)
    found["likely_to_stall"] = stalls.rows(deadline)
    return found


def refusal(here, view):
    """Why a restart is refused: the host is held, containerd does not run, or a task is at risk."""
    try:
        _stop_file.require_absent()
        preflight.require_running(here)
    except ShimError as error:
        return str(error)
    return results.refusal(view)


def main():
    """Run the module."""
    execute(
        probe,
        {
            "run_folder": {"type": "path"},
            "target_version": {"type": "list", "elements": "str", "default": ["installed"]},
            "wanted": {"type": "list", "elements": "str", "choices": list(OUTCOMES)},
            "wait_timeout": {"type": "float", "default": 0},
            "sleep": {"type": "float", "default": 2},
            "pids": {"type": "bool"},
            "audit": {"type": "bool", "default": False},
            # The action plugin handles these on the controller.
            "packs": {"type": "list", "elements": "raw", "default": []},
            "waivers": {"type": "raw"},
            "rescue": {"type": "bool", "default": False},
            "on_risk": {"type": "str", "choices": ["refuse", "proceed"]},
            "refusal_counts": {"type": "str", "choices": ["failed", "refused"], "default": "refused"},
            "version": {"type": "str"},
        },
        protobuf_problem,
    )


if __name__ == "__main__":
    main()
