#!/usr/bin/python
# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_report
short_description: Report on a run over a fleet, and judge it
version_added: 0.1.0
description:
  - Reads the folder of an audit, a rolling restart or a rolling upgrade, and writes reports on it.
  - An audit is judged by rules. A roll is judged by what it promises, that no task is lost and no host left behind.
  - Everything happens on the controller, one document at a time. No connection is made and no host is touched.
options:
  run_dir:
    description: Where the folders of runs are, on the controller. A relative path starts at the current directory.
    type: path
    default: shimops-runs
  run_id:
    description: The name of the run, or the path of its folder. The default is the run that began last.
    type: str
  dest:
    description: Where the reports go. It is made when it is missing. The default is C(reports) in the run's folder.
    type: path
  formats:
    description:
      - Which reports to write.
      - V(json) is C(report.json), V(csv) C(hosts.csv) and C(findings.csv) and of a roll C(tasks.csv), V(junit)
        C(junit.xml), V(prometheus) C(shimops.prom), V(markdown) C(report.md), V(html) C(report.html).
    type: list
    elements: str
    choices: [json, csv, junit, prometheus, markdown, html]
    default: [json, csv, junit, prometheus, markdown, html]
  title:
    description: The title of the reports.
    type: str
  packs:
    description: The rules that an audit is judged by, each a shipped pack's name or the path of a pack of your own.
    type: list
    elements: raw
    default: [restart_safety, upgrade_readiness, security, hygiene]
  waivers:
    description: What is accepted, each with its reason, owner and expiry. A list, or the path of a YAML file with one.
    type: raw
    default: []
  previous:
    description:
      - The name of an earlier run of the same kind, or the path of its folder. The reports then say what is new and
        what is gone.
      - V(last) is the run of the same operation that began before this one, where there is one.
    type: str
  fail_on:
    description:
      - The mildest severity that fails the task, once the reports are written.
      - A host without a readable document fails it too, and so does a rule of that severity that could not be judged.
      - What is waived does not. V(never) fails for nothing.
    type: str
    choices: [blocker, major, minor, info, never]
    default: never
  today:
    description: The day that waivers are measured by, as C(YYYY-MM-DD). The default is the controller's own, in UTC.
    type: str
extends_documentation_fragment:
  - shimops.containerd._shared.attributes
attributes:
  check_mode:
    support: full
    details: Everything is read and judged, and nothing is written.
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

- name: Let no upgrade begin while there is a blocker
  shimops.containerd.fleet_report:
    run_id: before-2.1
    packs: [restart_safety, upgrade_readiness, files/our-rules.yml]
    waivers: files/waivers.yml
    formats: [junit]
    fail_on: blocker
"""

RETURN = r"""
files:
  description: The reports.
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
  description: How many hosts each rule found something on, at most 20 rules, the worst first.
  returned: always
  type: list
  elements: dict
  sample: [{"rule": "hung-shim", "severity": "blocker", "hosts": 1, "findings": 1}]
told:
  description: The same in a few lines for people.
  returned: always
  type: list
  elements: str
  sample: ["run nightly-2026-06-30: 40 hosts, findings: 1 blocker", "a blocker found: 1", "nothing found: 39"]
run_id:
  description: The name of the run.
  returned: always
  type: str
msg:
  description: What was found in a few words, and why the task failed when it did.
  returned: always
  type: str
"""
