# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be rescued, with what, and why not; and that the rescue itself goes by the same word."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import File
from ansible_collections.shimops.containerd.plugins.module_utils._bundle.endpoint import Endpoint
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.forecast import forecast
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.observation import SearchResult
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import (
    CLASSES,
    ReleaseClass,
    at_least,
    classify,
)
from ansible_collections.shimops.containerd.plugins.module_utils._rescue import plan
from ansible_collections.shimops.containerd.plugins.module_utils._rescue.repairable import (
    Unrepairable,
    repair,
    repairable,
)
from ansible_collections.shimops.containerd.tests.unit.support.decision_table import ROWS
from ansible_collections.shimops.containerd.tests.unit.support.observations import (
    ADDRESS,
    HERE,
    INIT,
    POD,
    SHIM,
    a_bundle,
    a_case,
    parameters,
    said,
    silent,
)

THE_SHIM = Process(411, 91000)
ELSEWHERE = Endpoint("unix", "/run/containerd/s/elsewhere", "ttrpc")
FACTS = {"runtime_resolves": True, "runtime_path": SHIM, "shipped_by": None, "shim_runs": True}
OLD, NEW = CLASSES[:2], CLASSES[2:]


def single(name):
    return ReleaseClass(name, True, (name,))


def searched(observed, heard, binary=SHIM, shim=THE_SHIM, owned=(HERE,)):
    """The case after its shim was searched for: ``heard`` is what is said at each place that was found."""
    answers = dict(observed.answers)
    answers.update(heard)
    found = SearchResult(tuple(heard), shim, tuple(owned), binary, None, FACTS if binary else {})
    return observed._replace(answers=answers, found=found)


def reported(observed, release):
    return repair(observed, forecast(observed, release, 5.0), release, 5.0)


def damaged(bundle, name, serves="v2", **known):
    return searched(a_case(bundle, {HERE: said(serves)}, name, **known), {HERE: said(serves)})


DAMAGE = (None, "", "{", "x\n", parameters(9), parameters(1), ADDRESS + "\n", File("directory", b""), File("fifo", b""))
DAMAGE += (File("link", b""), File("too_large", b""), File("unreadable", b""), b"\xff\x00")


@pytest.mark.parametrize("data", DAMAGE, ids=range(len(DAMAGE)))
@pytest.mark.parametrize("name", OLD)
def test_1_x_is_given_its_address(data, name):
    found = reported(damaged(a_bundle(None, data), name), single(name))
    assert found.files == {"address": ADDRESS.encode()}


@pytest.mark.parametrize("data", DAMAGE, ids=range(len(DAMAGE)))
@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize("serves, version", [("v2", 2), ("v3", 3)])
def test_2_x_is_given_the_parameters_of_what_the_shim_serves(data, name, serves, version):
    observed = damaged(a_bundle(data, None), name, serves)
    if data == ADDRESS + "\n" and serves == "v2" and at_least(name, "V23b"):
        # Row B15: 2.3.4 and later trim the line break.
        assert forecast(observed, single(name), 5.0).outcome == "reattached"
        return
    assert reported(observed, single(name)).files == {"bootstrap.json": parameters(version).encode()}


@pytest.mark.parametrize("name", NEW)
def test_a_bundle_of_1_x_is_given_what_2_x_reads_and_its_address_is_left(name):
    found = reported(damaged(a_bundle(None, ADDRESS + "\n"), name), single(name))
    assert found.files == {"bootstrap.json": parameters(2).encode()}


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("gone", [SHIM + "\n", "/opt/pruned/containerd-shim-runc-v2", "noise"])
def test_a_path_that_leads_nowhere_is_replaced(name, gone):
    bundle = a_bundle(parameters(2), ADDRESS, gone)
    found = reported(damaged(bundle, name, runtime_resolves=False), single(name))
    assert found.files == {"shim-binary-path": SHIM.encode()}


@pytest.mark.parametrize("name", CLASSES)
def test_both_files_are_restored(name):
    found = reported(damaged(a_bundle("", "", "/gone"), name, runtime_resolves=False), single(name))
    assert set(found.files) == {"shim-binary-path", "bootstrap.json" if name in NEW else "address"}


def test_a_workload_without_record_is_named_its_runtime():
    # Row A11: neither shim-binary-path nor a container record.
    observed = damaged(
        a_bundle(parameters(3), None, None, pod=POD), "V20b", "v3", has_record=False, runtime_resolves=None
    )
    assert reported(observed, single("V20b")).files == {"shim-binary-path": SHIM.encode()}


def test_a_release_that_is_not_known_is_given_what_each_neighbour_needs():
    unsure = classify("1.7.99")
    assert set(unsure.candidates) == {"V17", "V20a"} or set(unsure.candidates) == {"V16", "V17", "V20a"}
    observed = damaged(a_bundle("", ""), "V17")
    assert set(reported(observed, unsure).files) == {"address", "bootstrap.json"}
    assert set(reported(damaged(a_bundle(None, ""), "V17"), unsure).files) == {"address"}


MISSING = a_bundle(None, None)
UNPROVEN = [
    ({HERE: silent("D3", "no answer")}, {}, "no answer"),
    ({HERE: silent("D1", "the socket file is missing")}, {}, "the socket file is missing"),
    ({HERE: said("")}, {}, "its shim serves no task service (v3: Unimplemented, v2: Unimplemented)"),
    # An unknown id gets an answer too: recovery-spec 5.
    (
        {HERE: said("v2", task_pid=0, status=None, pids=None, pids_failure=(5, ""))},
        {},
        "its shim names pid 0, its init",
    ),
    ({HERE: said("v2", task_pid=431)}, {}, "its shim names pid 431, its init.pid says 430"),
    ({HERE: said("v2", pids=[])}, {}, "its shim does not list its init process"),
    ({HERE: said("v2", pids=[1])}, {}, "its shim does not list its init process"),
    ({HERE: said("v2", pids=None, pids_failure=(None, ""))}, {}, "its shim does not list its init process"),
    ({HERE: said("v2", pids=None)}, {}, "its shim was not asked which processes it has"),
    ({HERE: said("v2")}, {"owned": ()}, "who answers on /run/containerd/s/e5004"),
    ({HERE: said("v2")}, {"shim": None}, "its init process is the child of no shim"),
    ({}, {}, "its shim listens on no socket"),
    ({HERE._replace(protocol="grpc"): said("v3")}, {}, "its shim speaks gRPC, for which nothing is restored"),
    # The one that said something of the task is named, not the one that is silent.
    ({ELSEWHERE: silent("D3", "no answer"), HERE: said("v2", task_pid=7)}, {}, "its shim names pid 7"),
    ({HERE: said("v2", task_pid=7), ELSEWHERE: silent("D3", "no answer")}, {}, "its shim names pid 7"),
]


@pytest.mark.parametrize("heard, found, reason", UNPROVEN, ids=range(len(UNPROVEN)))
@pytest.mark.parametrize("name", ["V16", "V17", "V20b", "V23c"])
def test_what_is_not_proven_is_not_repaired(heard, found, reason, name):
    observed = searched(a_case(MISSING, {}, name), heard, **found)
    assert reported(observed, single(name)).reason.startswith(reason)


@pytest.mark.parametrize("name", ["V17", "V20b"])
def test_of_two_sockets_the_one_that_is_proven_counts(name):
    heard = {ELSEWHERE: silent("D3", "no answer"), HERE: said("v2")}
    observed = searched(a_case(MISSING, {}, name), heard)
    assert ADDRESS.encode() in next(iter(reported(observed, single(name)).files.values()))


@pytest.mark.parametrize("name", OLD)
def test_a_shim_of_2_x_cannot_be_rescued_for_1_x(name):
    for bundle in (a_bundle(parameters(3), None), a_bundle("", None), MISSING):
        found = reported(damaged(bundle, name, "v3"), single(name))
        assert "does not serve task v2" in found.reason


@pytest.mark.parametrize(
    "bundle, known, reason",
    [
        (MISSING._replace(init=None), {}, "its init process is gone, or its init.pid does not name it"),
        (MISSING._replace(problem="Permission denied"), {}, "the bundle cannot be read (Permission denied)"),
        (MISSING._replace(empty=True), {}, "the bundle is empty"),
        (MISSING._replace(log_kind="directory"), {}, "its log is a directory"),
        (a_bundle(None, None, "/gone"), {"runtime_resolves": False}, "the runtime '/gone' does not exist; why"),
    ],
)
def test_what_no_file_can_mend(bundle, known, reason):
    observed = damaged(bundle, "V20b", **known)
    observed = observed._replace(found=observed.found._replace(binary=None, binary_problem="why", facts={}))
    assert reported(observed, single("V20b")) == Unrepairable(reason)


def test_a_healthy_bundle_that_is_at_risk_has_nothing_to_mend():
    # Created and not started: CRI deletes such a task.
    created = said("v3", status="created")
    observed = a_case(a_bundle(parameters(3), None, pod=POD), {HERE: created}, "V20b")
    assert reported(observed, single("V20b")).reason == "nothing in its bundle is wrong"
    assert "CRI deletes" in reported(searched(observed, {HERE: created}), single("V20b")).reason


def of_row(row, name):
    """The case of a row of the decision table, with a shim that proves itself unless the row's own does not."""
    own = row.heard if row.heard is not None and not row.heard.failure else said("v2 v3")
    world = dict(row.world or {HERE: row.heard} if row.heard else {})
    return searched(a_case(row.bundle, world, name, **row.known), {HERE: own})


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("row", ROWS, ids=["{0} {1}".format(row.id, row.what) for row in ROWS])
def test_the_word_and_the_deed_agree(row, name):
    observed = of_row(row, name)
    one = forecast(observed, single(name), 5.0)
    steps, refused, well = plan.rescue([observed], single(name), 5.0)
    assert repairable(observed, one, single(name), 5.0) is bool(steps)
    assert [bool(steps), bool(refused), bool(well)].count(True) == 1
    assert bool(well) is not one.at_risk
    if steps:
        fields = {step.name.replace("-", "_").replace(".", "_"): File("file", step.data) for step in steps}
        known = FACTS if "shim_binary_path" in fields else {}
        repaired = observed._replace(bundle=observed.bundle._replace(**fields), **known)
        after = forecast(repaired, single(name), 5.0)
        assert (after.outcome, after.at_risk) == ("reattached", False)
        assert plan.rescue([repaired], single(name), 5.0) == ([], [], [repaired])
        assert all(step.alive == (INIT, THE_SHIM) for step in steps)


@pytest.mark.parametrize("name", ["V20b", "V22", "V23c"])
def test_which_rows_are_rescued(name):
    rescued = {row.id for row in ROWS if plan.rescue([of_row(row, name)], single(name), 5.0)[0]}
    assert {"B1", "B2", "B3", "B4", "B7", "B8", "B9", "B11", "B12", "B13", "C2", "C3", "C4", "F1"} <= rescued
    assert not {"A1", "A2", "A3", "B5", "B6", "B10", "B14", "H10", "E4"} & rescued


def test_of_several_shims_that_answer_the_one_that_has_the_task_counts():
    own, other = said("v2"), said("v2", task_pid=0, status=None, pids=[])
    for answers in ({HERE: own, ELSEWHERE: other}, {ELSEWHERE: other, HERE: own}):
        observed = a_case(MISSING, {}, "V20b")._replace(answers=answers)
        assert observed.best_answers is own and observed.status == "running"
    assert observed._replace(answers={HERE: silent("D3"), ELSEWHERE: other}).best_answers is other
    assert observed._replace(bundle=None, answers={HERE: silent("D3"), ELSEWHERE: other}).best_answers is other
