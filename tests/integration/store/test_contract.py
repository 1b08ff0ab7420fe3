# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run needs of its store, the same for both: all or nothing, nothing overwritten, exact budgets."""

import multiprocessing
import secrets

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._run_spec import SPEC
from ansible_collections.shimops.containerd.plugins.plugin_utils._run import admission, begin
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_host import RunHost
from ansible_collections.shimops.containerd.plugins.plugin_utils._store import copy
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import (
    BATCH,
    DOCUMENT,
    HOST_DOCUMENT,
    HOSTS,
    RUN,
    STOP,
    TALLY,
    Entry,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.folder_store import FolderStore
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import StoreError

PROCESSES = 8
OPTIONS = {**{name: option.get("default") for name, option in SPEC.items()}, "run_id": "one"}


def begun(store, hosts, **options):
    wanted = {**OPTIONS, "join": True, **options}
    run = begin.checked(wanted, hosts, {"all": hosts}, [], store.now())
    return begin.begin(store, run, hosts, wanted["join"], secrets.token_hex(8))


def at_once(work, parts):
    """Do the same work in as many processes; each must end well."""
    fork = multiprocessing.get_context("fork")
    running = [fork.Process(target=work, args=(part,)) for part in parts]
    for one in running:
        one.start()
    for one in running:
        one.join()
    assert [one.exitcode for one in running] == [0] * len(running)


def test_a_change_that_fails_changes_nothing(connect):
    store = connect()

    def work(entries):
        entries.put(RUN, {"a": 1})
        entries.put(Entry(DOCUMENT, "h1"), {"b": 2})
        raise KeyError("in the middle")

    with pytest.raises(KeyError):
        store.transact(work)
    assert store.get(RUN) is None and store.get(Entry(DOCUMENT, "h1")) is None


def test_values_come_back_and_go(connect):
    store, value = connect(), {"text": "ä\n\x00", "list": [1, 2.5, None], "big": "x" * 300_000}
    names = ["h1", "rack/7 [ä]", "..", "a" * 200]

    def write(entries):
        entries.put(HOSTS, {"hosts": names})
        for name in names:
            entries.put(Entry(DOCUMENT, name), {**value, "host": name})
        assert entries.get(HOSTS) == {"hosts": names}, "a transaction sees its own changes"
        entries.put(Entry(HOST_DOCUMENT, "h1"), {"of": "an audit"})
        entries.put(Entry(BATCH, "h1"), {"number": 7})

    store.transact(write)
    again = connect()
    assert again.get(Entry(DOCUMENT, "h1")) == {**value, "host": "h1"}
    assert {host: one["host"] for host, one in again.every(DOCUMENT)} == {name: name for name in names}
    assert again.hosts(DOCUMENT) == set(names) and again.hosts(HOST_DOCUMENT) == {"h1"}
    assert again.get(Entry(BATCH, "h1")) == {"number": 7}

    def remove(entries):
        entries.drop(HOSTS)
        entries.drop(Entry(DOCUMENT, "h1"))
        entries.drop_all(BATCH)
        assert entries.get(Entry(BATCH, "h1")) is None and entries.get(HOSTS) is None

    store.transact(remove)
    assert again.get(HOSTS) is None and again.hosts(DOCUMENT) == set(names[1:])
    store.transact(lambda entries: entries.drop_all(DOCUMENT))
    assert again.hosts(DOCUMENT) == set() and again.hosts(HOST_DOCUMENT) == {"h1"}
    assert again.get(Entry(BATCH, "h1")) is None


def test_nothing_that_another_wrote_is_overwritten(connect):
    """Each process counts up the same number: none of their steps is lost."""

    def count(_part):
        store = connect()
        for _step in range(50):
            store.transact(lambda entries: entries.put(TALLY, {"n": (entries.get(TALLY) or {"n": 0})["n"] + 1}))

    at_once(count, range(PROCESSES))
    assert connect().get(TALLY) == {"n": 50 * PROCESSES}


def test_runs_do_not_see_each_other(connect):
    connect("one").transact(lambda entries: entries.put(RUN, {"run_id": "one"}))
    assert connect("two").get(RUN) is None


def test_many_hosts_at_once_are_counted_exactly(connect):
    hosts = [f"node{number:03}" for number in range(400)]
    store = connect()
    begun(store, hosts, budgets={"refused": 400})

    def enter(part):
        mine = connect()
        for host in hosts[part::PROCESSES]:
            RunHost(mine, host).enter_batch(hosts[:10])
            RunHost(mine, host).enter_state("refused", "stale")

    at_once(enter, range(PROCESSES))
    assert store.transact(admission.counted) == {"refused": 400}
    assert {document["state"] for _host, document in store.every(DOCUMENT)} == {"refused"}
    # Each of the first ten has the same batch, and no number was given twice.
    numbers = [document["batch"] for _host, document in store.every(DOCUMENT)]
    assert sorted(numbers)[:10] == [1] * 10 and len(set(numbers)) == 391 and max(numbers) == 391


def test_no_budget_is_overrun_by_even_one(connect):
    """What failed is at most the budget, the one that spent it, and those that had begun by then."""
    hosts, budget = [f"node{number:03}" for number in range(400)], 30
    store = connect()
    begun(store, hosts, budgets={"failed": budget})
    barrier = multiprocessing.get_context("fork").Barrier(PROCESSES)

    def act(part):
        mine = connect()
        barrier.wait()
        for host in hosts[part::PROCESSES]:
            one = RunHost(mine, host)
            if one.begin():
                assert one.begin().startswith("the run was stopped: "), "it stays stopped"
                return
            one.enter_state("failed", "it broke")

    at_once(act, range(PROCESSES))
    failed = store.transact(admission.counted)["failed"]
    assert budget < failed <= budget + PROCESSES
    assert failed == sum(document["state"] == "failed" for _host, document in store.every(DOCUMENT))
    assert f"{budget + 1} failed hosts, the budget is {budget}" in store.get(STOP)["reason"]


def test_after_a_stop_is_written_no_host_begins_even_in_the_middle_of_its_own_step(connect):
    """A step that has read the run before another stopped it comes to know of that."""
    store, hosts = connect(), ["h1", "h2"]
    begun(store, hosts)
    seen = []

    class Slow(RunHost):
        def _begin(self, entries):
            reason = super()._begin(entries)
            seen.append(reason)
            if len(seen) == 1 and not isinstance(store, FolderStore):
                RunHost(connect(), "h1").enter_state("lost", "1 killed", lost=1)
            return reason

    if isinstance(store, FolderStore):
        # Under the folder's lock nobody comes in between.
        RunHost(store, "h1").enter_state("lost", "1 killed", lost=1)
    assert "1 lost task" in Slow(store, "h2").begin() and store.get(Entry(DOCUMENT, "h2")) is None


def test_parts_of_a_job_join_and_a_new_launch_goes_on(connect):
    store = connect()
    begun(store, ["h1", "h2"], launch="7", budgets={"failed": "50%"})
    joined = begun(connect(), ["h3", "h4", "h5", "h6"], launch="7", budgets={"failed": "50%"})
    assert joined["attempt"] == 1 and joined["budgets"]["failed"] == 3, "a share is one of all hosts"
    assert sorted(store.get(HOSTS)["hosts"]) == ["h1", "h2", "h3", "h4", "h5", "h6"]
    RunHost(store, "h1").enter_state("lost", "1 killed", lost=1, summary={"lost": 1})
    assert begun(connect(), ["h3"], launch="7", budgets={"failed": "50%"})["attempt"] == 1
    assert RunHost(store, "h3").begin()
    again = begun(connect(), ["h1", "h2"], launch="8", budgets={"failed": "50%", "lost": 1})
    assert again["attempt"] == 2 and again["began"] == joined["began"] and RunHost(store, "h3").begin() == ""
    assert store.transact(admission.counted) == {"lost": 1}, "what was lost stays lost"


@pytest.mark.parametrize(
    "options, words",
    [
        ({"budgets": {"failed": 5}}, "was begun with the budget of failed hosts 0, not 5; join it with the same"),
        ({"deadline": "2h"}, "was begun with the deadline none, not 2h"),
        ({"operation": "upgrade"}, "is a run of operation restart, not upgrade"),
    ],
)
def test_a_part_that_wants_something_else_is_refused(connect, options, words):
    begun(connect(), ["h1"])
    before = connect().get(RUN)
    with pytest.raises(ValueError, match=words):
        begun(connect(), ["h2"], **options)
    assert connect().get(RUN) == before and connect().get(HOSTS) == {"hosts": ["h1"]}


def test_a_run_that_is_not_shared_has_one_ansible_playbook(connect):
    store = connect()
    begun(store, ["h1"], join=False)
    store.transact(
        lambda entries: entries.put(Entry("holder"), {"pid": 1, "started": "1", "node": "elsewhere", "at": 0})
    )
    with pytest.raises(ValueError, match="is held by a controller called elsewhere since .*; if it is gone, "):
        begun(connect(), ["h1"], join=False)


def test_the_time_is_the_store_s(connect):
    store = connect()
    begun(store, ["h1"], deadline="1h")
    assert store.transact(lambda entries: entries.now) <= store.now()


def test_a_copy_is_what_reports_read(connect, tmp_path):
    store, there = connect(), FolderStore(tmp_path / "copied")
    begun(store, ["h1", "h2"])
    RunHost(store, "h1").enter_state("verified", "8 reattached")
    there.make()
    there.transact(lambda entries: entries.put(Entry(DOCUMENT, "of-another-time"), {"state": "lost"}))
    copy.copy(store, there)
    assert there.get(RUN) == store.get(RUN) and there.hosts(DOCUMENT) == {"h1"}
    assert there.get(Entry(DOCUMENT, "h1")) == store.get(Entry(DOCUMENT, "h1"))
    with pytest.raises(StoreError, match="there is no such run in"):
        copy.copy(connect("none"), there)
