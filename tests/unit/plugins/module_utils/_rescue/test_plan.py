# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bootstrap.json that is planned, byte for byte against the one that containerd 2.1.9 really wrote."""

from __future__ import annotations

import json

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.bundle import File, read
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import CLASSES
from ansible_collections.shimops.containerd.plugins.module_utils._rescue import plan
from ansible_collections.shimops.containerd.tests.unit.support import captured
from ansible_collections.shimops.containerd.tests.unit.support.observations import (
    ADDRESS,
    HERE,
    INIT,
    a_bundle,
    a_case,
    parameters,
    said,
    silent,
)

NEW = CLASSES[2:]
GOOD = said("v2")


def migrate(bundle, heard=GOOD, name="V20b"):
    return plan.migrate([a_case(bundle, {HERE: heard} if heard else {}, name)], name)


@pytest.mark.parametrize("kind", captured.KINDS)
@pytest.mark.parametrize("made", ["1.6.20", "1.7.24"])
def test_the_same_bytes_as_containerd_wrote(tmp_path, made, kind):
    kind = "migrated-{0}-{1}".format(made, kind)
    source = captured.bundle(tmp_path, "2.1.9", kind)
    bundle = read(source)._replace(bootstrap_json=File("absent", b""), init=Process(77, 1))
    place = HERE._replace(name=bundle.address.text()[len("unix://") :])
    observed = a_case(bundle, {place: said("v2", task_pid=77, pids=[77, 78])}, "V20b")
    steps, refused = plan.migrate([observed], "V20b")
    assert refused == [] and len(steps) == 1
    assert steps[0].data == captured.content("2.1.9", kind, "bootstrap.json")
    assert (steps[0].namespace, steps[0].id, steps[0].path) == (source.namespace, source.id, source.path)
    assert steps[0].name == "bootstrap.json"
    assert plan.MODES["bootstrap.json"] == int(captured.manifest("2.1.9", kind)["entries"]["bootstrap.json"]["mode"], 8)


@pytest.mark.parametrize("name", NEW)
def test_every_2_x_is_given_the_same_file(name):
    ((step,), refused) = migrate(a_bundle(None, ADDRESS), name=name)
    assert refused == [] and json.loads(step.data.decode()) == {"version": 2, "address": ADDRESS, "protocol": "ttrpc"}


@pytest.mark.parametrize("name", ["V16", "V17"])
def test_nothing_is_planned_for_1_x(name):
    assert migrate(a_bundle(None, ADDRESS), name=name) == ([], [])


@pytest.mark.parametrize(
    "bundle",
    [
        a_bundle(parameters(3), None),
        a_bundle(parameters(2), ADDRESS),
        a_bundle("damaged", ADDRESS),
        a_bundle("", ADDRESS),
        a_bundle(File("link", b""), ADDRESS),
        a_bundle(File("directory", b""), ADDRESS),
        a_bundle(None, None),
    ],
)
def test_what_is_not_legacy_is_neither_planned_nor_refused(bundle):
    assert migrate(bundle) == ([], [])


def test_entries_that_are_no_bundle_are_passed_over():
    assert plan.migrate([a_case(None, {}, "V20b", kind="hidden")], "V20b") == ([], [])


@pytest.mark.parametrize(
    "heard, fields, reason",
    [
        (None, {}, "why"),
        (silent("D2", "the shim is dead"), {}, "the shim is dead"),
        (silent("D3", "no answer", asked=False), {}, "no answer"),
        (said("v3"), {}, "its shim does not serve task v2, which a migrated bundle would name"),
        (said("v2", code=13), {}, "its shim does not serve task v2, which a migrated bundle would name"),
        (GOOD, {"init": None}, "its init process is gone"),
        # An unknown id gets an answer too: recovery-spec 5.
        (said("v2", task_pid=0, pids=None, pids_failure=(5, "")), {}, "its shim names pid 0, its init.pid says 430"),
        (said("v2", task_pid=431), {}, "its shim names pid 431, its init.pid says 430"),
        (said("v2", pids=[]), {}, "its shim does not list its init process"),
        (said("v2", pids=[1, 2]), {}, "its shim does not list its init process"),
        (said("v2", pids=None, pids_failure=(None, "")), {}, "its shim does not list its init process"),
    ],
)
def test_a_shim_that_does_not_prove_whose_it_is(heard, fields, reason):
    assert migrate(a_bundle(None, ADDRESS, **fields), heard) == ([], [plan.Refused("default", "plain1", reason)])


NOWHERE = ("", "tcp://x", "unix://" + 108 * "x", File("link", b""), File("fifo", b""))


@pytest.mark.parametrize("address", NOWHERE, ids=range(len(NOWHERE)))
def test_an_address_that_leads_nowhere_is_refused(address):
    steps, refused = migrate(a_bundle(None, address))
    assert steps == [] and refused[0].reason == "its address leads to no socket"


def test_an_address_that_only_1_7_can_read_is_refused():
    # Row C5: 1.7 reads the JSON; 2.x would be given it as an address, and kill.
    bundle = a_bundle(None, parameters(2))
    observed = a_case(bundle, {HERE: GOOD}, "V17")
    assert observed.answers == {HERE: GOOD}
    steps, refused = plan.migrate([observed], "V20a")
    assert steps == [] and refused[0].reason == "its address leads to no socket"


def test_each_bundle_is_judged_by_itself():
    good = a_case(a_bundle(None, ADDRESS, id="a"), {HERE: GOOD}, "V20b")
    bad = a_case(a_bundle(None, ADDRESS, id="b", init=None), {HERE: GOOD}, "V20b")
    steps, refused = plan.migrate([good, bad, good], "V20b")
    assert ([step.id for step in steps], [one.id for one in refused]) == (["a", "a"], ["b"])


def test_the_diff_is_of_a_new_file():
    ((step,), _refused) = migrate(a_bundle(None, ADDRESS))
    path = "/run/containerd/io.containerd.runtime.v2.task/default/plain1/bootstrap.json"
    after = '{"version":2,"address":"' + ADDRESS + '","protocol":"ttrpc"}\n'
    assert step.diff() == {"before": "", "after": after, "before_header": path + " (absent)", "after_header": path}


def test_the_init_process_of_these_tests():
    assert GOOD.task_pid == INIT.pid and INIT.pid in GOOD.pids
