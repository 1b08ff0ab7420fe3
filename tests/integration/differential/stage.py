# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab host as the differential test uses it: any release at any time, an agent inside, restarts of the real unit."""

import concurrent.futures
import contextlib
import io
import json
import select
import subprocess
import tarfile
from pathlib import Path

import ansible.module_utils

from lab import recipe
from lab.base import Cache
from lab.command import run
from lab.errors import LabError

ROOT = Path(__file__).resolve().parents[3]
PLACE = "/opt/shimops-lab/differential"
LIBRARY = f"{PLACE}/lib"
COLLECTION = "ansible_collections/shimops/containerd"
#: The scripted shim's binary: as a path, and where containerd finds it for the runtime ``io.containerd.scripted.v1``.
SHIM = "/usr/local/bin/containerd-shim-scripted-v1"
NAMESPACE = "differ"
# No single thing that the agent does takes so long, however busy the machine.
PATIENCE = 400
#: The releases that the lab's release lines stand for.
VERSIONS = {"1.6": "1.6.20", "1.7": "1.7.24", "2.1": "2.1.9"}

# Debian moved the unit from /lib to /usr/lib, which are one directory on a host.
UNPACK = """dpkg-deb --fsys-tarfile "$1" |
tar -x -C "$2" --transform 's,^./lib/,./usr/lib/,' --wildcards ./usr/bin '*/containerd.service'
"""
# What the package transaction does with the files of a release: old ones go, new ones are renamed into place.
SWAP = """
tree=$1/$2 config=$3
for file in $(cat "$1/now" 2>/dev/null); do [ -e "$tree/$file" ] || rm -f "/$file"; done
cp -a --remove-destination "$tree/." /
(cd "$tree"; find . -type f) > "$1/now"
printf '%s' "$config" > /etc/containerd/config.toml
mkdir -p /etc/systemd/system/containerd.service.d
printf '[Service]\\nTimeoutStartSec=600\\n' > /etc/systemd/system/containerd.service.d/differential.conf
systemctl daemon-reload
"""


class Stage:
    """One host. ``make_ready`` puts the agent and the releases there, once."""

    def __init__(self, fleet, host):
        self.fleet = fleet
        self.host = host
        self._agent = None

    def make_ready(self, releases):
        """Bring the releases' files and the library of the agent into the host."""
        self.host.script('rm -rf "$1"; mkdir -p "$1/lib" "$1/trees"', PLACE)
        with self.host.popen(["tar", "-C", LIBRARY, "-x"], stdin=subprocess.PIPE) as unpack:
            unpack.communicate(_library())
        if unpack.returncode:
            raise LabError(f"{self.host.name}: the agent's library could not be unpacked.")
        for release in releases:
            tree = self.host.path(f"{PLACE}/trees/{release}")
            tree.mkdir()
            run(["sh", "-c", UNPACK, "unpack", Cache().package(release), tree], f"Unpacking containerd {release}")
        # What the host came with is what the first swap replaces.
        self.host.script('(cd "$1/trees/$2"; find . -type f) > "$1/trees/now"', PLACE, self.host.release)

    def reset(self, release):
        """A clean host with that release running and nothing else."""
        self.end_agent()
        self.swap(release)
        self.host.note(plain=0, pods=0)
        self.fleet.reset(self.host)
        # The lab's reset writes the configuration of the release that the host was made with, and no drop-in.
        self.swap(release)
        if self.host.release != release:
            self.restart()
        agent = ["env", f"PYTHONPATH={LIBRARY}", "PYTHONDONTWRITEBYTECODE=1", "python3", "-m", "inside.agent"]
        self._agent = self.host.popen(agent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ask("program", paths=[SHIM])

    def swap(self, release):
        """Put the files of a release in place; the daemon that runs is not touched."""
        self.host.script(SWAP, f"{PLACE}/trees", release, recipe.CONTAINERD_CONFIGS[release])

    def restart(self, wait=True):
        """Restart containerd; with ``wait`` false only have it begun."""
        words = [] if wait else ["--no-block"]
        self.host.script('systemctl reset-failed containerd; systemctl restart "$@" containerd', *words, timeout=600)

    def serves(self):
        """Whether systemd holds containerd for started."""
        return self.host.run(["systemctl", "is-active", "containerd"], check=False).stdout.strip() == "active"

    def ask(self, what, **words):
        """Let the agent do something; what it answers."""
        print(json.dumps({"do": what, **words}), file=self._agent.stdin, flush=True)
        ready, _none, _nothing = select.select([self._agent.stdout], [], [], PATIENCE)
        line = self._agent.stdout.readline() if ready else None
        if not line:
            raise LabError(f"{self.host.name}: the agent ended, or never did: {what}.")
        answer = json.loads(line)
        if "failed" in answer:
            raise LabError(f"{self.host.name}: {what}: {answer['failed']}")
        return answer["is"]

    def end_agent(self):
        """End the agent and what it holds."""
        if self._agent is None:
            return
        with contextlib.suppress(LabError, BrokenPipeError):
            self.ask("end")
        self._agent.stdin.close()
        try:
            self._agent.wait(10)
        except subprocess.TimeoutExpired:
            self._agent.kill()
            self._agent.wait()
        self._agent.stdout.close()
        self._agent = None

    def tasks(self, namespaces):
        """The tasks that containerd lists, as (namespace, id) with the pid; None when it cannot list any."""
        listed = {}
        for namespace in namespaces:
            done = self.host.run(["ctr", "-n", namespace, "tasks", "ls"], check=False, timeout=120)
            if done.returncode:
                return None
            for line in done.stdout.splitlines()[1:]:
                # An id may have blanks in it; pid and status never have.
                identifier, pid, _status = line.rsplit(None, 2)
                listed[namespace, identifier] = int(pid)
        return listed

    def journal(self):
        """What containerd has logged since its last start."""
        show = "journalctl -o cat _SYSTEMD_INVOCATION_ID=$(systemctl show --value -p InvocationID containerd)"
        return self.host.run(["sh", "-c", show], check=False).stdout


def together(work, things):
    """``work`` on all of them at once; what it gives, in their order."""
    things = list(things)
    with concurrent.futures.ThreadPoolExecutor(len(things)) as pool:
        return list(pool.map(work, things))


def _library():
    """A tar of what the agent imports: Ansible's module_utils, the collection, the scripted shims, itself."""
    trees = {
        "ansible/module_utils": Path(next(iter(ansible.module_utils.__path__))),
        f"{COLLECTION}/plugins/module_utils": ROOT / "plugins/module_utils",
        f"{COLLECTION}/plugins/modules": ROOT / "plugins/modules",
        "inside": Path(__file__).parent / "inside",
        ".": ROOT / "tests/unit/support",
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for place, tree in trees.items():
            for path in sorted(tree.rglob("*.py")):
                archive.add(path, f"{place}/{path.relative_to(tree)}")
        # Of Ansible itself a node gets no more than this, so neither does the agent.
        archive.addfile(tarfile.TarInfo("ansible/__init__.py"))
        archive.add(trees["ansible/module_utils"].parent / "release.py", "ansible/release.py")
    return packed.getvalue()
