# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host costs the store of its run: 8 processes at once, over a folder and over a real Redis."""

import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from dev import checkout  # noqa: E402  # after the path that leads to it
from lab import redis_server  # noqa: E402

sys.path.insert(0, str(checkout.collections_path()))

from ansible_collections.shimops.containerd.plugins.module_utils._run_spec import SPEC  # noqa: E402
from ansible_collections.shimops.containerd.plugins.plugin_utils._run import admission, begin  # noqa: E402
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_host import RunHost  # noqa: E402
from ansible_collections.shimops.containerd.plugins.plugin_utils._store import files  # noqa: E402
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import DOCUMENT  # noqa: E402
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.folder_store import FolderStore  # noqa: E402
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.redis_store import RedisStore  # noqa: E402

SIZES = tuple(int(number) for number in os.environ.get("SHIMOPS_SCALE", "100,1000,10000").split(","))
PROCESSES, BATCH = 8, 50
# One host in ten fails, so that the tally is written as well.
FAILS = 10
OPTIONS = {**{name: option.get("default") for name, option in SPEC.items()}, "run_id": "bench"}
FORK = multiprocessing.get_context("fork")


def enter(connect, hosts, held):
    """Let some hosts begin and end as the actions of a roll do; the seconds under the folder's lock."""
    store, real, under = connect(), files.locked, []

    def timed(path):
        return _Timed(real(path), under)

    files.locked = timed
    for number, name in enumerate(hosts):
        one = RunHost(store, name)
        one.enter_batch(hosts[number // BATCH * BATCH :][:BATCH])
        if one.begin():
            sys.exit("a host may not begin")
        one.enter_state("failed" if number % FAILS == 0 else "verified", "8 reattached")
    held.put(sum(under))


class _Timed:
    """A lock that says how long it was held."""

    def __init__(self, lock, held):
        self._lock, self._held, self._start = lock, held, 0.0

    def __enter__(self):
        self._lock.__enter__()
        self._start = time.perf_counter()

    def __exit__(self, *words):
        self._held.append(time.perf_counter() - self._start)
        return self._lock.__exit__(*words)


def measure(connect, number):
    """Milliseconds per host, and those of them under the lock; the run must have counted exactly."""
    hosts, store = [f"node{one:05}" for one in range(number)], connect()
    run = begin.checked({**OPTIONS, "budgets": {"failed": number}}, hosts, {"all": hosts}, [], store.now())
    begin.begin(store, run, hosts, True, "0123456789abcdef")
    held = FORK.Queue()
    parts = [hosts[part::PROCESSES] for part in range(PROCESSES)]
    running = [FORK.Process(target=enter, args=(connect, part, held)) for part in parts]
    start = time.perf_counter()
    for one in running:
        one.start()
    under = sum(held.get() for _one in running)
    for one in running:
        one.join()
    took = time.perf_counter() - start
    failed = sum(-(-len(part) // FAILS) for part in parts)
    states = [document["state"] for _host, document in store.every(DOCUMENT)]
    counted = store.transact(admission.counted)
    if (counted, len(states), states.count("failed")) != ({"failed": failed}, number, failed):
        sys.exit(f"wrong result: {counted} of {failed} failed hosts, {len(states)} of {number} documents")
    return took / number * 1000, under / number * 1000


def main():
    """Measure both, for runs of several sizes."""
    print("the aim: the same in a run of any size")
    print(f"{'store':8} {'hosts':>6} {'ms per host':>12} {'under the lock':>15} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as folder, redis_server.running(Path(folder, "redis")) as server:

        def in_folder(number):
            store = FolderStore(Path(folder, str(number)))
            store.make()
            return store

        def in_redis(number):
            return RedisStore(server.url, server.password, str(number))

        for name, connect in (("folder", in_folder), ("redis", in_redis)):
            first = None
            for number in SIZES:
                each, under = measure(lambda connect=connect, number=number: connect(number), number)
                first = first or each
                print(f"{name:8} {number:6} {each:12.2f} {under:15.2f} {each / first:6.1f}", flush=True)


if __name__ == "__main__":
    main()
