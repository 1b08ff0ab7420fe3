# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles made by hand in containerd's state directory, and what is to be seen of any bundle from outside."""

import contextlib
import glob
import os
import shutil
import signal
import socket
import stat
import subprocess
import time

from inside.shims import alive

TASKS = "io.containerd.runtime.v2.task"
STATE, ROOT = f"/run/containerd/{TASKS}", f"/var/lib/containerd/{TASKS}"
HERE = "/run/differ"
DELETES = f"{HERE}/deletes"

# The command line of what stands for the init process of a task; no other process of a lab sleeps for so long.
INIT = b"sleep\0001000007\0"

# The shim binary: notes that containerd called it, and kills the task as the runc shim's delete does.
PROGRAM = f"""#!/bin/sh
while [ $# -gt 0 ]; do
    case "$1" in
        -namespace) namespace=$2; shift 2 ;;
        -id) id=$2; shift 2 ;;
        -bundle|-address|-publish-binary) shift 2 ;;
        -debug) shift ;;
        *) action=$1; shift ;;
    esac
done
printf '%s\\t%s\\t%s\\n' "$action" "$namespace" "$id" >> {DELETES}
pid=$(cat init.pid) && kill -KILL "$pid"
exit 0
"""


def start_inits(count):
    """That many processes whose parent is the host's systemd, so that none is left as a zombie."""
    script = 'for _ in $(seq "$1"); do setsid sleep 1000007 </dev/null >/dev/null 2>&1 & echo $!; done'
    done = subprocess.run(["sh", "-c", script, "inits", str(count)], capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.split()]


def make(reported, init):
    """One entry of the state directory; ``init`` is the pid of its task's process, or None."""
    path = f"{STATE}/{reported['namespace']}/{reported['id']}"
    os.makedirs(os.path.dirname(path), 0o711, exist_ok=True)
    if reported.get("kind", "bundle") != "bundle":
        put(path, reported["kind"])
        return
    os.mkdir(path, 0o711)
    if reported.get("work", "link") == "link":
        work = f"{ROOT}/{reported['namespace']}/{reported['id']}"
        os.makedirs(work, 0o711, exist_ok=True)
        os.symlink(work, f"{path}/work")
    for name, what in reported["files"].items():
        put(f"{path}/{name}", what)
    if init:
        put(f"{path}/init.pid", {"text": str(init)})
    if reported.get("sibling"):
        put(f"{os.path.dirname(path)}/.{reported['id']}", {"directory": {"left": {"text": "behind"}}})
    if "mode" in reported:
        os.chmod(path, reported["mode"])


def put(path, what):
    """Make what a name in a bundle is to be."""
    if "directory" in what:
        os.mkdir(path)
        for name, inner in what["directory"].items():
            put(f"{path}/{name}", inner)
    elif "fifo" in what:
        os.mkfifo(path)
    elif "link" in what:
        os.symlink(what["link"], path)
    elif "socket" in what:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
    else:
        data = bytes.fromhex(what["hex"]) if "hex" in what else what.get("text", "").encode()
        with open(path, "wb") as stream:
            stream.write(data)
            if "size" in what:
                stream.truncate(what["size"])
    if "mode" in what:
        os.chmod(path, what["mode"])


def started(pid):
    """When a living process began, in clock ticks; None if there is none."""
    if not pid or not alive(pid):
        return None
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as text:
        return int(text.read().rpartition(")")[2].split()[19])


def kind(path):
    """What stands at a path: ``nothing``, ``directory``, ``link`` or ``other``."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return "nothing"
    if stat.S_ISLNK(mode):
        return "link"
    return "directory" if stat.S_ISDIR(mode) else "other"


def init_of(namespace, identifier):
    """The pid in a bundle's init.pid, or None."""
    try:
        with open(f"{STATE}/{namespace}/{identifier}/init.pid", encoding="ascii") as text:
            return int(text.read())
    except (OSError, ValueError):
        return None


def deletes():
    """How often containerd called the shim binary's delete, by (namespace, id)."""
    found = {}
    try:
        with open(DELETES, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                action, namespace, identifier = line.rstrip("\n").split("\t")
                if action == "delete":
                    found[namespace, identifier] = found.get((namespace, identifier), 0) + 1
    except OSError:
        pass
    return found


def listens(address):
    """Whether somebody accepts connections at the path of a ``unix://`` address."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        try:
            connection.connect(address.strip().removeprefix("unix://"))
        except (OSError, ValueError):
            return False
    return True


def wait_for_reader(path, patience):
    """A FIFO opened to write to it, once somebody has opened it to read from it; None if nobody does.

    For as long as it stays open the reader waits.
    """
    end = time.monotonic() + patience
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        time.sleep(0.05)
    return None


def clear():
    """Take away what was made outside of containerd's own directories, by this agent or one that was cut short."""
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError), open(path, "rb") as words:
            if words.read() == INIT:
                os.kill(int(path.split("/")[2]), signal.SIGKILL)
    shutil.rmtree(HERE, ignore_errors=True)
