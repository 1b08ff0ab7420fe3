# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import DeadlineExceeded, ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import unix_sockets
from ansible_collections.shimops.containerd.plugins.module_utils._host.unix_sockets import (
    ESTABLISHED,
    LISTENING,
    UnixSocket,
    UnixSockets,
)

# Another process that connects so many times and then waits for the end of its standard input.
CLIENT = """
import socket, sys
held = []
for _count in range(int(sys.argv[2])):
    held.append(socket.socket(socket.AF_UNIX))
    held[-1].connect(sys.argv[1])
print("connected", flush=True)
sys.stdin.read()
"""
# Another process that listens, and then waits in the same way.
SERVER = """
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("listening", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def stack():
    with contextlib.ExitStack() as held:
        yield held


@pytest.fixture
def directory():
    """pytest's own directories are too deep for the address of a socket."""
    path = tempfile.mkdtemp(prefix="unix")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def kernel():
    """A kernel that can be asked. Whether it can is found out without the code under test."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as sock:
            sock.settimeout(5)
            body = struct.pack("=BBHIII2I", socket.AF_UNIX, 0, 0, 0, 0, 0, 0, 0)
            sock.send(struct.pack("=IHHII", 16 + len(body), 20, 0x301, 1, 0) + body)
            answer = sock.recv(1 << 16)
    except OSError as error:
        pytest.skip(f"this kernel has no NETLINK_SOCK_DIAG: {error}")
    _length, kind, _flags, _sequence, _port, number = struct.unpack_from("=IHHIIi", answer)
    if kind == 2:
        pytest.skip(f"this kernel has no unix_diag: {os.strerror(-number)}")


def inode_of(sock):
    return os.fstat(sock.fileno()).st_ino


def listener(stack, name, backlog=128):
    sock = stack.enter_context(socket.socket(socket.AF_UNIX))
    sock.bind(name)
    sock.listen(backlog)
    return sock


def client(stack, name):
    sock = stack.enter_context(socket.socket(socket.AF_UNIX))
    sock.connect(name)
    return sock


def accepted(stack, sock, count=1):
    return [stack.enter_context(sock.accept()[0]) for _count in range(count)]


@contextlib.contextmanager
def process(script, *arguments):
    child = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout.readline()
        yield child.pid
    finally:
        child.stdin.close()
        child.stdout.close()
        child.wait(20)


# The real kernel.


def test_a_listener_has_its_path(kernel, stack, directory):
    path = os.path.join(directory, "s")
    sock = listener(stack, path)
    row = unix_sockets.snapshot().rows[inode_of(sock)]
    assert row == UnixSocket(inode_of(sock), socket.SOCK_STREAM, LISTENING, path, None, os.stat(path).st_ino)
    assert unix_sockets.snapshot().listeners()[path] == inode_of(sock)


def test_the_longest_path(kernel, stack, directory):
    path = os.path.join(directory, "s" * (106 - len(directory)))
    assert len(path) == 107
    sock = listener(stack, path)
    assert unix_sockets.snapshot().rows[inode_of(sock)].name == path


def test_a_path_that_is_not_unicode(kernel, stack, directory):
    path = os.fsencode(directory) + b"/\xff\xfe"
    sock = listener(stack, path)
    name = unix_sockets.snapshot().rows[inode_of(sock)].name
    assert os.fsencode(name) == path
    name.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("ending", ["", "\0", "\0\0x\0"])
def test_an_abstract_name_keeps_every_byte(kernel, stack, ending):
    """A containerd built with an older Go counts a NUL at the end; it is another name."""
    name = f"\0shimops-test-{os.getpid()}{ending}"
    sock = listener(stack, name)
    row = unix_sockets.snapshot().rows[inode_of(sock)]
    assert (row.name, row.file_inode) == (name, None)
    assert inode_of(client(stack, row.name)) != inode_of(sock)  # it can be used as an address as it is


def test_two_ends_know_each_other(kernel, stack):
    one, other = (stack.enter_context(sock) for sock in socket.socketpair())
    rows = unix_sockets.snapshot().rows
    assert rows[inode_of(one)].peer == inode_of(other)
    assert rows[inode_of(other)].peer == inode_of(one)
    assert (rows[inode_of(one)].state, rows[inode_of(one)].name) == (ESTABLISHED, None)


def test_an_accepted_socket_has_the_name_and_the_peer(kernel, stack, directory):
    path = os.path.join(directory, "s")
    sock = listener(stack, path)
    asker = client(stack, path)
    (answerer,) = accepted(stack, sock)
    rows = unix_sockets.snapshot().rows
    assert (rows[inode_of(answerer)].name, rows[inode_of(answerer)].peer) == (path, inode_of(asker))
    assert (rows[inode_of(asker)].name, rows[inode_of(asker)].peer) == (None, inode_of(answerer))


def test_the_connections_of_two_processes_to_one_path(kernel, stack, directory):
    path, elsewhere = os.path.join(directory, "s"), os.path.join(directory, "e")
    sock, other = listener(stack, path), listener(stack, elsewhere)
    for _count in range(3):
        client(stack, path)
    client(stack, elsewhere)
    with process(CLIENT, path, 2) as pid:
        accepted(stack, sock, 5)
        accepted(stack, other)
        now = unix_sockets.snapshot()
        assert unix_sockets.connections(now, os.getpid(), path) == 3
        assert unix_sockets.connections(now, pid, path) == 2
        assert unix_sockets.connections(now, pid, elsewhere) == 0
        assert unix_sockets.connections(now, pid, path + "x") == 0
        assert now.connections_of(unix_sockets.sockets_of(os.getpid())) == {path: 3, elsewhere: 1}
    # A process that has gone has none, also in a list made while it was there.
    assert unix_sockets.connections(now, pid, path) == 0
    assert unix_sockets.connections(unix_sockets.snapshot(), os.getpid(), path) == 3


def test_a_connection_nobody_accepted_does_not_count(kernel, stack, directory):
    path = os.path.join(directory, "s")
    sock = listener(stack, path)
    waiting = client(stack, path)
    now = unix_sockets.snapshot()
    assert unix_sockets.connections(now, os.getpid(), path) == 0
    assert now.rows[inode_of(waiting)].peer is None
    accepted(stack, sock)
    assert unix_sockets.connections(unix_sockets.snapshot(), os.getpid(), path) == 1


def test_a_connection_that_was_closed_does_not_count(kernel, stack, directory):
    path = os.path.join(directory, "s")
    sock = listener(stack, path)
    asker = client(stack, path)
    accepted(stack, sock)
    asker.close()
    assert unix_sockets.connections(unix_sockets.snapshot(), os.getpid(), path) == 0


def test_more_than_five_thousand_sockets(kernel, stack):
    pairs = 2600
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * pairs + 200
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"only {hard} descriptors may be open here")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
    expected = {}
    for _count in range(pairs):
        one, other = (stack.enter_context(sock) for sock in socket.socketpair())
        expected[inode_of(one)], expected[inode_of(other)] = inode_of(other), inode_of(one)
    rows = unix_sockets.snapshot().rows
    assert {inode: rows[inode].peer for inode in expected} == expected
    assert expected.keys() <= unix_sockets.sockets_of(os.getpid())


def test_of_two_listeners_on_a_path_the_one_with_the_file_counts(kernel, stack, directory):
    path = os.path.join(directory, "s")
    old = listener(stack, path)
    os.unlink(path)
    new = listener(stack, path)
    now = unix_sockets.snapshot()
    both = [now.rows[inode_of(old)], now.rows[inode_of(new)]]
    assert [row.name for row in both] == [path, path]
    for order in (both, both[::-1]):
        assert UnixSockets({row.inode: row for row in order}).listeners() == {path: inode_of(new)}


# Answers the real kernel gives seldom.

PAIR = UnixSocket(8, 1, ESTABLISHED, None, 9, None)


def message(kind, body, flags=0x2, sequence=1, length=None):
    size = 16 + len(body) if length is None else length
    return struct.pack("=IHHII", size, kind, flags, sequence, 4711) + body + bytes(-len(body) % 4)


def attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def row(inode, *attributes, state=ESTABLISHED, **details):
    body = struct.pack("=BBBBI2I", socket.AF_UNIX, socket.SOCK_STREAM, state, 0, inode, 1, 2) + b"".join(attributes)
    return message(20, body, **details)


def peer(inode):
    return attribute(2, struct.pack("=I", inode))


def done(number=0, **details):
    return message(3, struct.pack("=i", number), **details)


def refusal(number):
    return message(2, struct.pack("=i", -number) + bytes(16))


class FakeKernel:
    """Stands in for the netlink socket: a list of datagrams for each dump, or of errors instead."""

    def __init__(self, *dumps):
        self.dumps = list(dumps)
        self.asked = []

    def __call__(self):
        self.current = list(self.dumps[min(len(self.asked), len(self.dumps) - 1)])
        self.asked.append(b"")
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_details):
        pass

    def settimeout(self, seconds):
        self.patience = seconds

    def bind(self, address):
        pass

    def sendto(self, data, address):
        self.asked[-1] = data

    def recvmsg(self, size):
        datagram = self.current.pop(0)
        if isinstance(datagram, Exception):
            raise datagram
        if isinstance(datagram, tuple):
            return datagram
        return datagram, [], 0, (0, 0)


@pytest.fixture
def fake(monkeypatch):
    def install(*dumps):
        installed = FakeKernel(*dumps)
        monkeypatch.setattr(unix_sockets, "_open", installed)
        return installed

    return install


def test_the_question_is_that_of_ss(fake):
    kernel = fake([done()])
    assert unix_sockets.snapshot() == UnixSockets({})
    assert 0 < kernel.patience < 60
    # nlmsghdr: length 40, SOCK_DIAG_BY_FAMILY, REQUEST|DUMP, sequence 1; unix_diag_req: AF_UNIX, all states, any
    # inode, name and file and peer.
    assert kernel.asked == [
        struct.pack("=IHHII", 40, 20, 0x301, 1, 0) + struct.pack("=BBHIIIII", 1, 0, 0, 2**32 - 1, 0, 7, 0, 0)
    ]


def test_a_dump_of_several_parts(fake):
    fake([row(8, peer(9)) + row(9, peer(8)), row(10, attribute(0, b"/s\0"), state=LISTENING), done()])
    now = unix_sockets.snapshot()
    assert now.rows[8] == PAIR
    assert set(now.rows) == {8, 9, 10}
    assert now.listeners() == {"/s": 10}


def test_attributes_nobody_here_knows_are_skipped(fake):
    fake([row(8, attribute(6, b"\1"), peer(9), attribute(77, b"abcde")) + done()])
    assert unix_sockets.snapshot().rows == {8: PAIR}


def test_what_others_send_is_not_believed(fake):
    forged = row(66)
    fake([(forged, [], 0, (1234, 0)), row(67, sequence=2) + row(8, peer(9)), done()])
    assert set(unix_sockets.snapshot().rows) == {8}


@pytest.mark.parametrize(
    "interrupted",
    [
        [row(1), OSError(errno.ENOBUFS, "No buffer space available")],
        [row(1), refusal(errno.ENOBUFS)],
        [row(1), done(-errno.EINTR)],
        [row(1, flags=0x12), done()],
        [row(1), done(flags=0x12)],
    ],
    ids=["overrun", "overrun reported", "interrupted reported", "flagged", "flagged at the end"],
)
def test_an_interrupted_dump_is_begun_again_but_not_for_ever(fake, interrupted):
    kernel = fake(interrupted, [row(8, peer(9)) + done()])
    assert unix_sockets.snapshot().rows == {8: PAIR}
    assert len(kernel.asked) == 2
    kernel = fake(interrupted)
    with pytest.raises(ShimError, match="kernel: NETLINK_SOCK_DIAG was interrupted 5 times"):
        unix_sockets.snapshot()
    assert len(kernel.asked) == 5


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EOPNOTSUPP])
def test_without_unix_diag_it_says_what_to_load(fake, number):
    fake([refusal(number)])
    with pytest.raises(ShimError, match="load the kernel's module unix_diag") as caught:
        unix_sockets.snapshot()
    assert caught.value.stage == "kernel"


def test_without_netlink_it_says_what_to_load(monkeypatch):
    def refuse():
        raise OSError(errno.EPROTONOSUPPORT, "Protocol not supported")

    monkeypatch.setattr(unix_sockets, "_open", refuse)
    with pytest.raises(ShimError, match="Protocol not supported; load the kernel's module unix_diag"):
        unix_sockets.snapshot()


@pytest.mark.parametrize(
    "datagrams",
    [
        [refusal(errno.EPERM)],
        [row(1), done(-errno.EINVAL)],
        [socket.timeout("timed out")],
        [(row(1), [], socket.MSG_TRUNC, (0, 0))],
        [b"\1\2\3"],
        [message(20, b"", length=0, sequence=2)],
        [row(1, length=400)],
        [message(20, b"\1")],
        [row(1, struct.pack("=HH", 0, 77))],
        [row(1, attribute(2, b"\1"))],
        [message(2, b"")],
    ],
    ids=[
        "refused",
        "ended early",
        "silent",
        "cut",
        "no header",
        "too short",
        "too long",
        "no row",
        "empty attribute",
        "short attribute",
        "no number",
    ],
)
def test_half_an_answer_is_no_answer(fake, datagrams):
    kernel = fake(datagrams)
    with pytest.raises(ShimError) as caught:
        unix_sockets.snapshot()
    assert caught.value.stage == "kernel"
    assert "\n" not in str(caught.value)
    assert len(kernel.asked) == 1


# /proc.


def descriptors(tmp_path, **links):
    folder = tmp_path / "42" / "fd"
    folder.mkdir(parents=True)
    for name, target in links.items():
        os.symlink(target, str(folder / name[1:]))
    return str(tmp_path)


def test_only_sockets_are_taken_from_the_descriptors(tmp_path):
    proc = descriptors(
        tmp_path, _0="/dev/null", _3="socket:[17]", _4="pipe:[18]", _5="socket:[4294967295]", _6="socket"
    )
    assert unix_sockets.sockets_of(42, proc) == {17, 4294967295}


def test_a_process_that_has_gone_has_no_sockets(tmp_path):
    assert unix_sockets.sockets_of(43, str(tmp_path)) == set()


def _failing(monkeypatch, what, *errors):
    """os.listdir or os.readlink fails so, for the paths that end so."""
    real = getattr(os, what)

    def stand_in(path):
        for ending, error in errors:
            if path.endswith(ending):
                raise error
        return real(path)

    monkeypatch.setattr(os, what, stand_in)


def test_descriptors_that_close_meanwhile_are_passed_over(tmp_path, monkeypatch):
    proc = descriptors(tmp_path, _3="socket:[17]", _4="socket:[18]", _5="socket:[19]", _6="socket:[20]")
    _failing(
        monkeypatch,
        "readlink",
        ("/3", FileNotFoundError(errno.ENOENT, "gone")),
        ("/4", PermissionError(errno.EACCES, "denied")),
        ("/5", ProcessLookupError(errno.ESRCH, "gone")),
    )
    assert unix_sockets.sockets_of(42, proc) == {20}


def test_a_process_that_ends_while_it_is_audited_has_no_sockets(tmp_path, monkeypatch):
    proc = descriptors(tmp_path, _3="socket:[17]")
    _failing(monkeypatch, "listdir", ("/fd", ProcessLookupError(errno.ESRCH, "gone")))
    assert unix_sockets.sockets_of(42, proc) == set()


@pytest.mark.parametrize(("what", "ending"), [("listdir", "/fd"), ("readlink", "/3")])
def test_not_being_allowed_to_look_is_no_proof_of_absence(tmp_path, monkeypatch, what, ending):
    proc = descriptors(tmp_path, _3="socket:[17]")
    _failing(monkeypatch, what, (ending, PermissionError(errno.EACCES, "Permission denied")))
    with pytest.raises(ShimError, match="cannot be looked into: Permission denied; run as root") as caught:
        unix_sockets.sockets_of(42, proc)
    assert caught.value.stage == "kernel"


# Who listens.


def test_the_peer_of_a_path_is_the_process_that_listens(directory):
    path = os.path.join(directory, "s")
    with process(SERVER, path) as pid:
        assert unix_sockets.peer(path, Deadline(20)) == (pid, os.geteuid(), os.getegid())


def test_the_connection_to_learn_the_peer_is_closed_again(stack, directory):
    path = os.path.join(directory, "s")
    sock = listener(stack, path)
    assert unix_sockets.peer(path, Deadline(20)).pid == os.getpid()
    (seen,) = accepted(stack, sock)
    seen.settimeout(20)
    assert seen.recv(1) == b""


def test_nobody_listens(stack, directory):
    path = os.path.join(directory, "s")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
    plain = os.path.join(directory, "file")
    with open(plain, "wb"):
        pass
    for name in (path, plain, path + "-missing", path + "x" * 200, path + "\0x", "\0" + path, path + "\ud800"):
        with pytest.raises(ShimError, match="cannot be connected to: ") as caught:
            unix_sockets.peer(name, Deadline(20))
        assert caught.value.stage == "kernel"
        assert not isinstance(caught.value, DeadlineExceeded)


def test_a_full_queue_is_waited_for_but_not_for_ever(stack, directory):
    path = os.path.join(directory, "s")
    sock = listener(stack, path, backlog=0)
    client(stack, path)
    with pytest.raises(DeadlineExceeded, match="did not take a connection in time"):
        unix_sockets.peer(path, Deadline(0.1))
    # The one who accepts is slow, but there.
    accepting = threading.Timer(0.1, accepted, (stack, sock))
    accepting.start()
    assert unix_sockets.peer(path, Deadline(20)).pid == os.getpid()
    accepting.join()
