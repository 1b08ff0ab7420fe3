# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an audit finds: nothing on clean hosts, everything that was planted, once, and nothing else."""

import datetime
import json
from collections import Counter
from pathlib import Path

import jsonschema
import plants
import play
import pytest
import world
from conftest import CLASSES

from ansible_collections.shimops.containerd.plugins.plugin_utils._rules import evaluation, rule_packs

SCHEMA = Path(__file__).resolve().parents[3] / "plugins/plugin_utils/_rules/host-document.schema.json"
LEAKS = ("leftovers", "modes")


def audit(fleet, hosts, **options):
    """The host document of each host, by release line; each is valid."""
    results = play.run(fleet, "shim_probe", {"audit": True, "detail": "full", **options}, hosts.values())
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    documents = {}
    for line, host in hosts.items():
        result = results[host.name]
        assert result["failed"] is False, result
        document = documents[line] = result["document"]
        assert [error.message for error in validator.iter_errors(document)] == []
    return documents


def results(document):
    """What the shipped packs say of a document."""
    return evaluation.judge(document, rule_packs.load(rule_packs.SHIPPED), (), datetime.date(2026, 1, 1))


def findings(document, status="failed"):
    """The findings of that status: rule and subject, counted. A subject is an id, else a path, else None."""
    found = Counter()
    for one in results(document):
        if one["status"] == status:
            for finding in one["findings"]:
                # Where something has a name of containerd's and a path that was planted, the path says more.
                by_path = one["rule"] in (
                    "socket-open",
                    "state-open",
                    "hidden-directory",
                    "stale-socket",
                    "foreign-entry",
                )
                found[one["rule"], finding["path"] if by_path else finding["id"]] += 1
    return found


@pytest.fixture(scope="module")
def looked(fleet, hosts):
    """The documents of clean hosts, then what was planted and the documents after it."""
    play.together(hosts.values(), plants.uproot)
    play.reset(fleet, hosts.values())
    try:
        clean = audit(fleet, hosts, pids=True)
        before = {line: world.tasks(host) for line, host in hosts.items()}
        planted = play.together(hosts.values(), lambda host: plants.plant(host, hosts))
        yield {
            "clean": clean,
            "before": before,
            "planted": {line: planted[host.name] for line, host in hosts.items()},
            "asked": audit(fleet, hosts, pids=True),
            "nightly": audit(fleet, hosts),
        }
    finally:
        play.together(hosts.values(), plants.uproot)
        play.reset(fleet, hosts.values())


@pytest.mark.parametrize("release", CLASSES)
class TestAudit:
    """One observation of a clean host, one of a host with a fault of every kind."""

    def test_nothing_is_found_on_a_clean_host(self, looked, release):
        assert {one["rule"]: one["findings"] for one in results(looked["clean"][release]) if one["findings"]} == {}
        assert {one["status"] for one in results(looked["clean"][release])} == {"passed"}

    def test_the_document_counts_what_is_there(self, looked, release):
        document = looked["clean"][release]
        assert document["counts"] == {
            "bundles": 8,
            "other_tasks": 0,
            "tasks": 8,
            "shims": 4,
            "leftovers": 0,
            "modes": 0,
        }
        assert {(row["namespace"], row["id"]) for row in document["bundles"]} == set(looked["before"][release])
        assert {row["version"] for row in document["shims"]} == {document["daemon"]["running"]}
        assert sorted((row["connections"], row["tasks"]) for row in document["shims"]) == [
            (1, 1),
            (1, 1),
            (3, 3),
            (3, 3),
        ]

    def test_everything_planted_is_found_once_and_nothing_else(self, looked, release):
        assert findings(looked["asked"][release]) == Counter(looked["planted"][release].findings)

    def test_the_nightly_audit_says_what_it_did_not_ask(self, looked, release):
        document = looked["nightly"][release]
        assert document["asked"] == {"connect": True, "state": True, "pids": False}
        assert {row["pids_answer"] for row in document["bundles"]} == {"not_asked"}
        assert set(findings(document, "unknown")) == {("restart-orphans", None)}
        # Without Pids it is not known which task would be orphaned, only that a shim does not find its runc.
        planted = looked["planted"][release].findings
        orphans = {one for one in planted if one[0] == "restart-orphans"}
        assert findings(document) == Counter((planted - orphans) | ({("host-hazard", None)} if orphans else set()))

    def test_findings_name_the_pod(self, looked, release):
        rows = {row["id"]: row["pod"] for row in looked["asked"][release]["bundles"] if row["role"] != "plain"}
        for one in results(looked["asked"][release]):
            for finding in one["findings"]:
                if finding["id"] in rows:
                    assert finding["pod"] == "shop/{name}".format(**rows[finding["id"]])


OURS = """
name: ours
title: Ours
rules:
  - id: no-plain-containers
    title: A container outside of Kubernetes
    severity: blocker
    why: We run none.
    remedy: Move it into a pod.
    query: bundles[?live && role == 'plain' && id != 'plain1']
"""


def test_the_playbook_keeps_a_document_per_host(fleet, hosts, looked, tmp_path):
    """One module task per host; an unreachable host costs its own document alone, and is named."""
    inventory = tmp_path / "inventory.yml"
    inventory.write_text("all: {hosts: {absent: {ansible_host: 127.0.0.1, ansible_port: 1}}}")
    words = ["-i", str(inventory), "-e", f"health_audit_run_dir={tmp_path}", "-e", "health_audit_run_id=night"]
    done = play.book(fleet, "shimops.containerd.health_audit", *words)
    # Ansible's own status for an unreachable host.
    assert done.returncode == 4
    assert f"Run night (audit): {len(fleet.hosts)} audited, 1 not." in done.stdout
    assert "  absent: it became unreachable: " in done.stdout
    kept = {path.name: json.loads(path.read_text()) for path in (tmp_path / "night/documents").iterdir()}
    assert set(kept) == {f"{name}.host.json" for name in fleet.hosts} | {"absent.json"}
    for line, host in hosts.items():
        document = kept[f"{host.name}.host.json"]
        assert (document["host"], document["run_id"]) == (host.name, "night")
        assert findings(document) == findings(looked["nightly"][line])
    # Nothing is kept twice: what the play gets of a host is small.
    assert "leftovers" not in done.stdout


def test_rules_are_judged_where_the_host_answered(fleet, hosts, looked, tmp_path):
    pack = tmp_path / "ours.yml"
    pack.write_text(OURS)
    options = {"audit": True, "pids": True, "packs": ["restart_safety", str(pack)]}
    reported = play.run(fleet, "shim_probe", options, [hosts["2.1"]])[hosts["2.1"].name]["judged"]
    assert reported["failed"] == {"restart-kills": 1, "restart-drops": 1, "no-plain-containers": 4}
    kill = reported["refusal"]
    assert kill.startswith("rule restart-kills: A restart would kill this container: default/kill1 (there is neither ")
    assert kill.endswith(
        "; If the forecast says rescuable, repair it with shim_migrate and rescue; else move the workload away first."
    )
    # What would be repaired is no reason; what is waived is none either.
    waivers = [{"rule": "restart-drops", "id": "drop*", "reason": "r", "owner": "o", "expires": "2999-01-01"}]
    repaired = {**options, "rescue": True, "waivers": waivers}
    reported = play.run(fleet, "shim_probe", repaired, [hosts["2.1"]])[hosts["2.1"].name]["judged"]
    assert reported["waived"] == {"restart-drops": 1}
    assert reported["refusal"].startswith("rule no-plain-containers: A container outside of Kubernetes: default/")
    # A wrong pack is refused before any host is asked.
    pack.write_text(OURS.replace("bundles[?live", "bundles[?alive"))
    result = play.run(fleet, "shim_probe", options, [hosts["2.1"]])[hosts["2.1"].name]
    assert result["failed"] and "rule no-plain-containers: its query names 'alive', which is not there" in result["msg"]
    assert "document" not in result


PREFLIGHT = """
- name: Look before a roll
  hosts: all
  gather_facts: false
  become: true
  tasks:
    - name: Forecast and judge
      ansible.builtin.include_role:
        name: "shimops.containerd.{{ role }}"
        tasks_from: preflight
"""


def test_the_preflight_of_a_roll_refuses_by_the_same_rules(fleet, hosts, looked, tmp_path):
    """Each host is refused with the rule's id, its title and what to do; no restart is begun."""
    pack, book = tmp_path / "ours.yml", tmp_path / "preflight.yml"
    pack.write_text(OURS)
    book.write_text(PREFLIGHT)
    extra = {"role": "rolling_restart", "rolling_restart_run_dir": str(tmp_path), "rolling_restart_run_id": "look"}
    done = play.book(fleet, book, "-e", json.dumps({**extra, "rolling_restart_packs": [str(pack)]}))
    assert done.returncode == 0
    refusals = {
        "1.6": "rule shim-hung: A shim with a running container does not answer: default/hung1; Find out why",
        "1.7": "rule restart-orphans: A restart would orphan this container: default/orphan1 (",
        # What kill1 and drop2 need is repaired first, so the pack of one's own is next.
        "2.1": "rule no-plain-containers: A container outside of Kubernetes: default/",
    }
    for line, host in hosts.items():
        document = json.loads((tmp_path / f"look/documents/{host.name}.json").read_text())
        assert document["state"] == "refused" and refusals[line] in document["message"], document["message"]
    # A wrong pack ends the play before any host is looked at.
    pack.write_text(OURS.replace("bundles[?live", "bundles[?alive"))
    extra["rolling_restart_run_id"] = "wrong"
    done = play.book(fleet, book, "-e", json.dumps({**extra, "rolling_restart_packs": [str(pack)]}))
    assert done.returncode == 2 and "its query names 'alive', which is not there" in done.stdout
    assert not (tmp_path / "wrong").exists()


@pytest.mark.matrix
def test_the_preflight_of_an_upgrade_judges_the_release_it_goes_to(fleet, hosts, looked, tmp_path):
    pack, book = tmp_path / "ours.yml", tmp_path / "preflight.yml"
    pack.write_text(
        OURS.replace("query: bundles[?live && role == 'plain' && id != 'plain1']", "query: forecast.target")
    )
    book.write_text(PREFLIGHT)
    extra = {"run_dir": str(tmp_path), "run_id": "up", "version": "2.1.9", "packs": [str(pack)], "rescue": False}
    extra = {"role": "rolling_upgrade", **{f"rolling_upgrade_{name}": value for name, value in extra.items()}}
    done = play.book(fleet, book, "-e", json.dumps(extra))
    assert done.returncode == 0
    host = hosts["1.7"].name
    document = json.loads((tmp_path / f"up/documents/{host}.json").read_text())
    assert document["state"] == "refused" and "rule restart-orphans: A restart would orphan" in document["message"]
    kept = json.loads((tmp_path / f"up/documents/{host}.host.json").read_text())
    assert [one["target"] for one in kept["targets"]] == ["2.1.9"] and kept["asked"]["pids"] is True
    by_rule = {
        one["rule"]: one for one in evaluation.judge(kept, rule_packs.load([str(pack)]), (), datetime.date(2026, 1, 1))
    }
    assert by_rule["no-plain-containers"]["findings"][0]["text"] == "2.1.9"


def test_every_leak_goes_with_its_command_and_nothing_else_does(fleet, hosts, looked):
    """The commands in the documents are run; then nothing is left to report, and every task lives on."""
    documents = looked["nightly"]

    def clean(host):
        tasks = world.tasks(host)
        document = documents[host.release]
        for row in [row for name in LEAKS for row in document[name]]:
            assert row["command"], row
            if row["kind"] != "connection_without_task":
                host.script(row["command"])
        # drop1 runs on with nobody in charge: its command ends it, and containerd never listed it.
        assert world.tasks(host) == tasks

    play.together(hosts.values(), clean)
    for line, document in audit(fleet, hosts).items():
        left = [row["kind"] for name in LEAKS for row in document[name]]
        assert left == (["connection_without_task"] if line == "2.1" else []), line
    (connection,) = [row for row in documents["2.1"]["leftovers"] if row["kind"] == "connection_without_task"]
    hosts["2.1"].script(connection["command"], timeout=60)
    again = audit(fleet, {"2.1": hosts["2.1"]})["2.1"]
    assert "connection_without_task" not in [row["kind"] for row in again["leftovers"]]
