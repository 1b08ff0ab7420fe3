# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of the differential test, what was run on them, and the table at the end."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from differential import catalogue, column, hangs, hosts, table  # after the path that leads to it
from differential.stage import Stage, together
from lab.fleet import Fleet

#: What was run, for the summary at the end.
COLUMNS, FUZZED = pytest.StashKey(), pytest.StashKey()


def pytest_addoption(parser):
    parser.addoption("--examples", type=int, default=50, help="examples of hypothesis per release (50)")
    parser.addoption("--fuzz-seed", type=int, default=4, help="the number they are made from (4)")


@pytest.fixture(scope="session")
def stages():
    """A stage on a host of each release line; what was up before stays up, and SHIMOPS_KEEP_LAB keeps the rest."""
    fleet = Fleet()
    found = {host.release for host in fleet.hosts.values()}
    if not found.issuperset(catalogue.RELEASES):
        fleet.up(hosts=len(catalogue.RELEASES), kinds=list(catalogue.RELEASES), plain=0, pods=0)
    first = {}
    for host in fleet.hosts.values():
        first.setdefault(host.release, host)
    ready = {release: Stage(fleet, first[release]) for release in catalogue.RELEASES}
    try:
        together(lambda stage: stage.make_ready(catalogue.RELEASES), ready.values())
        yield ready
    finally:
        for stage in ready.values():
            stage.end_agent()
        if not found and not os.environ.get("SHIMOPS_KEEP_LAB"):
            fleet.down()


@pytest.fixture(scope="session")
def columns(request, stages):
    """Every column that a chosen test looks into, by (origin, target); each host runs those of its own release."""
    cells = [item.callspec.params["cell"] for item in request.session.items if "cell" in item.fixturenames]

    def run(release):
        ran = []
        for origin, target in catalogue.PAIRS:
            chosen = [condition for *pair, condition in cells if pair == [origin, target]]
            if origin == release and chosen:
                ran.append(_run(stages[release], origin, target, chosen))
        return ran

    found = {(one.origin, one.target): one for ran in together(run, catalogue.RELEASES) for one in ran}
    request.config.stash[COLUMNS] = [found[pair] for pair in catalogue.PAIRS if pair in found]
    return found


def _run(stage, origin, target, chosen):
    """One column: what one restart shows, what hangs, what is of the host."""
    settings = [one for one in chosen if one in hosts.SETTINGS]
    stuck = [one for one in chosen if target in getattr(one, "hangs", ())]
    usual = [one for one in chosen if one not in settings and one not in stuck]
    found = column.run(stage, origin, target, usual) if usual else column.Column(origin, target)
    if stuck:
        hung = hangs.run(stage, target, stuck)
        found.judgements.update(hung.judgements)
        found.journal += hung.journal
    for setting in settings:
        found.judgements[setting.name], journal = hosts.run(stage, target, setting)
        found.journal += journal
    return found


def pytest_terminal_summary(terminalreporter, config):
    columns = config.stash.get(COLUMNS, None)
    if columns:
        terminalreporter.section("forecast and restart")
        for line in (table.text(catalogue.ROWS, columns), "", table.differences(catalogue.ROWS, columns)):
            terminalreporter.write_line(line)
        for one in columns:
            terminalreporter.write_line(
                f"{one.name}: the start was said to take {one.estimate:.1f} s, and took {one.took:.1f} s"
            )
    for line in config.stash.get(FUZZED, []):
        terminalreporter.write_line(line)
