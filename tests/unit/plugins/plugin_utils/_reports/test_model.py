# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of the reports: nothing that a run can say of a host is without them."""

from __future__ import annotations

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports import model
from ansible_collections.shimops.containerd.plugins.plugin_utils._run import run_host


def test_every_state_of_a_host_has_its_words():
    assert set(run_host.STATES) <= set(model.STATES)
