# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a daemon is configured to use, from what real ones dump."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._recovery import command, configuration
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.command import Output
from ansible_collections.shimops.containerd.plugins.module_utils._recovery.configuration import Configuration, parse
from ansible_collections.shimops.containerd.tests.unit.plugins.module_utils._recovery import captured

USUAL = Configuration("/run/containerd", "/var/lib/containerd", "/run/containerd/containerd.sock", 5.0)


@pytest.fixture
def effective(monkeypatch):
    """The configuration of a daemon with these arguments whose dump says that; and what was run for it."""
    ran = []

    def give(output, *arguments):
        def run(argv, deadline):
            ran.append(argv)
            return output

        monkeypatch.setattr(command, "run", run)
        return configuration.effective("/usr/bin/containerd", list(arguments), Deadline(5))

    give.ran = ran
    return give


@pytest.mark.parametrize("release", captured.RELEASES)
def test_a_real_dump(effective, release):
    assert effective(captured.output(release, "config-dump")) == USUAL
    assert effective.ran == [["/usr/bin/containerd", "config", "dump"]]


@pytest.mark.parametrize("release", captured.RELEASES)
def test_values_of_a_real_dump(release):
    values = parse(captured.output(release, "config-dump").stdout)
    assert (values["state"], values["root"]) == ("/run/containerd", "/var/lib/containerd")
    assert values["grpc.address"] == "/run/containerd/containerd.sock"
    assert values["timeouts.io.containerd.timeout.shim.load"] == "5s"
    # Sections are told apart: there are more addresses than one.
    assert values["debug.address"] == values["metrics.address"] == ""


def test_arguments_win_over_the_file(effective):
    dump = captured.output("2.1.9", "config-dump")
    found = effective(dump, "--state", "/s", "--root=/r", "-a", "/a.sock", "--config", "/c.toml")
    assert found == Configuration("/s", "/r", "/a.sock", 5.0)
    assert effective.ran[-1] == ["/usr/bin/containerd", "--config", "/c.toml", "config", "dump"]
    assert effective(dump, "-c=/c.toml", "--address", "/b.sock").address == "/b.sock"
    assert effective.ran[-1][2] == "/c.toml"
    assert effective(dump, "--state") == USUAL


@pytest.mark.parametrize(
    "text, seconds",
    [("10s", 10.0), ("1m30s", 90.0), ("500ms", 0.5), ("2h", 7200.0), ("1.5s", 1.5), ("", 5.0), ("soon", 5.0)],
)
def test_the_load_timeout(effective, text, seconds):
    dump = '[timeouts]\n  "io.containerd.timeout.shim.load" = "{0}"\n'.format(text)
    assert effective(Output(0, dump, "")).load_timeout == pytest.approx(seconds)


@pytest.mark.parametrize("output", [Output(None, "", "no answer"), Output(127, "", ""), Output(1, "", "bad file")])
def test_a_dump_that_fails_says_nothing(effective, output):
    assert effective(output) == Configuration(None, None, None, 5.0)


def test_toml_that_is_passed_over():
    lines = ['# state = "/comment"', "state = '/one'   ", "number = 7", 'list = ["a", "b"]', "imports = []", "[a.b]"]
    lines += ['  state = "/two"', '[plugins."io.containerd.x"]', '  state = ""']
    text = "\n".join(lines)
    assert parse(text) == {"state": "/one", "a.b.state": "/two", 'plugins."io.containerd.x".state': ""}
    assert parse("") == {}
