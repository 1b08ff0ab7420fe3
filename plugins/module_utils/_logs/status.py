# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Log status: whether a container's log is being read, and who is likely to stall. Pure. Internal to the collection.

A container writes into a pipe to its shim, the shim into a FIFO, and containerd reads that FIFO. While containerd is
away it is not read; when it is full the shim waits, then the container's own pipe fills, then the container waits in
write(2). Plain containers with null io, a file or a logger of their own have no such FIFO.
"""

from __future__ import annotations

from typing import Container, Dict, List, NamedTuple, Optional, Sequence, Tuple

WORDS = ("read", "not_read", "none", "unknown")
#: What a pipe holds, in bytes: pipe(7).
PIPE = 65536
#: Seconds a bare restart takes that loads no shim; the forecast adds the time for shims.
BARE_RESTART = 2.0

Inode = Tuple[int, int]


class Pipe(NamedTuple):
    """One log FIFO of a task: its file by device and inode, and whether containerd read it before the restart."""

    stream: str
    device: int
    inode: int
    read: Optional[bool]

    @property
    def file(self) -> Inode:
        """What identifies this FIFO, whatever its path leads to now."""
        return self.device, self.inode


def needed(pipes: Sequence[Pipe], of_pod: bool) -> List[Pipe]:
    """The FIFOs that containerd has to read: all of a pod's container, else those it read before.

    Other clients of containerd, dockerd for example, read their containers' FIFOs themselves.
    """
    return [pipe for pipe in pipes if of_pod or pipe.read]


class Status(NamedTuple):
    """The word for one log, and why when it is not well. ``before`` says that it was not read before either."""

    word: str
    reason: str = ""
    before: bool = False


def status_of(
    pipes: Optional[Sequence[Pipe]], of_pod: bool, held: Optional[Container[Inode]], full: Container[Inode] = ()
) -> Status:
    """Whether the log of one task is read.

    :param pipes: its FIFOs; None when its shim did not report them.
    :param held: the FIFOs whose reading end containerd holds now; None when that cannot be seen.
    :param full: those that were full whenever they were looked at.
    """
    if pipes is None:
        return Status("unknown", "its shim did not report where its log goes")
    wanted = needed(pipes, of_pod)
    if not wanted:
        return Status("none")
    if held is None:
        return Status("unknown", "containerd's open files cannot be seen")
    loose = [pipe for pipe in wanted if pipe.file not in held]
    changed = [pipe for pipe in loose if pipe.read is not False]
    stuck = [pipe for pipe in wanted if pipe.file in full and pipe not in loose]
    without = "containerd does not hold the reading end of its {0}"
    if changed:
        return Status("not_read", without.format(changed[0].stream))
    if stuck:
        return Status("not_read", "containerd holds its {0} and does not empty it".format(stuck[0].stream))
    if loose:
        return Status("not_read", without.format(loose[0].stream) + "; it did not before either", before=True)
    return Status("read")


def expected_gap(start_estimate: float) -> float:
    """Seconds in which logs will not be read, for a forecast."""
    return BARE_RESTART + start_estimate


def likely(rates: Dict[Tuple[str, str], float], gap: float) -> List[Tuple[Tuple[str, str], float]]:
    """The tasks whose FIFO would be full before the gap is over, fastest first, with seconds until it is.

    :param rates: bytes per second that each task writes to its log.
    """
    seconds = {key: PIPE / rate for key, rate in rates.items() if rate > 0}
    return sorted(((key, one) for key, one in seconds.items() if one <= gap), key=lambda pair: (pair[1], pair[0]))
