# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""dockerd: whether it keeps its containers over a restart, and what it calls them. Internal to the collection.

Without live-restore it stops them when it stops (recovery-spec 10.6), and when it starts and finds them running
(moby, daemon/daemon.go:restore).
"""

from __future__ import annotations

import json
import os
import re
import socket
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._host import daemon_paths, processes
from ansible_collections.shimops.containerd.plugins.module_utils._host.configuration import flag

#: Its settings, unless a flag names another file.
SETTINGS = "/etc/docker/daemon.json"
#: The name of the program.
PROGRAM = "dockerd"
_SOCKET = "docker.sock"
# Seconds for its answer, and bytes of it; of a container it says one to two KiB.
_PATIENCE = 5.0
_LARGEST = 1 << 23
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
#: The labels that may leave a host, by what they are called here.
LABELS = {"project": "com.docker.compose.project", "service": "com.docker.compose.service"}


class LiveRestore(NamedTuple):
    """Whether live-restore is on in the dockerd that runs, and at its next start by flags and file; None: not known."""

    now: Optional[bool]
    after: Optional[bool]
    settings: str = SETTINGS


def live_restore(deadline: Deadline) -> Optional[LiveRestore]:
    """What holds for the dockerd of this host, the worst where several run; None when none does."""
    found = [_of_process(pid, deadline) for pid in _running()]
    if not found:
        return None
    # What is off comes before what is not known, and that before what is on.
    worst = (False, None, True).index
    return LiveRestore(
        min((one.now for one in found), key=worst), min((one.after for one in found), key=worst), found[0].settings
    )


def names(deadline: Deadline) -> Dict[str, Dict[str, str]]:
    """What the running containers are called by people, by their ids: ``name``, and what LABELS allows of Compose.

    Empty where no dockerd answers. Source: Docker's API, ContainerList.
    """
    found: Dict[str, Dict[str, str]] = {}
    for pid in _running():
        answers = _answers(pid, "/containers/json", deadline.within(_PATIENCE))
        rows: List[Any] = next((one for one in answers if isinstance(one, list)), [])
        found.update(_named(row) for row in rows if isinstance(row, dict))
    return found


def _named(row: Dict[str, Any]) -> Tuple[str, Dict[str, str]]:
    labels, given = row.get("Labels"), row.get("Names")
    said = {what: labels.get(label) for what, label in LABELS.items()} if isinstance(labels, dict) else {}
    # Docker writes a name with a slash in front; a linked container has more of them.
    said["name"] = given[0].lstrip("/") if isinstance(given, list) and given and isinstance(given[0], str) else None
    kept = {what: text for what, text in said.items() if isinstance(text, str) and _NAME.fullmatch(text)}
    return str(row.get("Id")), kept


def _running() -> Iterator[int]:
    """Every dockerd of this host."""
    for pid in processes.named(PROGRAM):
        if processes.shares_namespaces(pid) and os.path.basename(processes.executable(pid) or "") == PROGRAM:
            yield pid


def _of_process(pid: int, deadline: Deadline) -> LiveRestore:
    arguments = processes.arguments(pid)[1:]
    settings = flag(arguments, "--config-file") or SETTINGS
    given = [word.partition("=")[2] for word in arguments if word.partition("=")[0] == "--live-restore"]
    after = given[-1].lower() not in ("false", "0", "f") if given else _in_file(settings)
    return LiveRestore(_said(pid, deadline.within(_PATIENCE)), after, settings)


def _in_file(path: str) -> Optional[bool]:
    """live-restore in a file of settings, which need not exist; None where dockerd itself could not read it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        found = json.loads(os.read(handle, _LARGEST).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    finally:
        os.close(handle)
    value = found.get("live-restore", False) if isinstance(found, dict) else None
    return value if isinstance(value, bool) else None


def _said(pid: int, deadline: Deadline) -> Optional[bool]:
    """What dockerd itself says."""
    for found in _answers(pid, "/info", deadline):
        if isinstance(found, dict) and isinstance(found.get("LiveRestoreEnabled"), bool):
            return bool(found["LiveRestoreEnabled"])
    return None


def _answers(pid: int, resource: str, deadline: Deadline) -> Iterator[Any]:
    """The answers of a dockerd; its socket is among those it listens on."""
    paths = daemon_paths.listens_on(pid)
    for path in sorted(paths, key=lambda path: (os.path.basename(path) != _SOCKET, path)):
        yield _get(path, resource, deadline)


def _get(path: str, resource: str, deadline: Deadline) -> Any:
    """The answer to a GET on a socket; None where there is none in time, or none that can be read."""
    request = "GET {0} HTTP/1.0\r\nHost: docker\r\n\r\n".format(resource)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(max(deadline.remaining(), 0.01))
            sock.connect(path)
            sock.sendall(request.encode("ascii"))
            head, _blank, body = _received(sock, deadline).partition(b"\r\n\r\n")
        status = head.split(None, 2)
        return json.loads(body.decode("utf-8")) if status[:1] and status[1:2] == [b"200"] else None
    except (OSError, ValueError, RecursionError):
        return None


def _received(sock: socket.socket, deadline: Deadline) -> bytes:
    """All that is sent until the other end closes. Raises OSError for too much, or too late."""
    parts: List[bytes] = []
    size = 0
    while not deadline.expired():
        sock.settimeout(max(deadline.remaining(), 0.01))
        part = sock.recv(65536)
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
        if size > _LARGEST:
            break
    raise OSError("no answer")
