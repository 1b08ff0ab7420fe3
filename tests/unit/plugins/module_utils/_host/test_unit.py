# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd says of a unit, from its real words."""

from __future__ import annotations

import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import command, unit
from ansible_collections.shimops.containerd.plugins.module_utils._host.command import Output
from ansible_collections.shimops.containerd.tests.unit.support import captured

NAME = "containerd.service"


@pytest.fixture
def says(monkeypatch, tmp_path):
    """Let systemctl say that; drop-ins are looked for below the test's own directory."""
    monkeypatch.setattr(unit, "_DIRECTORIES", (str(tmp_path),))
    asked = []

    def say(output):
        def run(argv, deadline):
            asked.append(argv)
            return output

        monkeypatch.setattr(command, "run", run)
        found = unit.look_up(NAME, Deadline(5))
        assert asked[-1][:2] == ["systemctl", "show"] and asked[-1][-2:] == ["--", NAME]
        return found

    return say


def changed(release="2.1.9", **values):
    lines = captured.output(release, "systemctl-show").stdout.splitlines()
    lines = [line for line in lines if line.split("=", 1)[0] not in values]
    return Output(0, "\n".join(lines + ["{0}={1}".format(*pair) for pair in values.items()]) + "\n", "")


@pytest.mark.parametrize("release", captured.RELEASES)
def test_a_real_unit(says, release):
    found = says(captured.output(release, "systemctl-show"))
    assert found.name == NAME and found.active_state == "active" and found.main_pid > 1
    assert (found.kill_mode, found.delegate, found.need_daemon_reload) == ("process", True, False)
    assert (found.timeout_start, found.restarts, len(found.invocation_id)) == (90.0, 0, 32)
    assert (found.exec_start, found.arguments, found.drop_ins) == ("/usr/bin/containerd", [], [])


@pytest.mark.parametrize("release", captured.RELEASES)
def test_a_unit_that_systemd_does_not_have(says, release):
    # systemctl show ends well for it: only LoadState shows it.
    output = captured.output(release, "systemctl-show-absent")
    assert output.code == 0 and says(output) is None


@pytest.mark.parametrize("release", captured.RELEASES)
def test_a_loaded_drop_in(says, release):
    found = says(captured.output(release, "systemctl-show-killmode_control_group"))
    assert found.kill_mode == "control-group"
    assert found.drop_ins == ["/etc/systemd/system/containerd.service.d/lab-killmode.conf"]
    # The file is on that host, not on this one: what was loaded is gone.
    assert found.need_daemon_reload is True


@pytest.mark.parametrize("release", captured.RELEASES)
def test_a_drop_in_that_systemd_does_not_tell_of_is_found_on_disk(says, release, tmp_path):
    output = captured.output(release, "systemctl-show-killmode_not_loaded")
    # A real systemd said so while the file was there: its directory was new.
    assert "NeedDaemonReload=no" in output.stdout and "DropInPaths=\n" in output.stdout
    assert says(output).need_daemon_reload is False
    (tmp_path / (NAME + ".d")).mkdir()
    (tmp_path / (NAME + ".d") / "notes.txt").write_text("")
    assert says(output).need_daemon_reload is False
    (tmp_path / (NAME + ".d") / "lab-killmode.conf").write_text("[Service]\nKillMode=control-group\n")
    assert says(output).need_daemon_reload is True


def test_drop_ins_that_are_loaded_or_masked_are_no_change(says, tmp_path):
    place = tmp_path / (NAME + ".d")
    place.mkdir()
    (place / "a.conf").write_text("")
    assert says(changed(DropInPaths=str(place / "a.conf"))).need_daemon_reload is False
    (place / "b.conf").symlink_to(os.devnull)
    assert says(changed(DropInPaths=str(place / "a.conf"))).need_daemon_reload is False
    assert says(changed()).need_daemon_reload is True
    (place / "a.conf").unlink()
    assert says(changed(DropInPaths=str(place / "a.conf"))).need_daemon_reload is True


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("infinity", None),
        ("1min 30s", 90.0),
        ("15s", 15.0),
        ("5min", 300.0),
        ("1h 2min 3s", 3723.0),
        ("1d", 86400.0),
        ("500ms", 0.5),
        ("2s 345ms", 2.345),
        ("1.5s", 1.5),
    ],
)
def test_time_spans(says, text, seconds):
    assert says(changed(TimeoutStartUSec=text)).timeout_start == pytest.approx(seconds)


def test_arguments_of_the_start_command(says):
    line = "{ path=/opt/bin/containerd ; argv[]=/opt/bin/containerd --config /etc/c.toml ; ignore_errors=no ; pid=0 }"
    found = says(changed(ExecStart=line))
    assert (found.exec_start, found.arguments) == ("/opt/bin/containerd", ["--config", "/etc/c.toml"])
    assert says(changed(ExecStart="")).exec_start is None


def test_what_is_run_at_the_stop_with_its_arguments(says):
    tail = "ignore_errors=yes ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }"
    shown = changed(
        ExecStop="{{ path=/bin/a ; argv[]=/bin/a -x ; y ; {0}".format(tail),
        ExecStopPost="{{ path=/bin/sh ; argv[]=/bin/sh -c a | b ; {0}".format(tail),
    )
    assert says(shown).stop_commands == ("/bin/a -x ; y", "/bin/sh -c a | b")


def test_a_unit_that_does_not_run(says):
    found = says(changed(MainPID="0", ActiveState="inactive", InvocationID="", NRestarts="3"))
    assert (found.main_pid, found.active_state, found.invocation_id, found.restarts) == (None, "inactive", "", 3)


def test_no_systemd_is_no_unit_and_a_silent_one_is_an_error(says):
    assert says(Output(127, "", "No such file")) is None
    assert says(Output(1, "", "System has not been booted with systemd")) is None
    with pytest.raises(ShimError, match="daemon: systemctl did not answer in time; check"):
        says(Output(None, "", "no answer in time"))
