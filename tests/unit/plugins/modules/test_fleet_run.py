# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fleet_run: its documentation; what it does is the action's, tested together with plugin_utils."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._run_spec import SPEC
from ansible_collections.shimops.containerd.plugins.modules import fleet_run
from ansible_collections.shimops.containerd.tests.unit.plugins.modules.module_facts import plain


def test_documentation():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed for this Python")
    text = yaml.safe_load(fleet_run.DOCUMENTATION)
    assert text["module"] == "fleet_run" and yaml.safe_load(fleet_run.EXAMPLES) and yaml.safe_load(fleet_run.RETURN)
    reported = {name: plain(option) for name, option in text["options"].items()}
    assert reported == {name: plain(option) for name, option in SPEC.items()}


def test_a_host_does_none_of_it(run_module):
    result, status = run_module(fleet_run, state="batch_checked", run_folder="/nowhere")
    assert status == 1 and "works on the controller alone" in result["msg"]
