# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report's page in a real browser: a page of an audit and one of a roll, full of hostile names."""

import datetime
import sys
from pathlib import Path

import pytest
from chromium import Browser

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "unit" / "support"))

import run_folder  # noqa: E402  # after the path that leads to it

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports import audit, build, files  # noqa: E402

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "\"'></article><script>alert(2)</script>",
    "javascript:alert(3)",
    "\u202egnp.exe\u0007",
    "n" * 300,
)


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """The addresses of both pages, by kind."""
    base = tmp_path_factory.mktemp("runs")
    documents = dict(run_folder.fleet(40, 6, every=4))
    for name in HOSTILE:
        documents[name[:200]] = run_folder.audited(name[:200], faults=("killed", "leak"), pids=False)
    # A host's document whose every word is hostile.
    worst = run_folder.audited("worst", faults=("killed", "leak"))
    for row in worst["bundles"]:
        row.update(id=HOSTILE[1], reason=HOSTILE[0], namespace=HOSTILE[2])
        row["pod"].update(name=HOSTILE[4], namespace=HOSTILE[3])
    worst["leftovers"][0].update(id=HOSTILE[4], command="rm -- '" + HOSTILE[4] + "'", reason=HOSTILE[1])
    documents["worst"] = worst
    documents["silent"] = None
    documents["broken"] = "{"
    earlier = {name: document for name, document in documents.items() if name != "node-00000"}
    audit = run_folder.write(base / "audit-2", "audit", documents)
    before = run_folder.write(base / "audit-1", "audit", earlier, began=run_folder.BEGAN - 86400)
    return {"audit": _page(audit, before), "roll": _page(_roll(base / "roll-1"))}


def _roll(path):
    documents, states = {}, ("verified", "verified", "refused", "failed", "lost", "untouched", "begun", "verified")
    for number in range(24):
        host, state = "node-{0:03d}".format(number), states[number % 8]
        words = ["reattached", "killed" if state == "lost" else "reattached"]
        rows = [run_folder.verdict("c{0}-{1}".format(number, one), word) for one, word in enumerate(words)]
        batch = 1 + (number > 0) + (number > 5)
        began = run_folder.BEGAN + batch * 100 + number
        documents[host] = run_folder.rolled(host, state, batch, began, verdicts=rows)
    name = HOSTILE[1][:200]
    documents[name] = run_folder.rolled(name, "lost", 3, verdicts=[run_folder.verdict(HOSTILE[0], "killed")])
    return run_folder.write(path, "restart", documents)


def _page(path, before=None):
    run = files.RunFolder(path)
    known, judge = audit.engine(audit.SHIPPED, [], datetime.date(2026, 6, 30))
    wanted = build.Wanted(["html"], "", known, judge, files.RunFolder(before) if before else None)
    with files.Output(path + "/reports") as output:
        build.build(run, wanted, output)
        (page,) = output.commit()
    return "file://" + page


@pytest.fixture(scope="session")
def browser():
    one = Browser()
    yield one
    one.driver.quit()


@pytest.fixture(scope="session")
def plain_browser():
    """One that runs no scripts."""
    one = Browser(script=False)
    yield one
    one.driver.quit()
