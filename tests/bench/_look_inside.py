# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What look.py runs in the host, with the host's own Python and protobuf: one thing per process, its result as JSON."""

import json
import multiprocessing
import os
import select
import signal
import socket
import subprocess
import sys
import time
import tracemalloc

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._host import daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import candidates
from ansible_collections.shimops.containerd.plugins.module_utils._rescue.survey import forecast_host, observe
from ansible_collections.shimops.containerd.plugins.module_utils._shim import messages
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import SERVICES, Question
from ansible_collections.shimops.containerd.plugins.module_utils._shim.ask import ask
from ansible_collections.shimops.containerd.plugins.module_utils._shim.ttrpc_channel import Channel

BUDGET = 1.0


def require(truth, words):
    """Fail with these words unless that is so."""
    if not truth:
        sys.exit(f"wrong result: {words}")


def tasks():
    """containerd's own word: the pid of each task."""
    said = subprocess.run(["ctr", "task", "ls"], check=True, capture_output=True, text=True).stdout
    return {row[0]: int(row[1]) for row in map(str.split, said.splitlines()[1:])}


def observed(pids=False, shim_timeout=5.0):
    """The whole observation and forecast of the host, and the seconds it took."""
    options = {"layout": "auto", "shim_timeout": shim_timeout}
    start = time.perf_counter()
    here = daemon.only(daemon.find(options, Deadline(60)))
    found = observe(here, options, Deadline(60), candidates([here.installed]), pids).all
    view = forecast_host(here, found, "installed")
    return time.perf_counter() - start, found, view


def require_all(found, pids=False):
    """Each shim has answered for the very task that containerd lists."""
    known = tasks()
    require({one.entry.id for one in found} == set(known), "not every task was observed")
    for one in found:
        said = one.best_answers
        require(said.service and said.task_pid == known[one.entry.id], f"{one.entry.id}: {said}")
        require(not pids or said.task_pid in said.pids, f"{one.entry.id} lists {said.pids}")


def look(pids=False):
    seconds, found, view = observed(pids)
    require_all(found, pids)
    require(not view.at_risk, "a healthy task is at risk")
    return seconds


def questions():
    return [
        ((one.entry.id, place), Question("default", one.entry.id, place))
        for one in observed()[1]
        for place in one.answers
    ]


def asking():
    wanted = questions()
    start = time.perf_counter()
    found = ask(wanted, Deadline(60), 5, pids=False)
    seconds = time.perf_counter() - start
    known = tasks()
    require({key[0]: said.task_pid for key, said in found.items()} == known, "the shims' pids are not containerd's")
    return seconds


def memory():
    """Bytes per shim."""
    wanted = questions()
    tracemalloc.start()
    ask(wanted, Deadline(60), 5, pids=False)
    return tracemalloc.get_traced_memory()[1] / len(wanted)


def requests(identifier):
    """The very bytes that one shim is sent."""
    ours, theirs = socket.socketpair()
    channel = Channel(ours, "a shim")
    for method in ("Connect", "State"):
        for version in Channel.versions:
            request = messages.encode(method + "Request", id=identifier)
            channel.queue(SERVICES[version], method, request, 5.0, "default")
    channel.flush()
    return theirs.recv(1 << 16)


def echo(path, ready):
    """A server that gives back what it gets, on one thread."""
    with socket.socket(socket.AF_UNIX) as listener, select.epoll() as poll:
        listener.bind(path)
        listener.listen(4096)
        listener.setblocking(False)
        poll.register(listener.fileno(), select.EPOLLIN)
        ready.set()
        known = {}
        while True:
            for descriptor, _event in poll.poll():
                if descriptor == listener.fileno():
                    made = listener.accept()[0]
                    made.setblocking(False)
                    known[made.fileno()] = made
                    poll.register(made.fileno(), select.EPOLLIN)
                    continue
                data = known[descriptor].recv(1 << 16)
                if data:
                    known[descriptor].send(data)
                else:
                    known.pop(descriptor).close()


def floor():
    """As many connections to the echo server, with the same bytes."""
    wanted = [requests(identifier) for identifier in tasks()]
    path, ready = f"/tmp/echo{os.getpid()}", multiprocessing.Event()
    server = multiprocessing.Process(target=echo, args=(path, ready), daemon=True)
    server.start()
    require(ready.wait(10), "the echo server did not start")
    start = time.perf_counter()
    with select.epoll() as poll:
        open_ones, got = {}, []
        for data in wanted:
            made = socket.socket(socket.AF_UNIX)
            made.setblocking(False)
            made.connect(path)
            made.send(data)
            open_ones[made.fileno()] = made
            poll.register(made.fileno(), select.EPOLLIN)
        while open_ones:
            for descriptor, _event in poll.poll():
                made = open_ones.pop(descriptor)
                got.append(made.recv(1 << 16))
                poll.unregister(descriptor)
                made.close()
    seconds = time.perf_counter() - start
    server.terminate()
    os.unlink(path)
    require(sorted(got) == sorted(wanted), "the echo is another")
    return seconds


def loop():
    """What people write: one ctr for each shim."""
    names = list(tasks())
    start = time.perf_counter()
    for name in names:
        subprocess.run(["ctr", "shim", "--id", name, "state"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def runc():
    """One ``runc ps``, as a shim runs it for Pids."""
    names = list(tasks())[:20]
    start = time.perf_counter()
    for name in names:
        argv = ["runc", "--root", "/run/containerd/runc/default", "ps", "--format", "json", name]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - start) / len(names)


def hung(count):
    """The seconds that so many stopped shims cost together, in budgets."""
    usual, found, _view = observed(shim_timeout=BUDGET)
    stopped = {one.entry.id: one.best_answers.shim_pid for one in found[:count]}
    for pid in stopped.values():
        os.kill(pid, signal.SIGSTOP)
    try:
        # containerd's own task list would wait for them too.
        options = {"layout": "auto", "shim_timeout": BUDGET}
        here = daemon.only(daemon.find(options, Deadline(60)))
        wanted = [
            ((one.entry.id, place), Question("default", one.entry.id, place)) for one in found for place in one.answers
        ]
        start = time.perf_counter()
        answers = ask(wanted, Deadline(60), BUDGET, pids=False)
        seconds = time.perf_counter() - start
    finally:
        for pid in stopped.values():
            os.kill(pid, signal.SIGCONT)
    require(here.process and usual, "containerd is gone")
    for (name, _place), said in answers.items():
        silent = bool(said.failure and said.failure[0] == "D3" and said.asked)
        require(silent == (name in stopped), f"{name}: {said}")
    return seconds / BUDGET


def busy():
    """The same while twice as many processes compute as there are cores: nothing is called slow, let alone dead."""
    others = [multiprocessing.Process(target=_compute, daemon=True) for _number in range(2 * (os.cpu_count() or 1))]
    for one in others:
        one.start()
    try:
        return look()
    finally:
        for one in others:
            one.terminate()


def _compute():
    while True:
        pass


KINDS = {
    "asking": asking,
    "floor": floor,
    "look": look,
    "busy": busy,
    "pids": lambda: look(pids=True),
    "loop": loop,
    "runc": runc,
    "memory": memory,
    "hung": lambda: hung(50),
}

if __name__ == "__main__":
    print(json.dumps(KINDS[sys.argv[1]]()))
