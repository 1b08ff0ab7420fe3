#!/usr/bin/python
# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_report
short_description: Write reports on a run over a fleet
version_added: 0.1.0
description:
  - Reads the folder of an audit, a rolling restart or a rolling upgrade, and writes reports on it.
  - An audit is checked against rules. A restart or upgrade is checked for lost tasks and unfinished hosts.
  - Runs on the controller, one document at a time. Does not contact a host.
options:
  run_dir:
    description: The directory with the run folders on the controller. A relative path starts at the current directory.
    type: path
    default: shimops-runs
  run_store:
    description:
      - The address of the Redis that keeps the run, as in M(shimops.containerd.fleet_run). The documents of all
        controllers are copied into a folder below O(run_dir), and the reports are made from it.
    type: str
  run_id:
    description: The name of the run, or the path of its folder. The default is the newest run.
    type: str
  dest:
    description: The directory for the reports, created if missing. The default is C(reports) in the run folder.
    type: path
  formats:
    description:
      - The reports to write.
      - V(json) is C(report.json), V(csv) C(hosts.csv), C(findings.csv) and for a restart or upgrade C(tasks.csv),
        V(junit) C(junit.xml), V(prometheus) C(shimops.prom), V(markdown) C(report.md), V(html) C(report.html).
    type: list
    elements: str
    choices: [json, csv, junit, prometheus, markdown, html]
    default: [json, csv, junit, prometheus, markdown, html]
  title:
    description: The title of the reports.
    type: str
  packs:
    description: The rules an audit is checked against. Packs of this collection by name, your own packs by path.
    type: list
    elements: raw
    default: [restart_safety, upgrade_readiness, security, hygiene]
  waivers:
    description: Accepted findings, each with reason, owner and expiry. A list, or the path of a YAML file with a list.
    type: raw
    default: []
  previous:
    description:
      - The name of an earlier run of the same operation, or the path of its folder. The reports then list new and gone
        findings.
      - V(last) is the previous run of the same operation, if there is one.
    type: str
  fail_on:
    description:
      - The lowest severity that fails the task after the reports are written.
      - The task also fails if a host has no readable document, or if a rule of that severity could not be checked.
      - Waived findings do not count. With V(never) the task does not fail.
    type: str
    choices: [blocker, major, minor, info, never]
    default: never
  today:
    description: The date to compare waivers with, as C(YYYY-MM-DD). The default is today in UTC.
    type: str
extends_documentation_fragment:
  - shimops.containerd._shared.attributes
attributes:
  check_mode:
    support: full
    details: Reads and checks everything, and writes nothing.
  diff_mode:
    support: none
    details: Reports are not shown as differences.
author:
  - shimops.containerd authors (@shimops)
"""

EXAMPLES = r"""
- name: Report on last night's audit
  shimops.containerd.fleet_report:
    run_id: nightly-2026-06-30
    previous: last
    dest: /srv/www/containerd

- name: Fail before an upgrade if there is a blocker
  shimops.containerd.fleet_report:
    run_id: before-2.1
    packs: [restart_safety, upgrade_readiness, files/our-rules.yml]
    waivers: files/waivers.yml
    formats: [junit]
    fail_on: blocker
"""

RETURN = r"""
files:
  description: The paths of the reports.
  returned: unless in check mode
  type: list
  elements: str
  sample: [shimops-runs/nightly-2026-06-30/reports/report.html]
summary:
  description: Exact counts over the fleet.
  returned: always
  type: dict
  sample:
    counts: {"killed": 1, "reattached": 340}
    expired_waivers: 0
    findings: {"blocker": 1, "info": 0, "major": 2, "minor": 7}
    gone: 3
    hosts: 40
    new: 1
    states: {"blocker": 1, "clean": 39}
    unknown: {"blocker": 0, "info": 0, "major": 0, "minor": 0}
    waived: 2
rules:
  description: The number of hosts with findings per rule, at most 20 rules, the worst first.
  returned: always
  type: list
  elements: dict
  sample: [{"rule": "hung-shim", "severity": "blocker", "hosts": 1, "findings": 1}]
lines:
  description: The same as a few lines of text.
  returned: always
  type: list
  elements: str
  sample: ["run nightly-2026-06-30: 40 hosts, findings: 1 blocker", "a blocker found: 1", "nothing found: 39"]
run_id:
  description: The name of the run.
  returned: always
  type: str
msg:
  description: A summary of the findings, and why the task failed.
  returned: always
  type: str
"""
