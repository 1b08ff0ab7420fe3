# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles and shims of a host, found without asking containerd."""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

STATE = "/run/containerd/io.containerd.runtime.v2.task"
SHIM = "containerd-shim-runc-v2"
# A shim that several containers share carries the id of the first of them.
GROUP_ANNOTATIONS = ("io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id")


@dataclass(frozen=True)
class Shim:
    """A running shim; the pid is the machine's number for it."""

    pid: int
    namespace: str
    id: str


@dataclass(frozen=True)
class Bundle:
    """The bundle of one task; ``path`` is the host's own name for it."""

    host: object
    namespace: str
    id: str

    @property
    def path(self):
        """The bundle's directory in the host."""
        return f"{STATE}/{self.namespace}/{self.id}"

    @property
    def group(self):
        """The id of the shim that serves this bundle."""
        with contextlib.suppress(OSError, ValueError):
            spec = json.loads(self.host.path(f"{self.path}/config.json").read_text(encoding="utf-8"))
            for name in GROUP_ANNOTATIONS:
                if name in (spec.get("annotations") or {}):
                    return spec["annotations"][name]
        return self.id

    @property
    def bootstrap(self):
        """The file a restarted containerd reads first: ``bootstrap.json`` if there is one, else ``address``."""
        for owner in (self.id, self.group):
            for name in ("bootstrap.json", "address"):
                path = f"{STATE}/{self.namespace}/{owner}/{name}"
                if self.host.path(path).exists():
                    return path
        raise LabError(f"Bundle {self.path} on {self.host.name} has neither bootstrap.json nor address.")

    @property
    def socket(self):
        """The path of the shim's socket."""
        text = self.host.path(self.bootstrap).read_text(encoding="utf-8")
        address = json.loads(text)["address"] if self.bootstrap.endswith(".json") else text
        return address.strip().removeprefix("unix://")

    @property
    def shim(self):
        """The running shim that serves this bundle."""
        group = self.group
        for shim in shims(self.host):
            if (shim.namespace, shim.id) == (self.namespace, group):
                return shim
        raise LabError(f"No shim runs for {self.namespace}/{self.id} on {self.host.name}.")


def shims(host):
    """The running shims of a host."""
    found = []
    for pid in sorted(host.pids()):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if Path(words[0]).name == SHIM and "-id" in words and "-namespace" in words:
            found.append(Shim(pid, words[words.index("-namespace") + 1], words[words.index("-id") + 1]))
    return found


def bundles(host):
    """The bundles of a host."""
    paths = sorted(host.path(STATE).glob("*/*"))
    whole = [path for path in paths if path.is_dir() and not path.name.startswith(".")]
    return [Bundle(host, path.parent.name, path.name) for path in whole]


def bundle(host, name=None):
    """The bundle whose id is ``name`` or begins with it; without a name, that of the first plain container."""
    name = name or "plain1"
    found = bundles(host)
    wanted = [each for each in found if each.id == name] or [each for each in found if each.id.startswith(name)]
    if len(wanted) != 1:
        raise LabError(f"{host.name} has {'several bundles' if wanted else 'no bundle'} whose id begins with {name}.")
    return wanted[0]
