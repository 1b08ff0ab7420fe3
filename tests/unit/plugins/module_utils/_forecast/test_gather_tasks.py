# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that containerd lists and that have no bundle: none is left out, and none is called safe by guess."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._forecast import gather, results
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.forecast import RUNTIME_V1, forecast
from ansible_collections.shimops.containerd.plugins.module_utils._host.ctr import Task
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import CLASSES, ReleaseClass
from ansible_collections.shimops.containerd.tests.unit.support.observations import HERE, a_daemon, a_listed_task, said

NEVER = ("V16", "V17")


def foretold(observed, name="V20b"):
    return forecast(observed, ReleaseClass(name, True, (name,)), 5.0)


@pytest.mark.parametrize("name", CLASSES)
def test_runtime_v1_went_with_2_0(name):
    one = foretold(a_listed_task(RUNTIME_V1), name)
    kept = name in NEVER
    assert (one.outcome, one.task) == (("reattached", "kept") if kept else ("orphaned", "unmanaged"))
    assert one.rule == "I1" and one.at_risk == (not kept)


@pytest.mark.parametrize("runtime", [None, "io.containerd.runc.v2", "io.containerd.kata.v2"])
@pytest.mark.parametrize("status", ["running", "created", "paused", "unknown", "anything"])
def test_what_is_not_understood_is_at_risk(runtime, status):
    one = foretold(a_listed_task(runtime, status))
    assert (one.outcome, one.task, one.at_risk, one.rule) == ("unknown", "unknown", True, "I2")


def test_one_whose_process_is_gone_cannot_be_lost():
    for runtime in (RUNTIME_V1, "other"):
        observed = a_listed_task(runtime, "stopped")
        one = foretold(observed)
        assert (observed.live, one.outcome, one.task, one.at_risk) == (False, "skipped", "gone_before", False)


def test_its_row_names_its_process():
    observed = a_listed_task(RUNTIME_V1)
    row = results.shim_row(observed, foretold(observed))
    assert (row["id"], row["task_pid"], row["status"], row["pod"]) == ("old1", 430, "running", None)
    assert results.counts([(observed, foretold(observed))])["tasks"] == 1


# Which tasks have no bundle


class Client:
    """A ctr whose lists are given: one of all namespaces, then others by namespace."""

    def __init__(self, first, second):
        self._first, self._second = first, second

    def all_tasks(self, _deadline, _likely):
        return self._first

    def tasks(self, namespace, _deadline):
        return self._second.get(namespace)

    def containers(self, _namespace, _deadline):
        return {"old1": RUNTIME_V1}

    def plugins(self, _deadline):
        return {}


@pytest.fixture
def found(tmp_path, monkeypatch):
    """The ids and statuses of tasks without a bundle, from two lists, on a host with the bundle of plain1."""
    (tmp_path / "io.containerd.runtime.v2.task" / "default" / "plain1").mkdir(parents=True)
    monkeypatch.setattr(gather.processes, "look_up", lambda pid: Process(pid, 1) if pid and pid < 1000 else None)

    def find(first, second, making=(), asker=None, **options):
        client = Client(first, second)

        class Host(Daemon):
            def ctr(self):
                return client

        daemon = Host(*a_daemon(state_dir=str(tmp_path), root_dir=str(tmp_path), process=Process(51, 1)))
        scan = gather.scan

        def scanned(*arguments):
            entries = scan(*arguments)
            for name in making:
                (tmp_path / "io.containerd.runtime.v2.task" / "default" / name).mkdir()
            return entries

        monkeypatch.setattr(gather, "scan", scanned)
        deadline = gather.Deadline(30)
        seen = gather.gather(daemon, {"shim_timeout": 1, **options}, deadline, (), asker)
        monkeypatch.setattr(gather, "scan", scan)
        return {one.entry.id: one.listed.status for one in seen.all if one.listed}

    return find


OLD = {"default": {"plain1": Task(7, "running"), "old1": Task(8, "running")}}


def test_a_task_that_has_no_bundle_is_found(found):
    assert found(OLD, OLD) == {"old1": "running"}
    assert found({"default": {"old1": Task(5000, "running")}}, {"default": {"old1": Task(5000, "running")}}) == {
        "old1": "stopped"
    }


def test_a_namespace_without_bundles_is_heard_too(found):
    other = {"moby": {"old2": Task(9, "running")}}
    assert found(dict(OLD, **other), dict(OLD, **other)) == {"old1": "running", "old2": "running"}
    assert found(dict(OLD, **other), dict(OLD, **other), namespaces=["default"]) == {"old1": "running"}
    assert found(dict(OLD, **other), dict(OLD, **other), ids=["plain1"]) == {}


def test_a_task_that_was_deleted_or_made_meanwhile_is_not_called_one(found):
    assert found(OLD, {"default": {"plain1": Task(7, "running")}}) == {}
    assert found(OLD, OLD, making=["old1"]) == {}
    assert found({"default": {}}, OLD) == {}


def test_a_list_that_containerd_does_not_give_names_nothing(found):
    assert found(None, OLD) == {}


@pytest.mark.parametrize("pids, stores", [(None, []), ([], ["default"]), ([430], [])])
def test_the_sandbox_store_is_read_only_where_a_shim_listed_no_process(found, monkeypatch, pids, stores):
    asked = []
    monkeypatch.setattr(gather, "_sandbox_stores", lambda _daemon, names, _deadline: asked.extend(names) or {})
    monkeypatch.setattr(gather.storage, "metadata_problem", lambda _daemon: None)
    monkeypatch.setattr(gather, "candidates", lambda *_arguments: {HERE})
    found({}, {}, asker=lambda questions: {key: said("v2", pids=pids) for key, _one in questions})
    assert asked == stores
