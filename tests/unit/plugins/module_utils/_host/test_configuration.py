# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a daemon is configured to use, from what real ones dump, and what is said when they do not."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._host import command, configuration
from ansible_collections.shimops.containerd.plugins.module_utils._host.command import Output
from ansible_collections.shimops.containerd.plugins.module_utils._host.configuration import USUAL, Configuration
from ansible_collections.shimops.containerd.tests.unit.support import captured

#: Which version each release writes; the newer ones were run from their sources.
VERSIONS = {"1.6.20": 2, "1.7.24": 2, "2.1.9": 3, "2.2.7": 3, "2.3.4": 4, "2.4.0-beta.0": 4}
WHOLE = Configuration(
    "/run/containerd", "/var/lib/containerd", "/run/containerd/containerd.sock", 5.0, platforms=("linux/amd64",)
)


@pytest.fixture
def effective(monkeypatch, tmp_path):
    """The configuration of a daemon with these arguments whose commands print that; and what was run for it."""
    ran = []
    (tmp_path / "config.toml").write_text("")
    monkeypatch.setattr(configuration, "DEFAULT", str(tmp_path / "config.toml"))

    def give(output, *arguments, **more):
        def run(argv, deadline, executable):
            assert argv[0] == "containerd"
            ran.append([executable, *argv[1:]])
            return more.get(argv[-1], output)

        monkeypatch.setattr(command, "run", run)
        configuration._KNOWN.clear()
        return configuration.effective("/usr/bin/containerd", list(arguments), Deadline(5))

    give.ran, give.file = ran, tmp_path / "config.toml"
    return give


def test_the_same_program_and_file_are_asked_once_for_a_moment(monkeypatch, tmp_path):
    program, file, asked = tmp_path / "containerd", tmp_path / "config.toml", []
    dump = captured.output("1.7.24", "config-dump")
    monkeypatch.setattr(command, "run", lambda argv, deadline, executable: asked.append(argv) or dump)

    def ask():
        return configuration.effective(str(program), ["--config", str(file)], Deadline(5))

    program.write_text("")
    assert ask() == ask() and len(asked) == 1
    for changed in (file, program):
        changed.unlink(missing_ok=True)
        changed.write_text("other")
        ask()
    assert len(asked) == 3
    monkeypatch.setattr(configuration, "_FRESH", 0)
    configuration._KNOWN.clear()
    ask()
    ask()
    assert len(asked) == 5


def test_an_answer_that_did_not_come_is_asked_for_again(monkeypatch, tmp_path):
    asked, program = [], tmp_path / "containerd"
    program.write_text("")
    silent = command.Output(None, "", "no answer in time")
    monkeypatch.setattr(command, "run", lambda argv, deadline, executable: asked.append(argv) or silent)
    for _number in range(2):
        assert "did not end in time" in configuration.effective(str(program), [], Deadline(5)).problem
    assert len(asked) == 2


@pytest.mark.parametrize("release", VERSIONS)
def test_a_real_dump(effective, release):
    found = effective(captured.output(release, "config-dump"))
    assert found == WHOLE._replace(version=VERSIONS[release], file=str(effective.file))
    assert effective.ran == [["/usr/bin/containerd", "config", "dump"]]


def test_a_real_dump_of_a_file_of_version_1(effective):
    """containerd 1.6 prints it as version 2, and leaves the short names of plugins."""
    found = effective(captured.output("1.6.20", "config-dump-version-1"))
    assert found == WHOLE._replace(version=2, disabled_plugins=("cri",), file=str(effective.file))


def test_arguments_win_over_the_file(effective):
    dump = captured.output("2.1.9", "config-dump")
    found = effective(dump, "--state", "/s", "--root=/r", "-a", "/a.sock", "--config", "/c.toml")
    assert found[:4] == ("/s", "/r", "/a.sock", 5.0) and found.file == "/c.toml"
    assert effective.ran[-1] == ["/usr/bin/containerd", "--config", "/c.toml", "config", "dump"]
    assert effective(dump, "-c=/c.toml", "--address", "/b.sock").address == "/b.sock"
    assert effective.ran[-1][2] == "/c.toml"
    assert effective(dump, "--state")[:3] == WHOLE[:3]


@pytest.mark.parametrize("text, seconds", [("10s", 10.0), ("1m30s", 90.0), ("0s", 0.0), ("-1s", -1.0), ("1ns", 1e-9)])
def test_the_load_timeout(effective, text, seconds):
    dump = captured.output("2.1.9", "config-dump").stdout
    key = "'io.containerd.timeout.shim.load' = '{0}'"
    found = effective(Output(0, dump.replace(key.format("5s"), key.format(text)), ""))
    assert (found.load_timeout, found.start_failure, found.problem) == (pytest.approx(seconds), "", "")


@pytest.mark.parametrize("text", ["soon", "5", "1.5.5s", "", "9999999999h", "5 s"])
def test_a_timeout_that_is_no_duration_keeps_containerd_from_starting(effective, text):
    dump = captured.output("2.3.4", "config-dump").stdout
    key = "'io.containerd.timeout.task.state' = '{0}'"
    found = effective(Output(0, dump.replace(key.format("2s"), key.format(text)), ""))
    assert (
        found.start_failure
        == "the time-out io.containerd.timeout.task.state is {0!r}, which is not a duration".format(text)
    )


def test_a_configuration_that_does_not_load(effective):
    words = 'time="x" level=error msg="Failure"\ncontainerd: failed to unmarshal TOML at row 6 column 6: toml: no.\n'
    found = effective(Output(1, "", words))
    assert found.start_failure == "failed to unmarshal TOML at row 6 column 6: toml: no" and not found.problem
    assert effective(Output(2, "", "panic: x")).start_failure == "panic: x"
    assert effective(Output(-9, "", "")).start_failure == "containerd config dump ended with status -9 and no word"
    assert (
        effective(Output(127, "", "No such file")).start_failure == "/usr/bin/containerd cannot be run (No such file)"
    )
    assert len(effective(Output(1, "", 10000 * "x")).start_failure) <= 300


def test_a_default_file_that_is_not_there_is_no_failure(effective):
    """The dump of 1.x needs the file, its start does not."""
    failed, whole = Output(1, "", "containerd: no such file"), captured.output("1.7.24", "config-dump")
    assert effective(failed, default=whole).start_failure == "no such file"
    assert [argv[-1] for argv in effective.ran] == ["dump"]
    del effective.ran[:]
    effective.file.unlink()
    failed, whole = Output(1, "", "containerd: no such file"), captured.output("1.7.24", "config-dump")
    assert effective(failed, default=whole)[:4] == WHOLE[:4]
    assert [argv[-1] for argv in effective.ran] == ["dump", "default"]
    assert effective(failed, "--config", "/gone.toml", default=whole).start_failure == "no such file"


@pytest.mark.parametrize(
    "output, problem",
    [
        (Output(None, "", ""), "containerd config dump did not end in time"),
        (Output(0, "", ""), "containerd config dump printed no whole configuration"),
        (Output(0, "version = 4\n", ""), "containerd config dump printed no whole configuration"),
        (Output(0, "hello\n= [[\n'\n", ""), "containerd config dump printed no whole configuration"),
    ],
)
def test_a_dump_that_says_nothing(effective, output, problem):
    assert effective(output) == USUAL._replace(problem=problem, file=str(effective.file))
    # What the arguments say is known all the same.
    assert effective(output, "--state=/s").state_dir == "/s"


@pytest.mark.parametrize("release", VERSIONS)
def test_a_dump_that_breaks_off_is_never_taken_for_a_whole_one(effective, release):
    text = captured.output(release, "config-dump").stdout
    whole = effective(Output(0, text, ""))
    lines = text.splitlines()
    for end in range(0, len(lines), 7):
        found = effective(Output(0, "\n".join(lines[:end]), ""))
        # All that matters may have been printed already; else it is said that it was not.
        assert found.problem or found[:4] == whole[:4]
    assert effective(Output(0, text[: len(text) // 2], "")).problem


def test_a_version_that_nobody_knows_is_read_as_far_as_it_is_known(effective):
    text = captured.output("2.3.4", "config-dump").stdout.replace("version = 4", "version = 9")
    found = effective(Output(0, text, ""))
    assert (found[:4], found.version, found.problem) == (WHOLE[:4], 9, "")
