# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: check one host document against rule packs."""

from __future__ import annotations

DOCUMENTATION = r"""
name: judge
short_description: Check a host document against rule packs
version_added: 0.1.0
description:
  - Applies every rule of the packs to one host document. M(shimops.containerd.shim_probe) with
    O(shimops.containerd.shim_probe#module:audit=true) returns such a document.
  - Does not contact a host.
positional: _input, packs
options:
  _input:
    description: The host document.
    type: dict
    required: true
  packs:
    description:
      - Names of packs of this collection, paths of YAML files, or packs read with
        P(shimops.containerd.rule_pack#filter).
    type: list
    elements: raw
    default: [restart_safety, upgrade_readiness, security, hygiene]
  waivers:
    description:
      - Accepted findings. Each has C(rule), C(reason), C(owner) and C(expires) (the last valid day). C(host),
        C(namespace), C(id), C(pod) (C(namespace/name)) and C(path) restrict it; each is a shell pattern.
      - A list, or the path of a YAML file with a list.
    type: raw
    default: []
  today:
    description: The date to compare waivers with, such as V(2026-12-31). The default is today in UTC.
    type: str
requirements:
  - jmespath on the controller
author:
  - shimops.containerd authors (@shimops)
seealso:
  - plugin: shimops.containerd.rule_pack
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Audit the host
  shimops.containerd.shim_probe:
    audit: true
    detail: full
  register: audited

- name: Stop if a restart would lose a container
  ansible.builtin.assert:
    that: failed | length == 0
    fail_msg: "{{ failed | map(attribute='title') | join('; ') }}"
  vars:
    failed: >-
      {{ audited.document | shimops.containerd.judge(['restart_safety', 'rules/our.yml'])
      | selectattr('severity', 'eq', 'blocker') | rejectattr('status', 'in', ['passed', 'waived']) }}

- name: Check with a waiver
  ansible.builtin.debug:
    msg: "{{ audited.document | shimops.containerd.judge(['security'], waivers=waivers) | map(attribute='status') }}"
  vars:
    waivers:
      - rule: shim-old-code
        pod: shop/*
        reason: Recreated with the release of Thursday.
        owner: the shop's team
        expires: 2026-12-31
"""

RETURN = r"""
_value:
  description:
    - One result per rule, in the order of the packs, with C(host), C(pack), C(rule), C(title), C(severity) (V(blocker),
      V(major), V(minor) or V(info)), C(tags), C(why), C(remedy), C(status) and C(findings).
    - C(status) is V(passed); V(failed); V(waived) if every finding is waived; V(unknown) if the document lacks
      what the rule needs. V(unknown) never counts as passed.
    - Each finding has C(namespace), C(id), C(pod), C(pid), C(path), C(text), C(command) (the cleanup command), and the
      valid C(waiver) or the C(expired) one.
  type: list
  elements: dict
"""

import datetime

from ansible.errors import AnsibleFilterError

from ansible_collections.shimops.containerd.plugins.plugin_utils._rules import rule_set
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.builtin_types import to_builtin
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.rule_packs import SHIPPED
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.waiver_list import WaiverError, day


def judge(document, packs=SHIPPED, waivers=(), today=None):
    """Check a host document; see the documentation above."""
    if not isinstance(document, dict) or document.get("kind") != "host":
        raise AnsibleFilterError("judge: takes a host document, as shim_probe with audit returns it.")
    try:
        now = day(today, "today") if today else datetime.datetime.now(datetime.timezone.utc).date()
        rules = rule_set.load(packs, waivers)
    except (rule_set.RulesError, WaiverError) as error:
        raise AnsibleFilterError(str(error)) from None
    return rules.judge(to_builtin(document), now)


class FilterModule:
    """The filter."""

    def filters(self):
        """Its name."""
        return {"judge": judge}
