# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel knows of unix sockets: who listens, who is connected to whom. Internal to the collection.

The kernel is asked by netlink (NETLINK_SOCK_DIAG, family AF_UNIX), as ``ss -x`` does: unlike /proc/net/unix it says
the other end of a connection. It answers for the network namespace the question comes from, and for nothing else.

Sources: ``include/uapi/linux/{netlink,sock_diag,unix_diag}.h`` and ``net/unix/diag.c`` of Linux, sock_diag(7),
netlink(7), unix(7).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections import Counter
from typing import Collection, Iterable, Iterator, NamedTuple

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import DeadlineExceeded, ShimError

#: Values of UnixSocket.state: those of TCP.
ESTABLISHED = 1
CLOSED = 7
LISTENING = 10

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST_DUMP = 0x001 | 0x300
_NLM_F_DUMP_INTR = 0x10
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_ALL_STATES = 0xFFFFFFFF
_SHOW_NAME_VFS_PEER = 0x1 | 0x2 | 0x4
_ATTRIBUTE_NAME = 0
_ATTRIBUTE_VFS = 1
_ATTRIBUTE_PEER = 2

_MESSAGE = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_REQUEST = struct.Struct("=BBHIII2I")  # family, protocol, pad, states, inode, show, cookie
_ROW = struct.Struct("=BBBBI2I")  # family, type, state, pad, inode, cookie
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_INT = struct.Struct("=i")
_INODE = struct.Struct("=I")
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid

#: A dump's messages are at most 32 KiB: ``netlink_dump`` of ``net/netlink/af_netlink.c``.
_BUFFER = 1 << 16
#: How often an interrupted or overrun dump is begun again.
_ATTEMPTS = 5
#: Seconds for one message of a dump. The kernel answers at once; an imitation of it may not.
_PATIENCE = 5.0
_RETRY_CONNECT = 0.02
# How a link of /proc/PID/fd to a socket begins; its inode and a bracket follow.
_SOCKET = "socket:["


class UnixSocket(NamedTuple):
    """One socket of this network namespace.

    ``inode`` is the number in the ``socket:[N]`` links of /proc/PID/fd; ``type`` is socket.SOCK_STREAM and the like;
    ``state`` is ESTABLISHED, CLOSED or LISTENING. ``name`` is what it is bound to, None when it is not: a path, or an
    abstract name, which begins with ``"\\0"`` as in Python's and the kernel's addresses (``ss`` writes ``@``) and is
    kept to the last byte, also NULs. Bytes that are not UTF-8 are escaped as os.fsdecode() does. An accepted socket
    has the name of the socket that listened. ``peer`` is the inode of the other end, None when there is none or
    it is not accepted yet. ``file_inode`` is that of the file a path was bound to.
    """

    inode: int
    type: int
    state: int
    name: str | None
    peer: int | None
    file_inode: int | None


class Peer(NamedTuple):
    """The process at the other end of a connection: pid, effective uid and gid (``struct ucred`` of unix(7))."""

    pid: int
    uid: int
    gid: int


class UnixSockets(NamedTuple):
    """The unix sockets of this network namespace at one time, by inode."""

    rows: dict[int, UnixSocket]

    def listeners(self) -> dict[str, int]:
        """Name -> inode of the socket that listens on it.

        Of several on one path, which happens when its file was removed under a living listener, the one that a new
        connection would reach: the one whose file is there now.
        """
        found: dict[str, int] = {}
        for row in self.rows.values():
            if row.state == LISTENING and row.name and (row.name not in found or _is_there(row)):
                found[row.name] = row.inode
        return found

    def connections_of(self, inodes: Collection[int]) -> dict[str, int]:
        """Name -> how many accepted connections to it have their other end among those inodes."""
        return Counter(
            row.name
            for row in self.rows.values()
            if row.name and row.state == ESTABLISHED and row.type == socket.SOCK_STREAM and row.peer in inodes
        )


def snapshot(listening: bool = False) -> UnixSockets:
    """All unix sockets of this network namespace, or only those that listen.

    A dump is no atomic picture: the kernel writes it in parts, and what opens or closes meanwhile may be missing.

    :raises ShimError: of stage ``kernel``, when the kernel does not answer, for example without its module unix_diag,
        or when every attempt was interrupted.
    """
    for _attempt in range(_ATTEMPTS):
        try:
            return UnixSockets({row.inode: row for row in _dump(1 << LISTENING if listening else _ALL_STATES)})
        except _Interrupted:
            continue
        except OSError as error:
            raise _refused(error) from error
        except struct.error as error:
            raise _failed("answered something else than a list of unix sockets") from error
    raise _failed(f"was interrupted {_ATTEMPTS} times while it listed the unix sockets")


def sockets_of(pid: int, proc: str = "/proc") -> frozenset[int]:
    """The inodes of the sockets a process has open, of all families; none when there is no such process.

    :raises ShimError: of stage ``kernel``, when this user may look at none of its descriptors: that is no proof
        that it has no connection.
    """
    directory = os.path.join(proc, str(int(pid)), "fd")
    found: set[int] = set()
    denied: OSError | None = None
    seen = False
    try:
        for name in os.listdir(directory):
            try:
                target = os.readlink(os.path.join(directory, name))
            except (FileNotFoundError, ProcessLookupError):
                continue  # closed meanwhile
            except PermissionError as error:
                denied = error
                continue
            seen = True
            found |= inodes((target,))
    except (FileNotFoundError, ProcessLookupError):
        return frozenset()
    except OSError as error:
        denied = error
    if denied is not None and not seen:
        raise ShimError("kernel", directory, f"cannot be looked into: {denied.strerror}", "run as root")
    return frozenset(found)


def inodes(links: Iterable[str]) -> set[int]:
    """The inodes of the sockets among what the descriptors of a process lead to."""
    return {int(link[len(_SOCKET) : -1]) for link in links if link.startswith(_SOCKET)}


def connections(sockets: UnixSockets, pid: int, path: str, proc: str = "/proc") -> int:
    """How many connections a process has to the listening socket of that name, counted where they were accepted.

    A connection that is not accepted yet, to a stopped shim for example, does not count. To ask for many names,
    read sockets_of() once and use UnixSockets.connections_of().

    :raises ShimError: as sockets_of().
    """
    return sockets.connections_of(sockets_of(pid, proc)).get(path, 0)


def peer(path: str, deadline: Deadline) -> Peer:
    """The process that made the socket on that path listen, from a fresh connection.

    The connection is closed at once, nothing is sent. The pid is 0 when that process is in no pid namespace seen from
    here. It is the process that called listen(2): for a socket that was handed down it need not be the one that
    accepts, and may be gone (SO_PEERCRED of unix(7)). containerd listens itself; a runc shim inherits.

    :raises ShimError: of stage ``kernel``, when no process listens there.
    :raises DeadlineExceeded: when the listener's queue stays full.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        while True:
            try:
                sock.connect(path)
                return Peer(
                    *_CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
                )
            except BlockingIOError:  # unlike TCP, a unix socket says so only when the queue is full
                if not deadline.sleep(_RETRY_CONNECT):
                    raise DeadlineExceeded("kernel", path, "did not take a connection in time") from None
            except (OSError, ValueError) as error:
                problem = "cannot be connected to: {}".format(getattr(error, "strerror", None) or error)
                raise ShimError("kernel", path, problem) from error


class _Interrupted(Exception):
    """The kernel lost its place, or could not keep what it had to say."""


def _open() -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG)


def _dump(states: int) -> list[UnixSocket]:
    """One dump of the sockets in these states, from the question to its end."""
    request = _REQUEST.pack(socket.AF_UNIX, 0, 0, states, 0, _SHOW_NAME_VFS_PEER, 0, 0)
    sequence = 1
    header = _MESSAGE.pack(_MESSAGE.size + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST_DUMP, sequence, 0)
    rows: list[UnixSocket] = []
    with _open() as sock:
        sock.settimeout(_PATIENCE)
        sock.bind((0, 0))
        sock.sendto(header + request, (0, 0))
        while True:
            for kind, body in _messages(_received(sock), sequence):
                if kind == _NLMSG_DONE:
                    _check_done(body)
                    return rows
                if kind == _NLMSG_ERROR:
                    _raise(-_INT.unpack_from(body)[0])
                if kind == _SOCK_DIAG_BY_FAMILY:
                    rows.append(_row(body))


def _received(sock: socket.socket) -> bytes:
    """One datagram that came from the kernel (port 0); others can send to a netlink socket too."""
    while True:
        try:
            data, _ancillary, flags, sender = sock.recvmsg(_BUFFER)
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                raise _Interrupted from error
            raise
        if flags & socket.MSG_TRUNC:
            raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
        if sender[0] == 0:
            return data


def _messages(data: bytes, sequence: int) -> Iterator[tuple[int, bytes]]:
    """The (type, body) of each netlink message of a datagram that answers our question."""
    position = 0
    while position < len(data):
        length, kind, flags, answered, _port = _MESSAGE.unpack_from(data, position)
        if length < _MESSAGE.size or position + length > len(data):
            raise struct.error("a message does not fit its datagram")
        if answered == sequence:
            if flags & _NLM_F_DUMP_INTR:
                raise _Interrupted
            yield kind, data[position + _MESSAGE.size : position + length]
        position += _aligned(length)


def _check_done(body: bytes) -> None:
    """The end of a dump carries an error number too, 0 or less."""
    if len(body) >= _INT.size:
        _raise(-_INT.unpack_from(body)[0])


def _raise(number: int) -> None:
    if number == errno.ENOBUFS or number == errno.EINTR:
        raise _Interrupted
    if number:
        raise OSError(number, os.strerror(number))


def _row(body: bytes) -> UnixSocket:
    """A struct unix_diag_msg and its attributes."""
    _family, kind, state, _pad, inode, _cookie, _cookie_high = _ROW.unpack_from(body)
    name = peer = file_inode = None
    position = _ROW.size
    while position + _ATTRIBUTE.size <= len(body):
        length, attribute = _ATTRIBUTE.unpack_from(body, position)
        if length < _ATTRIBUTE.size:
            raise struct.error("an attribute is shorter than its header")
        value = body[position + _ATTRIBUTE.size : position + length]
        if attribute == _ATTRIBUTE_NAME:
            name = _name(value)
        elif attribute == _ATTRIBUTE_PEER:
            peer = _INODE.unpack_from(value)[0] or None
        elif attribute == _ATTRIBUTE_VFS:
            file_inode = _INODE.unpack_from(value)[0]
        position += _aligned(length)
    return UnixSocket(inode, kind, state, name, peer, file_inode)


def _name(value: bytes) -> str | None:
    """A name as text. The kernel counts the NUL that ends a path to its length, and every byte of an abstract name."""
    if not value.startswith(b"\0"):
        value = value.split(b"\0", 1)[0]
    return os.fsdecode(value) or None


def _aligned(length: int) -> int:
    """Netlink begins every message and attribute at a multiple of four bytes."""
    return (length + 3) & ~3


def _is_there(row: UnixSocket) -> bool:
    """Whether the file a socket was bound to is still the one its path leads to."""
    try:
        # The kernel's attribute has 32 bits of the inode.
        return (
            row.name is not None
            and row.file_inode is not None
            and os.stat(row.name).st_ino & 0xFFFFFFFF == row.file_inode
        )
    except (OSError, ValueError):
        return False


def _refused(error: OSError) -> ShimError:
    absent = (errno.ENOENT, errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.EOPNOTSUPP)
    remedy = "load the kernel's module unix_diag" if error.errno in absent else ""
    problem = f"does not list the unix sockets: {error.strerror or error}"
    return ShimError("kernel", "NETLINK_SOCK_DIAG", problem, remedy)


def _failed(problem: str) -> ShimError:
    return ShimError("kernel", "NETLINK_SOCK_DIAG", problem)
