# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run does now: its counts, and the lines for people."""

from __future__ import annotations

from ansible_collections.shimops.containerd.plugins.plugin_utils._run import status, summary

RUN = {
    "run_id": "one",
    "operation": "restart",
    "attempt": 2,
    "began": 1000.0,
    "deadline": None,
    "budgets": {"lost": 0, "failed": 1, "refused": 2},
}
HOSTS = ["h1", "h2", "h3", "h4", "h5"]


def document(state, **more):
    said = {"state": state, "message": "", "batch": 1, "began": 1090.0, "controller": "exec-2", "verdicts": [], **more}
    return summary.brief(said)


DOCUMENTS = {
    "h1": document("verified", verdicts=[{"verdict": "reattached"}] * 2),
    "h2": document("begun"),
    "h3": document("failed", message="it broke", batch=2),
    "h4": document("untouched"),
}


def test_a_run_in_the_middle():
    found = status.progress(HOSTS, DOCUMENTS, None)
    assert (found["hosts"], found["done"], found["begun"], found["batches"], found["ended"]) == (5, 2, ["h2"], 2, False)
    assert list(status.lines(RUN, found, DOCUMENTS, {"failed": 1}, 1100.0)) == [
        "Run one (restart), attempt 2: 2 of 5 hosts done, began 0:01:40 ago",
        "  hosts: 1 failed, 1 untouched, 1 begun, 1 waiting, 1 verified",
        "  batches begun: 2",
        "  budgets used: 0 of 0 lost tasks, 1 of 1 failed hosts, 0 of 2 refused hosts",
        "  verdicts: 2 reattached",
        "  begun: h2, 0:00:10 ago by exec-2",
        "  failed: h3: it broke",
    ]


def test_a_stopped_run_has_ended_when_nothing_is_begun():
    mark = {"host": "h3", "reason": "it broke"}
    assert not status.progress(HOSTS, DOCUMENTS, mark)["ended"], "h2 goes on"
    after = {**DOCUMENTS, "h2": document("verified")}
    assert status.progress(HOSTS, after, mark)["ended"] and not status.progress(HOSTS, after, None)["ended"]
    lines = list(status.lines(RUN, status.progress(HOSTS, after, mark), after, {}, 1100.0))
    assert "  stopped: it broke" in lines
    assert status.sentence(RUN, status.progress(HOSTS, after, mark), 1100.0) == (
        "Run one (restart), attempt 2: 3 of 5 hosts done, began 0:01:40 ago; "
        "1 failed, 1 untouched, 1 waiting, 2 verified; stopped: it broke"
    )


def test_a_run_with_many_hosts_names_few():
    hosts = [f"h{number}" for number in range(100)]
    documents = {host: document("lost", message="1 killed") for host in hosts}
    lines = list(status.lines(RUN, status.progress(hosts, documents, None), documents, {}, 1100.0))
    assert len(lines) == 4 + 11 and lines[-1] == "  lost: 90 more"
