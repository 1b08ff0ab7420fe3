# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From 1.6 over 1.7 to 2.1 and back over four hosts, with every container running on."""

import json

import packages
import play
import pytest
import upgrades
import world
from upgrades import Upgrade

from lab import workloads

BATCHES = [1, "100%"]
# Below that verbosity the command line leaves the diff out of what it writes.
DIFF = {"ANSIBLE_DIFF_ALWAYS": "1", "ANSIBLE_VERBOSITY": "3"}


@pytest.fixture(scope="module")
def hosts(four):
    """Fresh hosts of 1.6, with the packages of all three releases on them: a canary and another."""
    hosts = list(four.hosts.values())[:2]
    play.reset(four, hosts)

    def bring(host):
        host.script('rm -f "$1"', upgrades.POLICY)
        packages.put(host, *[packages.deb(release) for release in upgrades.FULL])
        packages.index(host)

    play.together(hosts, bring)
    return hosts


def be_at_17(host):
    """Where the test of the path was not run before, dpkg does it."""
    if not host.installed().startswith("1.7"):
        host.install(packages.deb("1.7"))


def go(four, hosts, place, run_id, release, *words, status=0, **options):
    """One run of the playbook to its end; what it printed, and each host's document."""
    with Upgrade(four, hosts, place, run_id, release, *words, batches=BATCHES, **options) as one:
        assert one.ended() == status
        return one, one.documents()


def test_unpinned_version_is_refused_in_one_sentence(four, hosts, tmp_path):
    before = upgrades.see_all(hosts)
    one, _documents = go(four, hosts, tmp_path, "unpinned", "2.1", status=2, version="2.1")
    assert (
        "upgrade: rolling_upgrade_version '2.1' is not one exact containerd release; "
        "pin it, such as rolling_upgrade_version=2.1.9."
    ) in one.output()
    assert one.output().count("fatal: ") == 1 and not one.folder.exists()
    assert upgrades.see_all(hosts) == before


def test_jump_that_nobody_supports_is_refused_before_anything_is_touched(four, hosts, tmp_path):
    before = upgrades.see_all(hosts)
    one, documents = go(four, hosts, tmp_path, "jump", "2.1", status=2)
    for document in documents.values():
        assert document["state"] == "refused"
        assert document["message"] == (
            "path: from 1.6.20 to 2.1.9 is not a supported upgrade path and was not tested (RELEASES.md); "
            "go to 1.7.34 first."
        )
    assert upgrades.see_all(hosts) == before
    assert not any(host.path("/var/lib/shimops/packages").exists() for host in hosts)


def test_path_there_and_back(four, hosts, tmp_path, covers):
    covers(hosts[:1], "upgrade to 1.7.24, 2.1.9 and back, apt")
    start = upgrades.see_all(hosts)

    # Check mode reports, and changes nothing.
    one, _documents = go(four, hosts, tmp_path, "check", "1.7", "--check")
    assert one.output().count("containerd 1.6.20 would be restarted into 1.7.24") >= len(hosts)
    assert upgrades.see_all(hosts) == start

    # 1.6 to 1.7, from a directory; a policy of the host's own comes through it.
    hosts[0].script('printf "#!/bin/sh\\nexit 104\\n" > "$1"; chmod 755 "$1"', upgrades.POLICY)
    start[hosts[0].name].policy = "#!/bin/sh\nexit 104\n"
    _one, documents = go(four, hosts, tmp_path, "to-1.7", "1.7")
    at_17 = upgrades.see_all(hosts)
    for name, seen in at_17.items():
        upgrades.check_moved(start[name], seen, "1.7")
        upgrades.check_proven(documents[name], start[name].tasks)
        assert documents[name]["rollback"]["class"] == documents[name]["rollback_after"]["class"] == "open"
        assert documents[name]["rollback_after"]["to"] == "1.6.20"
    # A new container in an old pod; it is of 1.7 from now on, in a shim of 1.6.
    play.together(hosts, upgrades.add_to_pod)
    at_17 = upgrades.see_all(hosts)

    # 1.7 to 2.1, from a repository; the batch after the canary settles at the same time.
    line = f"deb [trusted=yes] file:{packages.DIRECTORY} ./"
    _one, documents = go(four, hosts, tmp_path, "to-2.1", "2.1", directory="", repository=line, settle_per="batch")
    assert ["settles_from" in documents[host.name] for host in hosts] == [False, True]
    at_21 = upgrades.see_all(hosts)
    for name, seen in at_21.items():
        upgrades.check_moved(at_17[name], seen, "2.1")
        upgrades.check_proven(documents[name], at_17[name].tasks)
        assert documents[name]["rollback"] == {"class": "closing", "to": "1.7.24", "containers": []}
        assert documents[name]["rollback_after"] == {"class": "closing", "to": "1.7.24", "containers": []}

    # Whoever is there already is audited, and nothing else.
    one, documents = go(four, hosts, tmp_path, "again", "2.1")
    assert {document["state"] for document in documents.values()} == {"current"}
    assert upgrades.see_all(hosts) == at_21

    # What is started under 2.1 rules out the rollback: it is refused with their list.
    plain = ("default", "newer")
    play.together(hosts, lambda host: workloads.start_plain(host, plain[1]))
    in_pod = play.together(hosts, lambda host: upgrades.add_to_pod(host, container="latest"))
    before = upgrades.see_all(hosts)
    one, documents = go(four, hosts, tmp_path, "back-refused", "1.7", status=2)
    for host in hosts:
        document = documents[host.name]
        assert document["state"] == "refused" and document["rollback"]["class"] == "closed"
        closing = {"/".join(plain), "/".join(in_pod[host.name])}
        assert set(document["rollback"]["containers"]) == closing
        assert document["message"].endswith(f" A rollback would lose {', '.join(sorted(closing))}.")
        assert {(row["namespace"], row["id"]) for row in document["at_risk"]} == {plain, in_pod[host.name]}
    assert upgrades.see_all(hosts) == before

    # Without them it is open, and 1.7 finds all others again; the packages come from the controller.
    def remove(host):
        workloads.delete(host, plain[1])
        upgrades.remove_from_pod(host, in_pod[host.name])

    play.together(hosts, remove)
    before = upgrades.see_all(hosts)
    controller = tmp_path / "packages"
    controller.mkdir()
    (controller / "containerd.deb").symlink_to(packages.deb("1.7"))
    _one, documents = go(four, hosts, tmp_path, "back", "1.7", directory="", copy_directory=str(controller))
    for name, seen in upgrades.see_all(hosts).items():
        upgrades.check_moved(before[name], seen, "1.7")
        upgrades.check_proven(documents[name], before[name].tasks)
        assert {key: seen.tasks[key] for key in start[name].tasks} == start[name].tasks
    assert [world.ledger(host)["phase"] for host in hosts] == ["verified"] * len(hosts)
    reported = [host.run(["ls", "/var/lib/shimops/held.json"], check=False).returncode for host in hosts]
    assert 0 not in reported, "what was held is put back"


def test_configuration_is_shown_and_migrated_only_when_asked(four, hosts, tmp_path):
    """By the modules alone, on one host; the playbook hands the same options on."""
    host = hosts[0]
    be_at_17(host)
    config = host.path("/etc/containerd/config.toml")
    before = config.read_text()
    arguments = {"version": "2.1.9", "directory": packages.DIRECTORY, "config": "keep"}
    kept = play.run(four, "containerd_package", {**arguments, "config": "keep"}, [host], extra_env=DIFF)[host.name]
    assert not kept["failed"] and kept["config"] == {
        "path": "/etc/containerd/config.toml",
        "differs": True,
        "applied": False,
    }
    assert kept["diff"][0]["before"] == before and "version = 3" in kept["diff"][0]["after"]
    asked = play.run(four, "containerd_package", {**arguments, "config": "migrate"}, [host])[host.name]
    assert asked["config"]["applied"] is True and "diff" not in asked
    assert config.read_text() == before, "staging writes nothing but what is staged"
    options = {"state": "restarted", "run_id": "config", "target_version": "2.1.9", "settle": 1}
    done = play.run(four, "shim_reconnect", {**options, "package_dir": asked["staged"]}, [host])[host.name]
    assert not done["failed"] and done["summary"]["lost"] == 0, done["msg"]
    assert "version = 3" in config.read_text()
    backup = host.path("/etc/containerd/config.toml.before-2.1.9")
    assert backup.read_text() == before and done["package"]["config"].endswith("/config.toml.before-2.1.9")
    # The old release cannot read it, which is found out before anything is touched.
    back = play.run(four, "containerd_package", {**arguments, "version": "1.7.24"}, [host])[host.name]
    assert back["failed"] and back["msg"] == (
        "package: /etc/containerd/config.toml cannot be read by containerd 1.7.24 (it has version = 3, and 1.x knows "
        "2); put /etc/containerd/config.toml.before-2.1.9 in its place."
    )
    backup.unlink()


def test_results_are_small(four, hosts):
    be_at_17(hosts[1])
    arguments = {"version": "2.1.9", "directory": packages.DIRECTORY}
    result = play.run(four, "containerd_package", arguments, [hosts[1]])[hosts[1].name]
    assert result["changed"] and len(json.dumps(result)) <= 2048
