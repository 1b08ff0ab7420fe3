# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fleet_report: its documentation. What it does is its action's: tests/unit/plugins/plugin_utils/reports."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.modules import fleet_report


def test_documentation_is_whole():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed for this Python")
    text = yaml.safe_load(fleet_report.DOCUMENTATION)
    assert text["module"] == "fleet_report" and yaml.safe_load(fleet_report.EXAMPLES)
    assert {"summary", "files", "rules", "lines", "run_id", "msg"} == set(yaml.safe_load(fleet_report.RETURN))
