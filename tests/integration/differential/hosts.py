# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions of the whole host: each has a restart of its own, with healthy bundles of three kinds."""

from dataclasses import dataclass

from differential import column, compare
from differential.conditions import bundle, parameters
from differential.stage import NAMESPACE

# A state directory of two megabytes, which a file can fill.
SMALL = (
    "systemctl stop containerd; mount -t tmpfs -o size=2m,mode=711 small /run/containerd; systemctl start containerd"
)
FILL = "dd if=/dev/zero of=/run/containerd/filling bs=4k 2>/dev/null || true"
EMPTY = "systemctl stop containerd; umount -l /run/containerd; systemctl start containerd"
META = "/var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db"


@dataclass(frozen=True)
class Setting:
    """Scripts done before the bundles are made, after it, and at the end, when there is no containerd to mind."""

    name: str
    says: str
    before: str
    after: str
    undo: str


SETTINGS = (
    Setting(
        "HC8", "host: state file system full; address only / bootstrap.json as well / version 3", SMALL, FILL, EMPTY
    ),
    Setting(
        "HM",
        "host: containerd's metadata damaged; the same three",
        "",
        f"head -c 16384 /dev/urandom > {META}.new; mv {META}.new {META}",
        "",
    ),
)
ENTRIES = (
    bundle("old"),
    bundle("both", bootstrap=parameters()),
    bundle("new", bootstrap=parameters(3), address=None, serves="v3"),
)


def run(stage, release, setting):
    """One restart in a setting; the judgements, and what was logged."""
    stage.reset(release)
    try:
        return _one(stage, release, setting), stage.journal()
    finally:
        stage.end_agent()
        stage.host.script(setting.undo or "true", timeout=120)


def _one(stage, release, setting):
    stage.host.script(setting.before or "true", timeout=120)
    stage.ask("make", entries=list(ENTRIES))
    stage.host.script(setting.after)
    keys = [(NAMESPACE, reported["id"]) for reported in ENTRIES]
    foretold = column.forecast(stage, release)
    stage.ask("record", keys=keys)
    stage.restart()
    seen = column.settle(stage, keys, foretold["rows"], {})
    return [compare.judge(foretold["rows"].get(key), seen[key]) for key in keys]
