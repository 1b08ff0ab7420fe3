# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of every module that a host runs is at most 2,048 bytes, whatever it finds and whatever it is given."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils.common.parameters import PASS_VARS

from ansible_collections.shimops.containerd.plugins.module_utils import _module
from ansible_collections.shimops.containerd.plugins.modules import (
    containerd_hold,
    containerd_package,
    shim_bundle_facts,
    shim_migrate,
    shim_probe,
    shim_reconnect,
)

LARGEST = 2048
# The controller adds the state of the host in the run, and the interpreter that it found.
ADDED = len(', "host_state": "untouched"' + ', "discovered_interpreter_python": "/usr/libexec/platform-python3.14"')
MODULES = {
    containerd_hold: ("keep", {"run_id": 64 * "r"}),
    containerd_package: ("stage", {"version": "2.1.9"}),
    shim_bundle_facts: ("gather", {}),
    shim_migrate: ("migrate", {}),
    shim_probe: ("probe", {}),
    shim_reconnect: ("reconnect", {"state": "restarted", "run_id": 64 * "r"}),
}
# From ansible-core 2.21 on a result has the arguments of its module only where that is configured.
WHOLE = {"_ansible_inject_invocation": True} if "inject_invocation" in PASS_VARS else {}
#: What no operator gives, and the modules accept all the same.
LONG = {"ids": [76 * "f"] * 256, "state_dir": "/" + 4000 * "d", "unit": 500 * "u" + ".service"}
STRINGS = {"ids": 76 * "f", "ASCII": 2500 * "x", "emoji": 400 * "\U0001f600", "quotes": 400 * '"', "nothing": ""}
#: More than any number that a host can count.
NUMBER = -(2**63)
#: Tables that the documentation describes in words.
ROW = {"namespace": "", "id": "", "pod": {"namespace": "", "name": "", "uid": ""}, "reason": "", "remedy": "", "n": 0}
BUNDLE = dict(ROW, problems=["", ""], endpoint="", shim_executable="")
INSTANCE = {
    "layout": "",
    "daemon": {"fact{0}".format(number): "" for number in range(17)},
    "bundles": [BUNDLE],
    "endpoints": [],
    "leftovers": [ROW],
}


def grown(sample, text, rows):
    """The same shape with a text for every string, a huge number for every number, and so many rows in each list."""
    if isinstance(sample, dict):
        return {key: grown(value, text, rows) for key, value in sample.items()}
    if isinstance(sample, list):
        return [grown(sample[0] if sample else "", text, rows) for _row in range(rows)]
    if isinstance(sample, bool) or sample is None:
        return sample
    return text if isinstance(sample, str) else float(NUMBER) if isinstance(sample, float) else NUMBER


def shape(documented):
    """An example of one documented value."""
    if "sample" in documented:
        return documented["sample"]
    if documented["type"] == "dict" and "contains" in documented:
        return {name: shape(value) for name, value in documented["contains"].items()}
    rows = [ROW] if documented.get("elements") == "dict" else [""]
    return {"list": rows, "dict": {"outcomes": {"killed": 0}}, "str": "", "float": 0.0, "bool": False, "int": 0}[
        documented["type"]
    ]


def worst(module, text, rows):
    """A result of a module, of its documented shape and as large as the text and the number of rows make it."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed for this Python")
    found = {name: shape(value) for name, value in yaml.safe_load(module.RETURN).items()}
    if module is shim_bundle_facts:
        found["ansible_facts"]["containerd_shims"]["instances"] = [INSTANCE]
    for name in ("document", "judged"):
        found.pop(name, None)
    full = dict(grown(found, text, rows), changed=True)
    if module is shim_bundle_facts:
        del full["ansible_facts"]["containerd_shims"]["instances"][2:]
    return full


@pytest.mark.parametrize("given", [{}, LONG], ids=["no arguments", "long arguments"])
@pytest.mark.parametrize("rows", [1, 20])
@pytest.mark.parametrize("text", STRINGS.values(), ids=STRINGS)
@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_result_is_small_whatever_is_in_it(run_module, monkeypatch, module, text, rows, given):
    name, required = MODULES[module]
    if "package" in module.__name__ and given:
        given = dict(given, dependencies=["x" * 200] * 50)
    monkeypatch.setattr(_module, "_require_root", lambda: None)
    monkeypatch.setattr(_module, "_require_protobuf", lambda: None)
    for failure in ("", "verify: " + text):
        result = dict(worst(module, text, rows), failure=failure)
        keys = set(result) - {"failure"}
        monkeypatch.setattr(module, name, lambda options, check, full=result: full)
        answer, status = run_module(module, **required, **given, **WHOLE)
        assert "invocation" in answer and status == bool(failure)
        assert len(json.dumps(answer)) + ADDED <= LARGEST
        shims = answer.get("ansible_facts", {}).get("containerd_shims", {})
        counts = answer.get("summary") or shims.get("summary") or answer
        assert isinstance(counts["truncated"], int)
        assert set(answer) >= keys, "each key is there, however short its value"
        # Nothing is left out where it need not be.
        assert counts["truncated"] or rows == 1 or len(text) == 0 or any("..." in str(one) for one in answer.values())


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_an_error_is_small_too(run_module, monkeypatch, module):
    def fail(options, check):
        raise ValueError(STRINGS["emoji"])

    name, required = MODULES[module]
    monkeypatch.setattr(_module, "_require_root", lambda: None)
    monkeypatch.setattr(_module, "_require_protobuf", lambda: None)
    monkeypatch.setattr(module, name, fail)
    answer, status = run_module(module, **required, **LONG, **WHOLE)
    assert status == 1 and len(json.dumps(answer)) + ADDED <= LARGEST and "has a defect" in answer["msg"]


def test_more_detail_is_never_cut(run_module, monkeypatch):
    monkeypatch.setattr(_module, "_require_root", lambda: None)
    monkeypatch.setattr(_module, "_require_protobuf", lambda: None)
    monkeypatch.setattr(shim_migrate, "migrate", lambda options, check: worst(shim_migrate, 500 * "x", 300))
    answer, _status = run_module(shim_migrate, detail="problems", **LONG, **WHOLE)
    assert len(answer["refused"]) == 300 and len(answer["invocation"]["module_args"]["ids"]) == 256
