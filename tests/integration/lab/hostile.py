# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that run on a host to stand in a rescue's way; each is given to the host's own Python."""

import subprocess

#: Listens on $1, and at the first connection puts a copy in place of the bundle $2: then nobody has read that one.
REPLACE_BUNDLE = """
import os, shutil, socket, sys
path, bundle, away = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(8)
print(os.getpid(), flush=True)
listener.accept()[0].close()
os.rename(bundle, away)
shutil.copytree(away, bundle, symlinks=True, ignore=lambda place, names: {"rootfs", "log"} & set(names))
"""

#: Listens on $1, and at the first connection writes another damaged text to the file $2.
REPLACE_FILE = """
import os, socket, sys
path, file = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(8)
print(os.getpid(), flush=True)
connection = listener.accept()[0]
with open(file, "w") as stream:
    stream.write("written meanwhile")
connection.close()
"""

#: Listens on $1 and answers Connect, State and Pids of every id as the shim of the process $2 would, but for its pid.
IMPOSTOR = """
import os, socket, struct, sys, threading
path, task = sys.argv[1], int(sys.argv[2])

def number(value):
    data = b""
    while value > 127:
        data, value = data + bytes([value & 127 | 128]), value >> 7
    return data + bytes([value])

def field(key, data):
    return bytes([key << 3 | 2]) + number(len(data)) + data

ANSWERS = {
    b"Connect": b"\\x08" + number(os.getpid()) + b"\\x10" + number(task),
    b"State": b"\\x18" + number(task) + b"\\x20\\x02",
    b"Pids": field(1, b"\\x08" + number(task)),
}

def exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise SystemExit
        data += more
    return data

def serve(connection):
    while True:
        length, stream = struct.unpack(">II", exactly(connection, 10)[:8])
        asked = exactly(connection, length)
        answer = field(2, next(answer for name, answer in ANSWERS.items() if name in asked))
        connection.sendall(struct.pack(">IIBB", len(answer), stream, 2, 0) + answer)

listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(8)
print(os.getpid(), flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""

#: Ends as a process that sleeps and has the number $1, which must be free: clone3(2) with set_tid.
WITH_PID = """
import ctypes, os, struct, sys
libc, wanted = ctypes.CDLL(None, use_errno=True), (ctypes.c_int * 1)(int(sys.argv[1]))
SIGCHLD, CLONE3 = 17, 435
words = struct.pack("11Q", 0, 0, 0, 0, SIGCHLD, 0, 0, 0, ctypes.addressof(wanted), 1, 0)
child = libc.syscall(CLONE3, words, len(words))
if child == 0:
    os.closerange(0, 3)
    os.execv("/bin/sleep", ["sleep", "100000"])
sys.exit(0 if child == wanted[0] else os.strerror(ctypes.get_errno()))
"""


def run(host, program, *words):
    """Start one of these programs on a host, wait until it listens; its process id by the host's own count."""
    started = host.popen(
        ["python3", "-c", program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    return int(started.stdout.readline())
