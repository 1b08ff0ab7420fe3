# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The row types have the fields of the schema, in its order, and no others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._audit import row_types

SCHEMA = Path(__file__).resolve().parents[5] / "plugins/plugin_utils/_rules/host-document.schema.json"


def schema():
    if not SCHEMA.is_file():
        pytest.skip("the controller's side is not here")
    return json.loads(SCHEMA.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "name, way",
    [
        ("HostDocument", ()),
        ("BundleRow", ("bundles", "items")),
        ("BootstrapRow", ("bundles", "items", "properties", "bootstrap")),
        ("OtherTaskRow", ("other_tasks", "items")),
        ("ShimRow", ("shims", "items")),
        ("LeftoverRow", ("leftovers", "items")),
        ("ModeRow", ("modes", "items")),
        ("DaemonRow", ("daemon",)),
        ("UnitRow", ("unit",)),
    ],
)
def test_a_type_has_the_fields_of_the_schema(name, way):
    found = schema()
    if way:
        found = found["properties"]
    for step in way:
        found = found[step]
    assert sorted(getattr(row_types, name).__annotations__) == sorted(found["properties"])
