# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pinned versions: what is one, what release is in it, and which of several packages is meant."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._packages.version import choose, pinned, release_of

DEBIAN = ["2.1.9+ds1-5", "1.7.24~ds1-6+deb13u1", "1.6.20~ds1-1+deb12u3"]


@pytest.mark.parametrize(
    "version", ["", "latest", "2", "2.1", "2.1.x", "2.1.*", ">=2.1.9", "2.1.9 ", "2.1.9.1", "2.1.9;x"]
)
def test_unpinned_versions_are_refused_in_one_sentence(version):
    with pytest.raises(ShimError) as caught:
        pinned(version)
    assert str(caught.value) == (
        "package: version {0!r} does not name one release of containerd; "
        "pin it, such as 2.1.9 or the whole version of the package.".format(version)
    )


@pytest.mark.parametrize(
    "version, release",
    [
        ("2.1.9", "2.1.9"),
        ("v2.1.9", "2.1.9"),
        ("2.1.9+ds1-5", "2.1.9"),
        ("1.7.24~ds1-6+deb13u1", "1.7.24"),
        ("1.7.27-1", "1.7.27"),
        ("1.7.24-0ubuntu1~22.04.1", "1.7.24"),
        ("1:2.0.11-1", "2.0.11"),
        ("2.2.0~rc1-1", ""),
        ("2.2.0-beta.0", ""),
        ("2.1", ""),
    ],
)
def test_release_in_a_version(version, release):
    assert release_of(version) == release
    if release:
        assert pinned(version) == version


@pytest.mark.parametrize("wanted", ["2.1.9", "v2.1.9", "2.1.9+ds1-5"])
def test_a_release_and_a_whole_version_name_the_same_package(wanted):
    assert choose(wanted, DEBIAN, "containerd", "/srv") == "2.1.9+ds1-5"


def test_several_packages_of_one_release_are_not_guessed_from():
    with pytest.raises(ShimError, match=r"can be any of 1\.7\.27-1, 1\.7\.27-2 in /srv; name the one you mean"):
        choose("1.7.27", ["1.7.27-1", "1.7.27-2", "1.7.27-1"], "containerd.io", "/srv")
    assert choose("1.7.27-2", ["1.7.27-1", "1.7.27-2"], "containerd.io", "/srv") == "1.7.27-2"


@pytest.mark.parametrize("wanted", ["2.1.8", "2.1.9+ds1-4", "2.1.90"])
def test_a_package_that_is_not_there(wanted):
    with pytest.raises(ShimError, match=r"is not in /srv, which has 2\.1\.9\+ds1-5, 1\.7\.24"):
        choose(wanted, DEBIAN, "containerd", "/srv")


def test_a_pre_release_is_no_release():
    with pytest.raises(ShimError, match=r"is not in /srv"):
        choose("2.2.0", ["2.2.0~rc1-1"], "containerd", "/srv")
