# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Full pipes are seen, and nothing is taken out of them; writing is measured. On real pipes of this process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._logs import stall
from ansible_collections.shimops.containerd.plugins.module_utils._logs.pipes import Outlet

KEY = ("ns", "one")


@pytest.fixture
def fifo(tmp_path):
    """A FIFO as a shim holds it: (reading end, writing end)."""
    path = str(tmp_path / "fifo")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    yield reader, writer
    for handle in (reader, writer):
        os.close(handle)


def outlet(writer, stream="stdout"):
    status = os.fstat(writer)
    return Outlet(stream, (status.st_dev, status.st_ino), os.getpid(), writer)


def fill(writer, size):
    """Write until nothing more fits; what was written."""
    written = b""
    while True:
        try:
            part = bytes([len(written) % 251]) * size
            written += part[: os.write(writer, part)]
        except BlockingIOError:
            return written


# Small writes fill a pipe page by page, so that it is full long before it holds its size.
@pytest.mark.parametrize("size", [100, 3000, 4096, 65536])
def test_full_is_seen_and_nothing_is_taken_out(fifo, size):
    reader, writer = fifo
    gauge = stall.Gauge({KEY: [outlet(writer)]})
    assert gauge.full() == set()
    gauge.sample()
    assert gauge.stalled() == []
    written = fill(writer, size)
    for _look in range(20):
        gauge.sample()
    assert gauge.full() == {outlet(writer).file}
    (row,) = gauge.stalled()
    assert row == {"namespace": "ns", "id": "one", "stream": "stdout", "waited": False}
    found = b""
    while len(found) < len(written):
        found += os.read(reader, 65536)
    assert found == written
    with pytest.raises(BlockingIOError):
        os.read(reader, 1)
    assert gauge.full() == set() and gauge.stalled() == [row]


def test_a_look_opens_and_closes_no_end_of_the_last_writer(fifo):
    reader, writer = fifo
    gauge, before = stall.Gauge({KEY: [outlet(writer)]}), len(os.listdir("/proc/self/fd"))
    for _look in range(50):
        gauge.full()
    assert len(os.listdir("/proc/self/fd")) == before
    # The reader sees no end of file: the shim's own end is open all the time.
    with pytest.raises(BlockingIOError):
        os.read(reader, 1)


def test_a_number_that_is_another_file_by_now_is_not_full(fifo):
    _reader, writer = fifo
    fill(writer, 4096)
    other = outlet(writer)._replace(file=(outlet(writer).file[0], 1))
    assert stall.Gauge({KEY: [other]}).full() == set()
    gone = outlet(writer)._replace(shim_pid=2**22 + 1)
    assert stall.Gauge({KEY: [gone]}).full() == set()
    assert stall.Gauge({KEY: None, ("ns", "null"): []}).full() == set()


def test_only_what_containerd_read_counts(fifo):
    _reader, writer = fifo
    fill(writer, 4096)
    assert stall.Gauge({KEY: [outlet(writer)]}).only(set()).full() == set()
    assert stall.Gauge({KEY: [outlet(writer)]}).only({outlet(writer).file}).full()


def test_a_container_waits_when_its_own_pipe_is_full_too(fifo, monkeypatch):
    _reader, writer = fifo
    fill(writer, 4096)
    mine, its = os.pipe()
    program = (
        "import sys; print(1, file=sys.stderr, flush=True); [sys.stdout.buffer.write(bytes(4096)) for _ in range(99)]"
    )
    container = subprocess.Popen([sys.executable, "-c", program], stdout=its, stderr=subprocess.PIPE)
    os.close(its)
    gauge, waited = stall.Gauge({KEY: [outlet(writer)]}, {KEY: container.pid}), Deadline(60)
    try:
        while True:
            gauge.sample()
            (row,) = gauge.stalled()
            if row["waited"] or not waited.sleep(0.02):
                break
        assert row["waited"] is True
        # A pipe that its shim does not read is none of a log's.
        monkeypatch.setattr(stall, "_links", lambda _pid: {"pipe:[1]"})
        other = stall.Gauge({KEY: [outlet(writer)]}, {KEY: container.pid})
        other.sample()
        assert other.stalled()[0]["waited"] is False
        left = 99 * 4096
        while left:
            left -= len(os.read(mine, 65536))
        assert container.wait(60) == 0
    finally:
        container.kill()
        container.communicate()
        os.close(mine)


def test_rates(monkeypatch):
    shim, other = Outlet("stdout", (1, 1), 10, 3), Outlet("stdout", (1, 2), 20, 3)
    outlets = {("n", "a"): [shim], ("n", "b"): [shim._replace(file=(1, 3))], ("n", "c"): [other], ("n", "d"): None}
    inits = {("n", "a"): 100, ("n", "b"): 200, ("n", "c"): 300}
    first = {10: 0, 20: 0, 100: 0, 200: 0, 300: 0}
    then = {10: 1000, 20: 500, 100: 5000, 200: 10, 300: 99999}
    looks = iter([first] * 5 + [then] * 5)
    monkeypatch.setattr(stall, "written", lambda pid: next(looks)[pid])
    monkeypatch.setattr(stall, "WINDOW", 0.01)
    found = stall.Rates(outlets, inits).measured(Deadline(5))
    # Alone on its shim a task has all of it; on a shared one its own part, and never more than all.
    assert set(found) == {("n", "a"), ("n", "b"), ("n", "c")}
    scale = found[("n", "c")] / 500
    assert found[("n", "a")] == pytest.approx(1000 * scale) and found[("n", "b")] == pytest.approx(10 * scale)


def test_nothing_to_measure_takes_no_time():
    clock = Deadline(100)
    assert stall.Rates({KEY: None, ("n", "x"): []}, {}).measured(clock) == {} and clock.elapsed() < stall.WINDOW


def test_what_was_measured_long_enough_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(stall, "WINDOW", 30)
    rates = stall.Rates({KEY: [Outlet("stdout", (1, 1), os.getpid(), 3)]}, {})
    clock = Deadline(100)
    assert set(rates.measured(Deadline(0))) == {KEY} and clock.elapsed() < 15


def test_written_counts_what_a_process_writes():
    before = stall.written(os.getpid())
    if before is None:
        pytest.skip("this kernel does not count what processes write")
    with open(os.devnull, "wb", buffering=0) as sink:
        sink.write(bytes(10000))
    assert stall.written(os.getpid()) - before >= 10000
    assert stall.written(2**22 + 1) is None


def test_a_forecast_names_rate_and_time():
    assert stall.forecast({("n", "a"): 655360.0, ("n", "b"): 1.0}, 0.0) == [
        {"namespace": "n", "id": "a", "rate": 655360, "full_after": 0.1}
    ]
