# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: read and check a rule pack."""

from __future__ import annotations

DOCUMENTATION = r"""
name: rule_pack
short_description: Read and check a rule pack
version_added: 0.1.0
description:
  - Reads a pack of this collection by its name, or your own pack from a YAML file on the controller, and checks it. An
    invalid pack is an error that names the rule and the problem.
  - A query is JMESPath over a host document, described by C(host-document.schema.json) of this collection. A query
    with an unknown field is an error too.
positional: _input
options:
  _input:
    description: V(restart_safety), V(upgrade_readiness), V(security), V(hygiene), or the path of a YAML file.
    type: str
    required: true
requirements:
  - jmespath on the controller
author:
  - shimops.containerd authors (@shimops)
seealso:
  - plugin: shimops.containerd.judge
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Print the titles of the rules in a pack
  ansible.builtin.debug:
    msg: "{{ ('restart_safety' | shimops.containerd.rule_pack).rules | items2dict(key_name='id', value_name='title') }}"

# A pack of your own, rules/our.yml:
#
# name: ours
# title: Requirements for our hosts
# rules:
#   - id: release-floor
#     title: containerd is older than we support
#     severity: major
#     why: Below 1.7.20 our monitoring does not work.
#     remedy: Upgrade the host.
#     query: daemon.running_class == 'V16'
#     expected: false
#     tags: [ours]
#   - id: too-many-restarts
#     title: systemd restarted containerd
#     severity: minor
#     why: It ended unexpectedly.
#     remedy: Read its journal.
#     query: unit.restarts
#     expected: 0
- name: Read the packs once for the whole play
  ansible.builtin.set_fact:
    packs: "{{ ['hygiene', 'rules/our.yml'] | map('shimops.containerd.rule_pack') | list }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The pack, with C(name), C(title) and C(rules), as in its file.
  type: dict
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.rule_packs import PackError, content


def rule_pack(source):
    """Read a pack; see the documentation above."""
    if not isinstance(source, str):
        raise AnsibleFilterError("rule_pack: takes the name of a pack, or the path of a YAML file.")
    try:
        return content(str(source))
    except PackError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """The filter."""

    def filters(self):
        """Its name."""
        return {"rule_pack": rule_pack}
