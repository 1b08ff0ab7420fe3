# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The path as a filter: the release of a probe in, the judgement out."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.shimops.containerd.plugins.filter.containerd_upgrade_path import FilterModule

upgrade_path = FilterModule().filters()["containerd_upgrade_path"]


def test_allowed_and_back():
    assert upgrade_path({"running": "1.7.24", "installed": "1.7.24"}, "2.1.9") == {
        "allowed": True,
        "refusal": "",
        "notes": [],
        "backward": False,
        "id": "",
    }
    assert upgrade_path({"running": "2.1.9", "installed": "2.1.9"}, "1.7.24")["backward"] is True


def test_refused_with_the_safe_target():
    found = upgrade_path({"running": "1.6.20", "installed": "1.6.20"}, "2.1.9")
    assert (
        not found["allowed"]
        and found["refusal"].endswith("; go to 1.7.34 first.")
        and found["id"] == "unsupported_upgrade"
    )
    assert not upgrade_path({}, "2.1.9")["allowed"]


@pytest.mark.parametrize("release", ["1.7.24", None, ["1.7.24"]])
def test_what_is_no_release(release):
    with pytest.raises(AnsibleFilterError, match="takes the release of shim_probe"):
        upgrade_path(release, "2.1.9")
