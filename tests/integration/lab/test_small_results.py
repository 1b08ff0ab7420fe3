# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's result is small, however much is wrong with the host: a fleet's results are held in one memory."""

import json

import play
import pytest

from lab import faults, shims, workloads

LARGEST = 2048
#: With it a result has the arguments of the module too: all that Ansible holds of it.
WHOLE = {"ANSIBLE_VERBOSITY": "3"}


def small(name, result):
    """Fail for a result that is larger than a host's may be."""
    size = len(json.dumps(result).encode())
    assert size <= LARGEST, f"{name}: {size} bytes"


@pytest.mark.matrix
def test_many_problems_make_a_small_result(fleet, clean):
    def spoil(host):
        for number in range(8):
            workloads.start_plain(host, f"more{number}")
        for bundle in shims.bundles(host):
            if bundle.namespace == workloads.PLAIN_NAMESPACE:
                faults.apply(host, "bootstrap_missing", bundle.id)

    play.together(clean.values(), spoil)
    args = {"state": "restarted", "run_id": "many"}
    refused = play.run(fleet, "shim_reconnect", args, extra_env=WHOLE)
    probes = play.run(fleet, "shim_probe", {"wanted": ["reattached"]}, extra_env=WHOLE)
    facts = play.run(fleet, "shim_bundle_facts", {"timeout": 30}, extra_env=WHOLE)
    lost = play.run(fleet, "shim_reconnect", {**args, "on_risk": "proceed", "settle": 1}, extra_env=WHOLE)
    for name in refused:
        assert refused[name]["failed"] and refused[name]["forecast"]["at_risk"] == 10
        assert probes[name]["failed"] and probes[name]["summary"]["at_risk"] == 10
        shown = facts[name]["ansible_facts"]["containerd_shims"]
        assert shown["summary"]["problems"] == 10 and shown["summary"]["truncated"] > 0
        assert lost[name]["failed"] and lost[name]["summary"]["lost"] == 10
        for result in (refused[name], probes[name], facts[name], lost[name]):
            small(name, result)


def test_a_migration_makes_a_small_result(fleet, clean):
    results = play.run(fleet, "shim_migrate", {"target_version": "2.1.9"}, extra_env=WHOLE)
    for release, host in clean.items():
        result = results[host.name]
        assert result["summary"]["migrated"] == (0 if release == "2.1" else 8)
        small(host.name, result)
