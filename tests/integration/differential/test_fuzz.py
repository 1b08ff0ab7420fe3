# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hypothesis makes of the small files: each example goes through the real daemon, and agrees."""

import pytest

from differential import catalogue, fuzzing
from differential.conftest import FUZZED
from differential.stage import together


@pytest.fixture(scope="session")
def fuzzed(request, stages):
    """The results of the examples of each chosen release, and the number they were made from."""
    count, number = request.config.getoption("--examples"), request.config.getoption("--fuzz-seed")
    releases = [item.callspec.params["release"] for item in request.session.items if "fuzzed" in item.fixturenames]
    tried = together(lambda release: fuzzing.fuzz(stages[release], release, count, number), releases)
    request.config.stash[FUZZED] = [fuzzing.counts(release, number, found) for release, found in zip(releases, tried)]
    return number, dict(zip(releases, tried))


@pytest.mark.parametrize("release", catalogue.RELEASES)
def test_examples(release, request, fuzzed, stages):
    number, tried = fuzzed
    assert len(tried[release]) == request.config.getoption("--examples")
    differing = [one for one in tried[release] if one.judgement.verdict == "DIFFERS"]
    if differing:
        smallest = fuzzing.shrink(stages[release], release, min(differing, key=lambda one: one.example.size()))
        reported = fuzzing.describe(release, number, differing)
        pytest.fail(f"{reported}\nmade smaller:\n{fuzzing.describe(release, number, [smallest])}", pytrace=False)
