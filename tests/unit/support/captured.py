# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests/dev/capture_fixtures.py captured, as tests want it: bundles on disk, answers to replay, outputs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.scan import Entry
from ansible_collections.shimops.containerd.plugins.module_utils._host.command import Output
from ansible_collections.shimops.containerd.tests.unit.support.scripted_shim import frame

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
RELEASES = ("1.6.20", "1.7.24", "2.1.9")
KINDS = ("plain", "pod_sandbox", "pod_workload")
CONDITIONS = ("running", "created", "paused", "exited_7", "unknown_id", "runc_off_path")
#: The class of each release that was captured: recovery-spec 0.1.
CLASS = {"1.6.20": "V16", "1.7.24": "V17", "2.1.9": "V20b"}
#: The version of the task service that its shims serve: recovery-spec 4.2.
SERVED = {"1.6.20": "v2", "1.7.24": "v2", "2.1.9": "v3"}


def manifest(release, kind):
    """What is known of a captured bundle in addition to its files: namespace, id, entries."""
    return json.loads((FIXTURES / "bundles" / release / "manifest.json").read_text())[kind]


def content(release, kind, name):
    """The bytes of one file of a captured bundle."""
    return (FIXTURES / "bundles" / release / kind / name).read_bytes()


def bundle(tmp_path, release, kind):
    """A captured bundle below tmp_path as it stood on its host, with its FIFO, its link and its modes."""
    book = manifest(release, kind)
    path = tmp_path / book["namespace"] / book["id"]
    path.mkdir(parents=True, mode=0o700)
    for name, entry in book["entries"].items():
        target = path / name
        if entry["kind"] == "l":
            target.symlink_to(entry["target"])
            continue
        if entry["kind"] == "d":
            target.mkdir()
        elif entry["kind"] == "p":
            os.mkfifo(str(target))
        else:
            shutil.copyfile(str(FIXTURES / "bundles" / release / kind / name), str(target))
        target.chmod(int(entry["mode"], 8))
    return Entry(book["namespace"], book["id"], str(path), "bundle", path.lstat().st_ctime)


def answers(release, condition):
    """Everything kept of the calls to a shim in one condition."""
    return json.loads((FIXTURES / "answers" / release / (condition + ".json")).read_text())


def replay(shim, release, condition):
    """Let a scripted shim answer as the captured one did; gives the id it was asked for."""
    calls = answers(release, condition)["calls"]
    for call in calls:
        shim.on(call["service"], call["method"], _again(bytes.fromhex(call["response"])[10:]))
    return calls[0]["id"]


def _again(data):
    return lambda connection, request: connection.send(frame(request.stream_id, data))


def output(release, name):
    """What a program printed, and its exit status."""
    folder = FIXTURES / "commands" / release
    code = json.loads((folder / "manifest.json").read_text())[name]["code"]
    return Output(code, (folder / (name + ".txt")).read_text(), "")
