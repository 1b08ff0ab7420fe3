# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The path: every pair of lines, every release nobody should go to, and the sentence that names the safe one."""

from __future__ import annotations

import re

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._forecast import upgrade_paths
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.upgrade_paths import judge

LINES = ("1.6.39", "1.7.34", "2.0.11", "2.1.9", "2.2.7", "2.3.4", "2.4.0")

# Rows: from; columns: to. What is not the next line is an LTS's jump to the next LTS, or was run here.
ALLOWED = {
    "1.6.39": {"1.6.39", "1.7.34"},
    "1.7.34": {"1.6.39", "1.7.34", "2.0.11", "2.1.9", "2.3.4"},
    "2.0.11": {"1.7.34", "2.0.11", "2.1.9"},
    "2.1.9": {"1.7.34", "2.0.11", "2.1.9", "2.2.7"},
    "2.2.7": {"2.1.9", "2.2.7", "2.3.4"},
    "2.3.4": {"1.7.34", "2.2.7", "2.3.4", "2.4.0"},
    "2.4.0": {"2.3.4", "2.4.0"},
}


@pytest.mark.parametrize("start", LINES)
@pytest.mark.parametrize("end", LINES)
def test_every_pair_of_lines(start, end):
    found = judge(start, start, end)
    assert found.allowed is (end in ALLOWED[start])
    assert found.backward is (found.allowed and LINES.index(end) < LINES.index(start))
    assert bool(found.refusal) is not found.allowed


@pytest.mark.parametrize("start", LINES)
@pytest.mark.parametrize("end", LINES)
def test_what_a_refusal_names_is_a_way_there(start, end):
    """Following the refusals leads to the target, and no step of the way is refused."""
    here, steps = start, 0
    while not judge(here, here, end).allowed:
        named = re.search(r"; go to (\S+) first\.$", judge(here, here, end).refusal).group(1)
        assert judge(here, here, named).allowed
        here, steps = named, steps + 1
        assert steps < len(LINES)


@pytest.mark.parametrize("bad", upgrade_paths.BAD, ids=lambda bad: "{0}.{1}".format(*bad.line))
def test_bad_releases_are_refused_from_first_to_last_and_not_beyond(bad):
    for patch in (bad.first, bad.last):
        target = "{0}.{1}.{2}".format(bad.line[0], bad.line[1], patch)
        found = judge("1.7.24", "1.7.24", target)
        assert (found.allowed, found.id) == (False, bad.id)
        assert found.refusal.startswith("path: " + target) and found.refusal.endswith("; go to " + bad.safe + ".")
        assert judge("1.7.24", "1.7.24", bad.safe).allowed
    after = "{0}.{1}.{2}".format(bad.line[0], bad.line[1], bad.last + 1)
    assert judge("1.7.24", "1.7.24", after).allowed


def test_a_bad_release_may_be_left():
    assert judge("2.1.0", "2.1.0", "2.1.9").allowed
    assert judge("1.6.12", "1.6.12", "1.6.39").allowed


@pytest.mark.parametrize(
    "target", ["2.1", "2", "latest", "", "2.1.*", ">=2.1.9", "2.2.0-rc.1", "2.2.0~rc1", "2.1.9-k3s1", "v", "2.1.9.1"]
)
def test_what_is_no_release_is_refused(target):
    found = judge("1.7.24", "1.7.24", target)
    assert not found.allowed and "is not a released version of containerd" in found.refusal


def test_a_line_nobody_knows_is_refused():
    assert judge("1.7.24", "1.7.24", "3.0.0").refusal == (
        "path: 3.0 is not among the lines this collection knows (1.6 to 2.4); go to 1.7.34."
    )
    assert "drain the host" in judge("1.5.18", "1.5.18", "2.3.4").refusal


def test_memory_and_disk_are_both_judged():
    # The package was replaced by hand, and containerd was not restarted.
    assert judge("1.6.20", "1.7.24", "1.7.24").allowed
    assert judge("1.6.20", "2.1.9", "2.1.9").refusal.endswith("; go to 1.7.34 first.")
    assert judge(None, "1.7.24", "2.1.9").allowed
    assert not judge(None, None, "2.1.9").allowed
    assert judge(None, None, "2.1.9").refusal.endswith("; start containerd.")


def test_debian_names_of_releases_are_understood():
    assert judge("1.7.24~ds1", "1.7.24~ds1-6+deb13u1", "2.1.9+ds1-5").allowed


def test_notes():
    assert judge("2.1.9", "2.1.9", "2.2.7").notes == (
        "cri_configuration: 2.2.7 does not load its CRI when the configuration has mirrors as well as config_path "
        "(containerd#12612)",
    )
    assert judge("2.1.9", "2.1.9", "2.1.10").notes == ("2.1.10 is newer than what was read of its line (2.1.9)",)
    assert judge("1.7.24", "1.7.24", "2.1.9").notes == ()
    assert judge("1.7.24", "1.7.24", "1.7.34").notes == ()


def test_the_data_is_whole():
    for one in upgrade_paths.BAD + upgrade_paths.NOTED:
        assert one.first <= one.last and one.reason and one.source
    assert [path[:2] for path in upgrade_paths.OVER] == [((1, 7), (2, 3)), ((1, 7), (2, 1))]
    assert all(path[2] for path in upgrade_paths.OVER)
