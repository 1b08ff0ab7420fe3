# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows D and E: the shim's socket, and what the shim answers."""

from differential.conditions import SOCKETS, Condition, bundle, parameters, scripted

GOOD = parameters()
REFUSES = {"Delete": 2}
#: containerd 1.7 and later ask Pids, without a time-out.
NEWER = ("1.7", "2.1")

SOCKET = (
    scripted("D1", "socket missing", manner="nothing"),
    scripted("D2", "nobody listens, the task runs", manner="gone"),
    scripted("D2b", "nobody listens, the task has exited", manner="gone", init="exited"),
    scripted("D3", "accepts, never answers", answers={"Connect": "silence"}),
    scripted("D4", "never accepts", manner="deaf"),
    scripted("D5", "accepts and hangs up", manner="hangs_up"),
    scripted("D6", "Connect: NotFound", answers={"Connect": 5}),
    scripted("D6b", "Connect: Internal", answers={"Connect": 13}),
    scripted("D7", "Unimplemented on every version", bootstrap=parameters(3), serves=""),
    scripted("D8", "socket of mode 0000", socket_mode=0),
    Condition(
        "D9",
        "another shim listens there, which does not know the task",
        (
            bundle("d9-other", GOOD),
            {**bundle("d9-stray", GOOD, at=f"{SOCKETS}/d9-other"), "shim": None, "shim_of": "d9-other", "known": False},
        ),
    ),
    scripted("D10", "answers Connect with garbage", answers={"Connect": "garbage"}),
    scripted("D10b", "answers Connect with a header of 4 GiB", answers={"Connect": "huge"}),
    scripted("D10c", "answers Connect on another stream", answers={"Connect": "other_stream"}),
    scripted("D10d", "answers byte by byte", answers=dict.fromkeys(("Connect", "State", "Pids"), "drip")),
    scripted("D10e", "closes the connection at Connect", answers={"Connect": "close"}),
)

ANSWERS = (
    scripted("E1", "no such task", init="exited", known=False),
    scripted("E2", "task has exited, not deleted", init="exited"),
    scripted("E3", "E1, and it is in the sandbox store", init="exited", known=False, sandbox=True),
    scripted("E3b", "E2, and it is in the sandbox store", init="exited", sandbox=True),
    scripted("E4", "Pids: Unknown", answers={"Pids": 2}),
    scripted("E4b", "Pids: Unimplemented", answers={"Pids": 12}),
    scripted("E4c", "Pids: DeadlineExceeded", answers={"Pids": 4}),
    scripted("E4d", "Pids: Unavailable", answers={"Pids": 14}),
    scripted("E5", "Pids: Unknown, the task has exited", init="exited", answers={"Pids": 2}),
    scripted("E6", "Pids empty, Delete refuses", answers={"Pids": {}, **REFUSES}),
    scripted("E6b", "Pids: NotFound, Delete refuses", answers={"Pids": 5, **REFUSES}),
    scripted("E8", "task created, not started", answers={"State": {"status": 1}}),
    scripted("E8b", "task paused", answers={"State": {"status": 4}}),
    scripted("E9", "Connect names no task", answers={"Connect": {"shim_pid": 1}}),
    scripted("E10", "closes the connection at Pids", answers={"Pids": "close"}),
    scripted("E7", "never answers Pids", answers={"Pids": "held"}, hangs=NEWER, release="Pids"),
    scripted("E11", "answers Pids with garbage", answers={"Pids": "garbage"}, hangs=NEWER, release="Pids"),
    scripted("E11b", "answers Pids with a header of 4 GiB", answers={"Pids": "huge"}, hangs=NEWER, release="Pids"),
    scripted("E11c", "answers Pids on another stream", answers={"Pids": "other_stream"}, hangs=NEWER, release="Pids"),
)

CONDITIONS = SOCKET + ANSWERS
