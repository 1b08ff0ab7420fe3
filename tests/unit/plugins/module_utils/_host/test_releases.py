# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions and their classes: every boundary of recovery-spec 0.1."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._host import releases
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import CLASSES, ReleaseClass, classify
from ansible_collections.shimops.containerd.tests.unit.support import captured

# First and last release of each row of recovery-spec 0.1, and some between.
KNOWN = {
    "V16": ("1.6.0", "1.6.1", "1.6.20", "1.6.39"),
    "V17": ("1.7.0", "1.7.24", "1.7.34"),
    "V20a": ("2.0.0", "2.0.5", "2.1.0", "2.1.1"),
    "V20b": ("2.0.6", "2.0.11", "2.1.2", "2.1.9"),
    "V22": ("2.2.0", "2.2.7"),
    "V23a": ("2.3.0", "2.3.3"),
    "V23b": ("2.3.4",),
}

# Nobody read or ran these: the newest known class of their line, or a later one; never an earlier one.
BEYOND = (
    ("1.5.18", "V16", ("V16", "V17")),
    ("1.6.40", "V16", ("V16", "V17")),
    ("1.7.35", "V17", ("V17", "V20a")),
    ("1.8.0", "V17", ("V17", "V20a")),
    ("2.0.12", "V20b", ("V20b", "V22")),
    ("2.1.10", "V20b", ("V20b", "V22")),
    ("2.2.8", "V22", ("V22", "V23a")),
    ("2.3.5", "V23b", ("V23b", "V23c")),
    ("2.3.5-k3s1", "V23b", ("V23b", "V23c")),
    ("2.4.0", "V23b", ("V23b", "V23c")),
    ("2.4.2", "V23b", ("V23b", "V23c")),
    ("10.0.0", "V23b", ("V23b", "V23c")),
)

# A suffix that Debian did not put there is a build of somebody else, or no release yet.
BUILDS = (
    ("1.7.27-k3s1", "V17", ("V16", "V17", "V20a")),
    ("1.7.24-0ubuntu1~22.04.1", "V17", ("V16", "V17", "V20a")),
    ("1.7.24+gke.1", "V17", ("V16", "V17", "V20a")),
    ("1.6.20.m", "V16", ("V16", "V17")),
    ("2.1.9-5", "V20b", ("V20a", "V20b", "V22")),
    ("2.1.9-dirty", "V20b", ("V20a", "V20b", "V22")),
    ("2.1.0-beta.0", "V20a", ("V17", "V20a", "V20b")),
    ("2.2.0-beta.2", "V22", ("V20b", "V22", "V23a")),
    ("2.3.4-12-g7ee989555", "V23b", ("V23a", "V23b", "V23c")),
    ("2.4.0-beta.0", "V23b", ("V23b", "V23c")),
)

DEBIANS = (
    ("1.6.20~ds1", "1.6.20", "V16"),
    ("1.6.20~ds1-1+deb12u3", "1.6.20", "V16"),
    ("1.6.20~ds1-1~deb12u1", "1.6.20", "V16"),
    ("1.7.24~ds1-6+deb13u1", "1.7.24", "V17"),
    ("1.7.24~deb12u1", "1.7.24", "V17"),
    ("2.1.9+unknown", "2.1.9", "V20b"),
    ("2.1.9+ds1-5", "2.1.9", "V20b"),
    ("1.7.24-6+deb13u1", "1.7.24", "V17"),
    ("2.1.9+ds", "2.1.9", "V20b"),
)

NO_VERSIONS = (None, "", "installed", "1.7", "v1", "1.7.x", "-1.7.24", "1.7.24\n2", "github.com/containerd/containerd")


@pytest.mark.parametrize("version, name", [(version, name) for name in KNOWN for version in KNOWN[name]])
def test_a_release_of_the_table_is_surely_its_class(version, name):
    assert classify(version) == ReleaseClass(name, True, (name,))
    assert classify("v" + version) == ReleaseClass(name, True, (name,))


@pytest.mark.parametrize("version, name, candidates", BEYOND + BUILDS)
def test_what_is_outside_the_table_is_not_sure(version, name, candidates):
    assert classify(version) == ReleaseClass(name, False, candidates)


@pytest.mark.parametrize("version, plain, name", DEBIANS)
def test_debian_marks_do_not_make_it_another_release(version, plain, name):
    assert releases.upstream(version) == plain
    assert classify(version) == ReleaseClass(name, True, (name,))


@pytest.mark.parametrize("version", NO_VERSIONS)
def test_what_is_no_version_has_no_class(version):
    assert classify(version) is None


@pytest.mark.parametrize("release", captured.RELEASES)
def test_real_daemons_are_known_by_their_version_line(release):
    said = captured.output(release, "version").stdout.split()[2]
    assert releases.upstream(said) == release
    assert classify(said) == ReleaseClass(captured.CLASS[release], True, (captured.CLASS[release],))


def test_classes_are_in_the_order_of_their_releases():
    for place, name in enumerate(CLASSES):
        assert [releases.at_least(name, other) for other in CLASSES] == [True] * (place + 1) + [False] * (
            len(CLASSES) - place - 1
        )


def test_no_release_stands_for_the_class_without_one():
    # Only the tip of release/2.3 and main are V23c (recovery-spec 0.1): a candidate, never a name.
    assert "V23c" not in KNOWN and "V23c" in classify("2.3.5").candidates
