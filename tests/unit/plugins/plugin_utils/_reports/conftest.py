# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the reports: runs that never were, and everything that is written about them."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports import audit, build, files

TODAY = datetime.date(2026, 6, 30)


@pytest.fixture
def write(tmp_path):
    """Write all reports on a run's folder: ``write(path, waivers=[...], previous=path)`` gives folder and totals."""

    def do(path, formats=tuple(build.FORMATS), waivers=(), previous=None, title=""):
        known, judge = audit.engine(audit.SHIPPED, list(waivers), TODAY)
        earlier = files.RunFolder(previous) if previous else None
        dest = tmp_path / "out"
        with files.Output(str(dest)) as output:
            totals = build.build(files.RunFolder(path), build.Wanted(formats, title, known, judge, earlier), output)
            output.commit()
        return Path(dest), totals

    return do
