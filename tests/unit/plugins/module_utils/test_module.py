# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From work to a result, from an error to one sentence; what is said where protobuf is missing or the user not root."""

from __future__ import annotations

import os
import types

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils import _changes, _module, _result
from ansible_collections.shimops.containerd.plugins.module_utils._bundle import gojson
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._unexpected import explained


@pytest.fixture
def run(run_module, monkeypatch):
    """Run that work as a module would, as root."""
    monkeypatch.setattr(_module, "_require_root", lambda: None)

    def start(work, problem=None, **more):
        main = types.SimpleNamespace(main=lambda: _module.execute(work, library_problem=lambda: problem))
        return run_module(main, **more)

    return start


def test_a_result_is_returned(run):
    result, status = run(
        lambda options, check_mode: {"changed": check_mode, "seen": options["detail"]}, check_mode=True
    )
    assert (status, result["changed"], result["seen"]) == (0, True, "summary")


def test_an_option_with_a_nul_is_logged_as_one_can_be(run, monkeypatch):
    logged = []
    monkeypatch.setattr(_module.AnsibleModule, "log", lambda self, msg, log_args=None: logged.append(msg))
    result, status = run(lambda options, check_mode: {}, address="/run/\0")
    assert status == 1 and result["stage"] == "options", result["msg"]
    assert logged and "address=/run/\\0 " in logged[0] and "\0" not in "".join(logged)


def test_an_error_becomes_one_sentence(run):
    def fail(options, check_mode):
        raise ShimError("scan", "a\nb", "is odd", "check it")

    result, status = run(fail)
    assert status == 1 and (result["msg"], result["stage"]) == ("scan: a b is odd; check it.", "scan")
    assert result["changed"] is False and result["failed"] is True


def test_a_defect_becomes_one_sentence_with_its_place(run):
    def fail(options, check_mode):
        return gojson.fold(None)

    result, status = run(fail)
    assert status == 1 and (result["changed"], result["refused"], result["stage"]) == (False, False, "gojson")
    assert result["msg"].startswith("gojson: this module has a defect (AttributeError: 'NoneType' object has no ")
    assert "; in gojson.py, line " in result["msg"]
    assert result["msg"].endswith(", fold); report it with the traceback that -vvv shows.")
    assert "traceback" not in result


def test_what_was_changed_before_an_error_is_said(run):
    def fail(options, check_mode):
        _changes.note()
        raise ValueError

    assert run(fail).result["changed"] is True
    # The next module of the same process begins anew.
    assert run(lambda options, check_mode: 1 / 0).result["changed"] is False

    def refuse(options, check_mode):
        _changes.note()
        raise ShimError("act", "it", "is odd")

    assert run(refuse).result["changed"] is True


def test_a_defect_in_making_the_result_small_costs_nothing_of_what_was_changed(run, monkeypatch):
    def restart(options, check_mode):
        _changes.note()
        return {"changed": True}

    def fail(*_arguments):
        raise TypeError("planted")

    monkeypatch.setattr(_result, "fit", fail)
    result, status = run(restart)
    assert status == 1 and result["changed"] is True
    assert "has a defect (TypeError: planted" in result["msg"]


def test_an_error_from_elsewhere_is_placed_where_it_came_from():
    with pytest.raises(AttributeError) as caught:
        gojson.text(3)
    found = explained(caught.value)
    # Of the files on the way to it the innermost of the collection counts.
    assert found.stage == "gojson" and "gojson.py, line " in found.problem
    assert explained(found) is found
    assert len(str(explained(ValueError(10000 * "x")))) < 400


def test_a_failure_returns_all_the_rest(run):
    result, status = run(lambda options, check_mode: {"changed": True, "failure": "it\nbroke", "verdicts": [1]})
    assert status == 1 and (result["msg"], result["verdicts"], result["changed"]) == ("it broke", [1], True)
    assert "failure" not in result
    assert run(lambda options, check_mode: {"changed": False, "failure": ""}).status == 0


@pytest.mark.parametrize("diff", [True, False])
def test_a_diff_is_returned_only_where_it_is_asked_for(run, diff):
    result, _status = run(lambda options, check_mode: {"changed": True, "diff": [{"before": "x"}]}, diff=diff)
    assert ("diff" in result) == diff


@pytest.mark.skipif(os.geteuid() == 0, reason="root is root")
def test_users_other_than_root_are_refused(run_module):
    module = types.SimpleNamespace(main=lambda: _module.execute(lambda options, check_mode: {}))
    result, status = run_module(module)
    assert status == 1 and result["msg"] == "daemon: this user is not root; run the task with become: true."


@pytest.mark.parametrize("user, group", [(1000, 0), (0, 1000), (1000, 1000)])
def test_both_user_and_group_have_to_be_roots(monkeypatch, user, group):
    # Shims compare both: ttrpc.UnixSocketRequireSameUser.
    monkeypatch.setattr(_module.os, "geteuid", lambda: user)
    monkeypatch.setattr(_module.os, "getegid", lambda: group)
    with pytest.raises(ShimError, match="run the task with become"):
        _module._require_root()


def test_without_protobuf_another_interpreter_is_looked_for_then_it_is_said(run, monkeypatch):
    sentence = (
        "ask: this host has no Python library protobuf; install python3-protobuf on it, as the role prepare_hosts does."
    )
    tried = []
    monkeypatch.setattr(_module, "probe_interpreters_for_module", lambda paths, name: tried.append((paths[0], name)))
    result, status = run(lambda options, check_mode: {}, "it is missing")
    assert (status, result["msg"]) == (1, sentence) and tried == [("/usr/bin/python3", "google.protobuf")]
    monkeypatch.setattr(_module, "has_respawned", lambda: True)
    assert run(lambda options, check_mode: {}, "it is missing").result["msg"] == sentence and len(tried) == 1
    # Who has no problem with it, goes on.
    assert run(lambda options, check_mode: {}).status == 0


def test_a_module_goes_on_under_the_interpreter_that_has_protobuf(run, monkeypatch):
    respawned = []

    def respawn(path):
        respawned.append(path)
        raise SystemExit(0)

    monkeypatch.setattr(_module, "probe_interpreters_for_module", lambda paths, name: "/usr/libexec/platform-python")
    monkeypatch.setattr(_module, "respawn_module", respawn)
    with pytest.raises(AssertionError, match="one document, not 0"):
        run(lambda options, check_mode: pytest.fail("it went on here"), "it is missing")
    assert respawned == ["/usr/libexec/platform-python"]
