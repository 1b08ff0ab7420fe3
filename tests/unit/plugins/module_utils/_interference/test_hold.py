# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold and put back, on a host made of values; real hosts are in tests/integration."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import processes
from ansible_collections.shimops.containerd.plugins.module_utils._host.command import Output
from ansible_collections.shimops.containerd.plugins.module_utils._interference import hold as holds
from ansible_collections.shimops.containerd.plugins.module_utils._interference import observe, record, rules
from ansible_collections.shimops.containerd.plugins.module_utils._interference.rules import Seen, UnitState
from ansible_collections.shimops.containerd.tests.unit.plugins.modules.module_facts import needs_root

pytestmark = needs_root
TIMER, CHECKER = "apt-daily.timer", "containerd-monitor.service"


class World:
    """A host: what is on it, what was run on it, and what refuses."""

    def __init__(self):
        self.on = {TIMER: True, CHECKER: True}
        self.selections = {"containerd": "install", "runc": "hold"}
        self.held_snaps = {"microk8s": False}
        self.lock = []
        self.ran = []
        self.refuses = set()

    def units(self, names, _deadline):
        return {
            name: UnitState(name, "loaded", "active" if on else "inactive", "enabled")
            for name, on in self.on.items()
            if name in names
        }

    def see(self, _custom, deadline):
        snippet = observe.small_file(rules.SNIPPET)
        return Seen(self.units(self.on, deadline), dict(self.selections), True, snippet, dict(self.held_snaps), None)

    def run(self, argv, _deadline):
        self.ran.append(" ".join(argv))
        name = argv[-1]
        if name in self.refuses:
            return Output(1, "", "it will not.")
        if argv[0] == "systemctl":
            self.on[name] = argv[1] == "start"
        elif argv[0] == "apt-mark":
            self.selections[name] = "hold" if argv[1] == "hold" else "install"
        else:
            self.held_snaps[name] = argv[2].startswith("--hold")
        return Output(0, "", "")

    def state(self):
        return dict(self.on), dict(self.selections), dict(self.held_snaps), observe.small_file(rules.SNIPPET)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A host that everything interferes with."""
    here = World()
    monkeypatch.setattr(record, "PLACE", str(tmp_path / "kept"))
    monkeypatch.setattr(rules, "SNIPPET", str(tmp_path / "snippet.conf"))
    for name in ("units", "see"):
        monkeypatch.setattr(observe, name, getattr(here, name))
    monkeypatch.setattr(observe, "packages", lambda _deadline: dict(here.selections))
    monkeypatch.setattr(observe, "snaps", lambda _deadline: dict(here.held_snaps))
    monkeypatch.setattr(observe, "locks", lambda: list(here.lock))
    monkeypatch.setattr(holds.command, "run", here.run)
    return here


def keep(check=False):
    return holds.Hold([], ("containerd.service",), check, lambda: Deadline(5))


def hold(run_id="one", check=False):
    return keep(check).hold(run_id, Deadline(0.1))


def release(check=False):
    return keep(check).release(Deadline(0.1))


def test_held_and_put_back(world):
    before = world.state()
    kept = hold()
    assert kept.changed and not kept.failure and all(row.held for row in kept.found)
    assert world.state() == (
        {TIMER: False, CHECKER: False},
        {"containerd": "hold", "runc": "hold"},
        {"microk8s": True},
        rules.SNIPPET_TEXT,
    )
    assert os.stat(record.path()).st_mode & 0o777 == 0o600
    world.ran = []
    back = release()
    assert back.changed and back.earlier == "one" and len(back.released) == 6
    # Units last: a timer that starts again may take dpkg's lock at once.
    assert [line.split()[0] for line in world.ran] == ["apt-mark", "snap", "systemctl", "systemctl"]
    assert world.state() == before and not os.path.exists(record.path())
    assert release() == holds.HoldResult(False)


def test_check_mode_touches_nothing(world):
    before = world.state()
    assert hold(check=True).changed and world.state() == before and not os.path.exists(record.path())
    hold()
    held, world.ran = world.state(), []
    assert release(check=True).changed and not hold(check=True).changed
    assert world.state() == held and not world.ran and os.path.exists(record.path())


def test_the_record_is_there_before_anything_is_done(world, monkeypatch):
    def run(argv, deadline):
        with open(record.path()) as handle:
            assert len(json.load(handle)["items"]) == 6
        return World.run(world, argv, deadline)

    monkeypatch.setattr(holds.command, "run", run)
    hold()
    assert len(world.ran) == 4


def test_the_same_run_again_remembers_the_first_state(world):
    before = world.state()
    hold()
    assert not hold().changed
    world.on[TIMER] = True
    again = hold()
    assert again.changed and not world.on[TIMER]
    release()
    assert world.state() == before


def test_another_run_puts_back_first_and_tells(world):
    before = world.state()
    hold("one")
    other = hold("two")
    assert other.changed and other.earlier == "one" and len(other.released) == 6
    assert record.load()["run_id"] == "two"
    assert release().earlier == "two" and world.state() == before


def test_after_a_boot_units_are_left_as_it_made_them(world, monkeypatch):
    hold()
    monkeypatch.setattr(processes, "boot_id", lambda: "another")
    world.on[CHECKER] = False
    back = release()
    assert {row["reason"] for row in back.released if row["how"] == "stop"} == {
        "the host was booted in between, which put it back"
    }
    assert not world.on[CHECKER] and world.selections["containerd"] == "install"


def test_the_same_run_after_a_boot_holds_anew(world, monkeypatch):
    hold()
    monkeypatch.setattr(processes, "boot_id", lambda: "another")
    world.on.update({TIMER: True, CHECKER: True})
    assert hold().changed and record.load()["boot_id"] == "another"
    release()
    assert world.on == {TIMER: True, CHECKER: True}


def test_what_refuses_to_be_held_is_reported_and_the_rest_is_held(world):
    world.refuses = {CHECKER, "containerd"}
    kept = hold()
    rows = {row.name: row for row in kept.found}
    assert not rows[CHECKER].held and rows[CHECKER].reason == "cannot be stopped (it will not)"
    assert not rows["containerd"].held and rows[TIMER].held and not world.on[TIMER]


def test_what_cannot_be_put_back_stays_in_the_record_for_the_next_run(world):
    before = world.state()
    hold()
    world.refuses = {CHECKER}
    back = release()
    assert back.failure.startswith(
        "act: " + CHECKER + " cannot be started again (it will not); do it by hand: systemctl"
    )
    assert [one.name for one in record.items(record.load())] == [CHECKER] and world.on[TIMER]
    # Another run cannot begin before the first one's holds are gone.
    assert hold("two").failure == back.failure and record.load()["run_id"] == "one"
    world.refuses = set()
    assert not release().failure and world.state() == before


def test_a_package_manager_at_work_leaves_nothing_held(world):
    before = world.state()
    world.lock = [("/var/lib/dpkg/lock", 7, "dpkg")]
    kept = hold()
    assert not kept.changed and "dpkg (pid 7) holds /var/lib/dpkg/lock" in kept.failure
    assert world.state() == before and not os.path.exists(record.path())
    assert not any(line.startswith("apt-mark") for line in world.ran)


def test_a_changed_snippet_stays(world):
    hold()
    with open(rules.SNIPPET, "w") as handle:
        handle.write("# mine")
    rows = {row["how"]: row["reason"] for row in release().released}
    assert rows["snippet"] == "it was changed meanwhile, and stays" and observe.small_file(rules.SNIPPET) == "# mine"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 2}', '{"schema": 1, "items": [{"kind": "x"}]}'])
def test_a_damaged_record_stops_everything(world, text):
    os.makedirs(record.PLACE, 0o700)
    with open(record.path(), "w") as handle:
        handle.write(text)
    for work in (hold, release):
        with pytest.raises(ShimError, match="is damaged; check the file"):
            work()
    assert not world.ran


def test_a_record_that_others_can_write_is_not_trusted(world):
    hold()
    os.chmod(record.path(), 0o666)
    with pytest.raises(ShimError, match="is not a file that only root can write"):
        release()


@pytest.mark.parametrize("make", [lambda path: os.symlink("/etc/passwd", path), os.mkfifo, os.mkdir])
def test_a_record_of_another_kind_is_not_read(world, make):
    os.makedirs(record.PLACE, 0o700)
    make(record.path())
    with pytest.raises(ShimError, match="act: .*held.json"):
        release()
