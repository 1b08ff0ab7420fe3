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

from ansible_collections.shimops.containerd.plugins.plugin_utils import _judge, _packs

SCHEMA = Path(__file__).resolve().parents[3] / "docs/host-document.schema.json"
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
    return _judge.judge(document, _packs.load(_packs.SHIPPED), (), datetime.date(2026, 1, 1))


def findings(document, status="failed"):
    """The findings of that status: rule and subject, counted. A subject is an id, else a path, else None."""
    found = Counter()
    for one in results(document):
        if one["status"] == status:
            for finding in one["findings"]:
                # Where something has a name of containerd's and a path that was planted, the path tells more.
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
    """One look at a clean host, one at a host with a fault of every kind."""

    def test_nothing_is_found_on_a_clean_host(self, looked, release):
        assert {one["rule"]: one["findings"] for one in results(looked["clean"][release]) if one["findings"]} == {}
        assert {one["status"] for one in results(looked["clean"][release])} == {"passed"}

    def test_the_document_counts_what_is_there(self, looked, release):
        document = looked["clean"][release]
        assert document["counts"] == {"bundles": 8, "tasks": 8, "shims": 4, "leftovers": 0, "modes": 0}
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
        # Without Pids nobody can tell which task would be orphaned, only that a shim does not find its runc.
        planted = looked["planted"][release].findings
        orphans = {one for one in planted if one[0] == "restart-orphans"}
        assert findings(document) == Counter((planted - orphans) | ({("host-hazard", None)} if orphans else set()))

    def test_findings_name_the_pod(self, looked, release):
        rows = {row["id"]: row["pod"] for row in looked["asked"][release]["bundles"] if row["role"] != "plain"}
        for one in results(looked["asked"][release]):
            for finding in one["findings"]:
                if finding["id"] in rows:
                    assert finding["pod"] == "shop/{name}".format(**rows[finding["id"]])


def test_every_leak_goes_with_its_command_and_nothing_else_does(fleet, hosts, looked):
    """The commands that the documents tell are run; then there is nothing left to tell, and every task lives on."""
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
