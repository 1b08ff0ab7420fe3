# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TOML that containerd writes, and durations as Go reads them."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._host.config_dump import duration, parse
from ansible_collections.shimops.containerd.tests.unit.support import captured

RELEASES = captured.RELEASES + ("2.2.7", "2.3.4", "2.4.0-beta.0")


@pytest.mark.parametrize("release", RELEASES)
def test_a_real_dump(release):
    values = parse(captured.output(release, "config-dump").stdout)
    assert (values["state"], values["root"]) == ("/run/containerd", "/var/lib/containerd")
    assert values["timeouts.io.containerd.timeout.shim.load"] == "5s"
    assert values["disabled_plugins"] == values["required_plugins"] == ()
    assert values["plugins.io.containerd.runtime.v2.task.platforms"] == ("linux/amd64",)
    newer = release.startswith(("2.3", "2.4"))
    assert ("grpc.address" in values) is not newer
    where = "plugins.io.containerd.server.v1.grpc.address" if newer else "grpc.address"
    assert values[where] == "/run/containerd/containerd.sock"
    # Sections are kept apart: there are more addresses than one.
    assert values["plugins.io.containerd.server.v1.debug.address" if newer else "debug.address"] == ""


def test_every_kind_of_value():
    text = "\n".join(
        [
            "# a = 'comment'",
            "a = 'one'   ",
            'b = "t\\"w\\\\o"',
            "n = 7",
            "m = -3",
            "yes = true",
            "no = false",
            "list = [\"a\", 'b']",
            "long = [",
            "  'c',",
            "  'd',",
            "]",
            "empty = []",
            "mixed = [1, 'a']",
            "float = 1.5",
            "[[table.of.arrays]]",
            "[x.\"y.z\".'w']",
            '  "io.containerd.a" = "in"',
        ]
    )
    assert parse(text) == {
        "a": "one",
        "b": 't"w\\o',
        "n": 7,
        "m": -3,
        "yes": True,
        "no": False,
        "list": ("a", "b"),
        "long": ("c", "d"),
        "empty": (),
        "x.y.z.w.io.containerd.a": "in",
    }


@pytest.mark.parametrize("text", ["", "\0", "= 1", "[", "[]", "a", "a =", "a = [", "a = ['x", "a = '", 'a = "\\'])
def test_what_is_no_toml_gives_no_value(text):
    assert parse(text) == {}


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("0", 0),
        ("-0", 0),
        ("0s", 0),
        ("5s", 5),
        ("+5s", 5),
        ("-5s", -5),
        ("1m30s", 90),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("5.s", 5),
        ("500ms", 0.5),
        ("1us", 1e-6),
        ("1µs", 1e-6),
        ("1\u03bcs", 1e-6),
        ("3ns", 3e-9),
        ("2h45m10.5s", 9910.5),
    ],
)
def test_durations(text, seconds):
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "-", "5", "s", ".s", "5 s", " 5s", "5s ", "5S", "5d", "1e3s", "--5s", "5s3", "\u0665s", "9999999999h"]
)
def test_what_go_refuses(text):
    assert duration(text) is None
