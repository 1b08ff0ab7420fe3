# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rescue where nothing can be believed: what cannot be proven is not written, what is odd is not followed."""

import os
import signal
from dataclasses import dataclass, field

import damage
import hostile
import play
import pytest
import story
import world

from lab import shims
from lab.shims import Bundle

HERE = "/run/hostile"
PRECIOUS = f"{HERE}/precious"
RESCUE = {"rescue": True, "detail": "full", "shim_timeout": 2}
#: What is refused, with words of the reason.
REFUSED = {
    "hung": "accepts connections but does not answer",
    "reused": "its shim names pid 0, its init.pid says ",
    "reborn": "its init process is the child of no shim",
    "replaced": "was replaced since it was read",
    "overtaken": "changed since it was read",
    "full": "cannot be written (No space left on device)",
    "socketless": "the socket file is missing",
    "other": "its shim names pid 0, its init.pid says ",
    "web1/app": "/impostor is not its shim, pid ",
    "web1/sandbox": "its shim names pid ",
    "web1/sidecar": "its shim names pid ",
}
#: What is odd, and rescued all the same.
RESCUED = ("fifo", "linked", "huge", "two-sockets")
PLAIN = [*RESCUED, *(name for name in REFUSED if "/" not in name)]


@dataclass
class Scene:
    """One host with everything that stands in a rescue's way, and what the rescue said and did."""

    host: object
    tasks: dict = field(default_factory=dict)
    pod: dict = field(default_factory=dict)
    sockets: dict = field(default_factory=dict)
    strays: list = field(default_factory=list)
    originals: dict = field(default_factory=dict)
    listeners: int = 0
    before: str = ""
    result: dict = None
    after: str = ""
    files: dict = field(default_factory=dict)
    precious: tuple = ()
    full: tuple = ()
    fates: dict = field(default_factory=dict)

    def key(self, name):
        """The task of that name, or of that pod's container."""
        return self.pod[name.partition("/")[2]] if "/" in name else ("default", name)

    def file(self, name):
        """The bootstrap file of a task, as the machine sees it."""
        return damage.place(self.host, self.key(name), damage.bootstrap(self.host.release))

    def redirect(self, name, socket):
        """Let a bootstrap file name another socket."""
        path = self.file(name)
        path.write_text(path.read_text().replace(self.sockets[name], socket))

    def inside(self, name):
        """The same path, as the host sees it."""
        namespace, identifier = self.key(name)
        return f"{shims.STATE}/{namespace}/{identifier}/{damage.bootstrap(self.host.release)}"


def _prepare(scene):
    """Start the containers, and note what is true of them."""
    host = scene.host
    # The shims of a containerd 2.x that logs at debug level have a second socket.
    config = '[debug]\\nlevel = "debug"\\n'
    host.script(
        f"mkdir -p \"$1\"; printf '{config}' >> /etc/containerd/config.toml; systemctl restart containerd", HERE
    )
    for name in PLAIN:
        damage.start(host, name)
    scene.tasks, scene.pod = world.tasks(host), world.pod(host, "web1")
    for name in (*PLAIN, "plain1", "web1/sandbox"):
        scene.sockets[name] = Bundle(host, *scene.key(name)).socket
    scene.originals = {name: scene.file(name).read_bytes() for name in RESCUED}
    shim = Bundle(host, "default", "two-sockets").shim
    inodes = {os.readlink(path) for path in os.scandir(f"/proc/{shim.pid}/fd")}
    rows = host.script("cat /proc/net/unix").splitlines()
    scene.listeners = sum(f"socket:[{row.split()[6]}]" in inodes and row.split()[3] == "00010000" for row in rows[1:])


def _resist(scene):
    """Shims that are silent, sockets that are gone or lead to others, pids that are another's, a full file system."""
    host, tasks = scene.host, scene.tasks
    for name in ("socketless", "other", "web1/sandbox"):
        host.script('mv "$1" "$1.away"', scene.sockets[name])
    scene.redirect("other", scene.sockets["plain1"])
    os.kill(Bundle(host, "default", "hung").shim.pid, signal.SIGSTOP)
    damage.place(host, ("default", "reused"), "init.pid").write_text(str(tasks[("default", "plain1")].pid))
    for name in ("hung", "reused", "reborn", "socketless", "web1/app"):
        scene.file(name).unlink()
    was = tasks[("default", "reborn")].pid
    host.script('kill -s KILL "$1"; while [ -e "/proc/$1" ]; do sleep 0.05; done', str(was))
    host.run(["python3", "-c", hostile.WITH_PID, str(was)])
    scene.strays.append(was)
    bundle = os.path.dirname(scene.inside("full"))
    host.script(
        'cp -a "$1" "$2"; : > "$2/$3"; mount -t tmpfs -o size=128k,mode=700 full "$1"; cp -a "$2/." "$1"\n'
        'dd if=/dev/zero "of=$1/filler" bs=4k 2>/dev/null || true\n',
        bundle,
        f"{HERE}/full",
        damage.bootstrap(host.release),
    )
    # Last those that wait for the first connection.
    bundle = os.path.dirname(scene.inside("replaced"))
    scene.redirect("replaced", f"{HERE}/replaced")
    scene.strays.append(hostile.run(host, hostile.REPLACE_BUNDLE, f"{HERE}/replaced", bundle, f"{HERE}/away"))
    scene.redirect("overtaken", f"{HERE}/overtaken")
    scene.strays.append(hostile.run(host, hostile.REPLACE_FILE, f"{HERE}/overtaken", scene.inside("overtaken")))
    scene.redirect("web1/sandbox", f"{HERE}/impostor")
    pid = str(tasks[scene.pod["app"]].pid)
    scene.strays.append(hostile.run(host, hostile.IMPOSTOR, f"{HERE}/impostor", pid))


def _distort(scene):
    """Files that are none, or far too large; and a bundle that is a link."""
    host = scene.host
    scene.file("fifo").unlink()
    os.mkfifo(scene.file("fifo"))
    host.script('cp "$1" "$2"; ln -sf "$2" "$1"', scene.inside("linked"), PRECIOUS)
    with scene.file("huge").open("wb") as stream:
        stream.truncate(100 << 20)
    scene.file("two-sockets").unlink()
    host.script('ln -s plain1 "$1"', f"{shims.STATE}/default/link")


def _look(scene):
    """What cannot be seen in the listing of the bundles: the target of a link, and what is mounted."""
    path = scene.host.path(PRECIOUS)
    status = path.stat()
    whole = (path.read_bytes(), status.st_ino, status.st_mtime_ns, status.st_nlink)
    mounted = scene.host.script(
        'cd "$1"; find . -printf "%p %i %y %s\\n" | sort', os.path.dirname(scene.inside("full"))
    )
    return whole, mounted


def _begin(scene):
    _prepare(scene)
    _resist(scene)
    _distort(scene)
    scene.precious, scene.full = ([each] for each in _look(scene))
    scene.before = damage.listing(scene.host)


def _end(scene):
    """What the rescue left, and then what a restart does."""
    host = scene.host
    for kept, now in zip((scene.precious, scene.full), _look(scene)):
        kept.append(now)
    scene.after = damage.listing(host)
    for name in PLAIN:
        scene.files[name] = damage.look(host, ("default", name), damage.bootstrap(host.release))
    host.script('umount "$1"', os.path.dirname(scene.inside("full")))
    host.script("systemctl restart containerd", timeout=120)
    listed = world.tasks(host)
    scene.fates = {name: story.fate(host, scene.key(name), scene.tasks[scene.key(name)], listed) for name in RESCUED}


@pytest.fixture(scope="module")
def reported(fleet, hosts):
    """One scene for each release."""
    scenes = {host.name: Scene(host) for host in hosts.values()}
    play.reset(fleet, hosts.values())
    try:
        play.together(hosts.values(), lambda host: _begin(scenes[host.name]))
        for name, result in play.run(fleet, "shim_migrate", RESCUE, list(hosts.values())).items():
            scenes[name].result = result
        play.together(hosts.values(), lambda host: _end(scenes[host.name]))
    finally:
        for scene in scenes.values():
            for pid in scene.strays:
                scene.host.run(["kill", "-s", "KILL", str(pid)], check=False)
            scene.host.script('rm -rf "$1"', HERE)
        play.reset(fleet, hosts.values())
    return {scene.host.release: scene for scene in scenes.values()}


@pytest.fixture(params=damage.RELEASES)
def scene(request, reported):
    return reported[request.param]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_proven_is_refused_with_its_reason(scene, name):
    refused = story.by_key(scene.result["refused"])
    assert REFUSED[name] in refused[scene.key(name)]["reason"]


def test_nothing_else_is_refused_and_the_module_does_not_fail(scene):
    assert scene.result["failed"] is False and scene.result["changed"] is True
    assert set(story.by_key(scene.result["refused"])) == {scene.key(name) for name in REFUSED}
    assert set(story.by_key(scene.result["rescued"])) == {scene.key(name) for name in RESCUED}


def test_only_what_was_rescued_is_written(scene):
    before, after = ({line.split()[0]: line for line in text.splitlines()} for text in (scene.before, scene.after))
    changed = {path.split("/")[2] for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    # Two were written by others meanwhile; in the full one a temporary file came and went.
    assert changed == {*RESCUED, "replaced", "overtaken", "full"}
    assert scene.files["overtaken"].data == b"written meanwhile"
    assert f"{HERE}/replaced".encode() in scene.files["replaced"].data


def test_a_full_file_system_leaves_the_file_as_it_was(scene):
    before, after = scene.full
    assert before == after and f"./{damage.bootstrap(scene.host.release)} " in before and "filler" in before


@pytest.mark.parametrize("name", RESCUED)
def test_what_is_odd_is_replaced_by_the_file_as_it_was(scene, name):
    assert scene.files[name].kind == "file" and scene.files[name].data == scene.originals[name]


@pytest.mark.parametrize("name", RESCUED)
def test_its_container_survives_a_restart(scene, name):
    assert scene.fates[name] == "kept"


def test_a_link_is_replaced_and_not_followed(scene):
    before, after = scene.precious
    assert before == after


def test_of_two_sockets_the_one_that_serves_the_task_is_found(scene):
    assert scene.listeners == (2 if scene.host.release == "2.1" else 1)
    assert scene.sockets["two-sockets"].encode() in scene.files["two-sockets"].data
