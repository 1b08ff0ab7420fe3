# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of docs/examples.md, run as they stand there."""

import json
import re
from pathlib import Path

import play
import pytest
import world

PAGE = Path(__file__).resolve().parents[3] / "docs" / "examples.md"
EXAMPLES = dict(re.findall(r"^## (.+?)\n.*?^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL))


def run(title, fleet, hosts, tmp_path, *words):
    """Run the example of that title; the finished process."""
    book = tmp_path / "example.yml"
    book.write_text(EXAMPLES[title])
    return play.book(fleet, book, "--limit", ",".join(host.name for host in hosts), *words)


@pytest.fixture
def daemons(clean):
    """containerd's process on each host before the example is run."""
    return {host.name: world.containerd(host) for host in clean.values()}


def restarted(clean, daemons):
    """The hosts on which containerd is another process than before."""
    return {host.name for host in clean.values() if world.containerd(host) != daemons[host.name]}


def test_no_example_is_left_out():
    tried = {word for name, test in globals().items() if name.startswith("test_") for word in getattr(test, "of", [])}
    assert set(EXAMPLES) == tried


def of(title):
    """Say which example a test runs."""

    def mark(test):
        test.of = [title]
        return test

    return mark


@of("A handler that restarts containerd and verifies it")
def test_handler(fleet, clean, daemons, tmp_path):
    title = "A handler that restarts containerd and verifies it"
    tasks = play.together(clean.values(), world.tasks)
    assert run(title, fleet, clean.values(), tmp_path).returncode == 0
    assert restarted(clean, daemons) == set(daemons)
    assert play.together(clean.values(), world.tasks) == tasks
    for host in clean.values():
        assert {one["verdict"] for one in world.ledger(host)["verdicts"]} == {"reattached"}
    again = {host.name: world.containerd(host) for host in clean.values()}
    assert run(title, fleet, clean.values(), tmp_path).returncode == 0
    assert restarted(clean, again) == set(), "nothing changed, so nothing is restarted"


@of("Verify a restart made by other means")
def test_other_means(fleet, clean, daemons, tmp_path):
    done = run("Verify a restart made by other means", fleet, clean.values(), tmp_path)
    assert done.returncode == 0
    assert restarted(clean, daemons) == set(daemons)
    for host in clean.values():
        book = world.ledger(host)
        assert (book["run_id"], book["phase"]) == ("by-hand-7", "verified")


@of("Forecast an upgrade")
def test_forecast(fleet, clean, daemons, tmp_path):
    done = run("Forecast an upgrade", fleet, clean.values(), tmp_path)
    assert done.returncode == 0
    assert len(re.findall(r"[\d.]+: 0 at risk\. 2\.1\.9: \d+ at risk\.", done.stdout)) == len(clean)
    assert restarted(clean, daemons) == set()


@of("Hold a host")
def test_hold(fleet, clean, daemons, tmp_path):
    host = clean["1.7"]
    try:
        assert run("Hold a host", fleet, [host], tmp_path).returncode == 0
        args = {"state": "restarted", "run_id": "r1", "settle": 0}
        found = play.run(fleet, "shim_reconnect", args, [host])[host.name]
    finally:
        host.run(["rm", "-f", "/etc/shimops/hold"])
    assert found["failed"]
    assert "/etc/shimops/hold holds this host" in found["msg"]
    assert restarted(clean, daemons) == set()


def test_task_file_after_each_host(fleet, clean, tmp_path):
    """The one in docs/rolling.md."""
    page = (PAGE.parent / "rolling.md").read_text()
    (text,) = re.findall(r"^```yaml\n(# after\.yml.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "after.yml").write_text(text)
    options = {"run_id": "shown", "run_dir": str(tmp_path / "runs"), "after_host": [str(tmp_path / "after.yml")]}
    options = {f"rolling_restart_{name}": value for name, value in {**options, "settle": 1}.items()}
    done = play.book(fleet, f"{play.FQCN}.rolling_restart", "-e", json.dumps(options))
    assert done.returncode == 0
    for host in clean.values():
        assert f"{host.name} is verified in run shown" in done.stdout
