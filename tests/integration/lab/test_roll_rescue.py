# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roll rescues what it would lose and then restarts, refuses where it may not rescue, and checks again in time."""

import json
import time
from types import SimpleNamespace

import damage
import play
import pytest
import story
import world

from lab import faults, shims

PLAYBOOK = f"{play.FQCN}.rolling_restart"
#: Rewrites a document as if its forecast had been made that many seconds before.
AGE = """
import json, sys
path, seconds = sys.argv[1], float(sys.argv[2])
document = json.load(open(path))
document["forecast"]["at"] -= seconds
json.dump(document, open(path, "w"))
"""


def roll(fleet, folder, status=0, **options):
    """The playbook over the lab, all hosts at once unless given otherwise, ends so; each host's document."""
    wanted = {
        "rolling_restart_batches": ["100%"],
        "rolling_restart_settle": 1,
        "rolling_restart_run_dir": str(folder),
        "rolling_restart_run_id": "rescue",
        # As many hosts as there are may be refused: what is looked at is what becomes of each.
        "rolling_restart_refused_budget": "100%",
        **options,
    }
    done = play.book(fleet, PLAYBOOK, "-e", json.dumps(wanted))
    assert done.returncode == status, done.stdout[-3000:]
    documents = folder / "rescue" / "documents"
    return {name: json.loads((documents / f"{name}.json").read_text()) for name in fleet.hosts}


def hurt(host):
    """Damage the bundles of a plain container and of one of a pod; their keys, and all tasks."""
    victims = [("default", "plain1"), world.pod(host, "web1")["app"]]
    tasks = world.tasks(host)
    for key, fault in zip(victims, ("bootstrap_empty", "bootstrap_missing")):
        faults.apply(host, fault, key[1])
    return SimpleNamespace(victims=victims, tasks=tasks, daemon=world.containerd(host))


def fates(host, tasks):
    """What became of each task."""
    listed = world.tasks(host)
    return {story.fate(host, key, was, listed) for key, was in tasks.items()}


@pytest.fixture(scope="module")
def rolls(fleet, hosts, tmp_path_factory):
    """Two rolls over damaged bundles: one that may not rescue them, then one that may."""
    play.reset(fleet, hosts.values())
    seen = play.together(hosts.values(), hurt)
    before = {host.name: damage.listing(host) for host in hosts.values()}
    # Where every host is refused the playbook fails.
    refused = roll(fleet, tmp_path_factory.mktemp("refused"), status=2, rolling_restart_rescue=False)
    between = {host.name: (damage.listing(host), world.containerd(host)) for host in hosts.values()}
    repaired = roll(fleet, tmp_path_factory.mktemp("repaired"))
    return {
        host.release: SimpleNamespace(
            host=host,
            **vars(seen[host.name]),
            before=before[host.name],
            refused=refused[host.name],
            between=between[host.name],
            repaired=repaired[host.name],
            after=world.containerd(host),
            fates=fates(host, seen[host.name].tasks),
        )
        for host in hosts.values()
    }


@pytest.fixture(params=damage.RELEASES)
def one(request, rolls):
    return rolls[request.param]


def test_without_rescue_the_host_is_refused_and_left_alone(one):
    assert one.refused["state"] == "refused" and one.refused["rescued"] == []
    assert "tasks at risk" in one.refused["message"], one.refused["message"]
    assert one.between == (one.before, one.daemon)


def test_with_rescue_the_host_is_repaired_and_restarted(one):
    assert one.repaired["state"] == "verified", one.repaired["message"]
    assert {(row["namespace"], row["id"]) for row in one.repaired["rescued"]} == set(one.victims)
    assert one.after not in (None, one.daemon) and one.fates == {"kept"}


@pytest.mark.matrix
def test_a_forecast_older_than_ten_minutes_is_taken_again(fleet, clean, tmp_path):
    """Two hosts after the first one: damaged after the forecast, that of one of them made to look old."""
    first, old, fresh = (host.name for host in sorted(clean.values(), key=lambda host: host.name))
    damaged, began = {}, time.time()
    for name in (old, fresh):
        host = fleet.host(name)
        path = f"{shims.STATE}/default/plain1/{damage.bootstrap(host.release)}"
        damaged[name] = {"path": path, "daemon": world.containerd(host), "tasks": world.tasks(host)}
    tasks = [
        {
            "name": f"Damage a bundle of {name}",
            "ansible.builtin.command": {"argv": ["rm", one["path"]]},
            "delegate_to": name,
            "when": f"inventory_hostname == '{first}'",
        }
        for name, one in damaged.items()
    ]
    document = tmp_path / "rescue" / "documents" / f"{old}.json"
    tasks.append(
        {
            "name": "Let a forecast look old",
            "ansible.builtin.command": {"argv": ["python3", "-c", AGE, str(document), "601"]},
            "delegate_to": "localhost",
            "become": False,
            "vars": {"ansible_connection": "local"},
            "when": f"inventory_hostname == '{first}'",
        }
    )
    hook = tmp_path / "after.yml"
    hook.write_text(json.dumps(tasks))
    documents = roll(fleet, tmp_path, rolling_restart_batches=[1], rolling_restart_after_host=[str(hook)])
    assert documents[first]["state"] == "verified", documents[first]["message"]
    # One was looked at once more and the damage seen, the other one was not.
    assert [documents[name]["forecast"]["at_risk"] for name in (old, fresh)] == [1, 0]
    assert documents[old]["forecast"]["at"] > documents[fresh]["forecast"]["at"] > began
    for name in (old, fresh):
        # Found so late it is not repaired in this attempt; the restart itself sees it in any case.
        assert documents[name]["state"] == "refused" and documents[name]["rescued"] == [], documents[name]["message"]
        assert world.containerd(fleet.host(name)) == damaged[name]["daemon"]
    documents = roll(fleet, tmp_path)
    for name in (old, fresh):
        assert documents[name]["state"] == "verified", documents[name]["message"]
        assert [row["id"] for row in documents[name]["rescued"]] == ["plain1"]
        assert world.containerd(fleet.host(name)) != damaged[name]["daemon"]
        assert fates(fleet.host(name), damaged[name]["tasks"]) == {"kept"}
