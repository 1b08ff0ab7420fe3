# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module costs: the bytes that travel to the host, and a restart of eight tasks against the same by hand."""

import base64
import io
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from dev import checkout  # noqa: E402  # after the path that leads to it
from lab.fleet import Fleet  # noqa: E402

COLLECTIONS = checkout.collections_path()
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(COLLECTIONS)

from ansible.executor.module_common import modify_module  # noqa: E402
from ansible.parsing.dataloader import DataLoader  # noqa: E402
from ansible.plugins.loader import init_plugin_loader  # noqa: E402
from ansible.template import Templar  # noqa: E402

LAB, ROUNDS = "modbench", 5
MODULES = ("shim_bundle_facts", "shim_probe", "shim_reconnect", "shim_migrate")
BARE = "from ansible.module_utils.basic import AnsibleModule\nAnsibleModule({}).exit_json()\n"
# What people write without a collection.
BY_HAND = "systemctl restart containerd && ctr -n default task ls && ctr -n k8s.io task ls"


def payload(name, path, **arguments):
    """The bytes that Ansible sends for a module, without SSH and without what it wraps around arguments."""
    templar = Templar(DataLoader(), variables={})
    variables = {"ansible_python_interpreter": "/usr/bin/python3"}
    made = modify_module(
        module_name=name,
        module_path=str(path),
        module_args=arguments,
        templar=templar,
        task_vars=variables,
        module_compression="ZIP_DEFLATED",
    )
    return made.b_module_data


def parts(data):
    """How many KiB of Python are Ansible's own in a payload, and how many are the collection's."""
    text = max(re.findall(rb"[A-Za-z0-9+/=]{2000,}", data.replace(b"\n", b"")), key=len)
    rows = zipfile.ZipFile(io.BytesIO(base64.b64decode(text))).infolist()
    ours = sum(row.file_size for row in rows if "/shimops/" in row.filename)
    return (sum(row.file_size for row in rows) - ours) / 1024, ours / 1024


def payloads(folder):
    """Print what travels for each module."""
    bare = Path(folder, "bare.py")
    bare.write_text(BARE, encoding="utf-8")
    print(f"{'payload':20} {'sent KiB':>8}  {'Ansible KiB':>11}  {'ours KiB':>8}")
    for name in ("no module", *MODULES):
        path = (
            bare
            if name == "no module"
            else COLLECTIONS / f"ansible_collections/shimops/containerd/plugins/modules/{name}.py"
        )
        data = payload("bare" if name == "no module" else f"shimops.containerd.{name}", path)
        theirs, ours = parts(data)
        print(f"{name:20} {len(data) / 1024:8.0f}  {theirs:11.0f}  {ours:8.0f}")


def restarted(host, number):
    """The seconds of one restart by the module, from its payload to its result."""
    path = COLLECTIONS / "ansible_collections/shimops/containerd/plugins/modules/shim_reconnect.py"
    arguments = {"state": "restarted", "run_id": f"bench{number}", "settle": 0}
    data = payload("shimops.containerd.shim_reconnect", path, **arguments)
    start = time.perf_counter()
    said = host.popen(["python3", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE).communicate(data)[0]
    seconds = time.perf_counter() - start
    result = json.loads(said)
    if result.get("failed") or result["summary"]["reattached"] != 8:
        sys.exit(f"wrong result: {result}")
    return seconds, result["gap"]


def by_hand(host):
    """The seconds of the same by hand."""
    start = time.perf_counter()
    host.run(["sh", "-c", BY_HAND])
    return time.perf_counter() - start


def main():
    """Print the payloads; bring a host up, measure in it, take it down."""
    init_plugin_loader([str(COLLECTIONS)])
    with tempfile.TemporaryDirectory() as folder:
        payloads(folder)
    fleet = Fleet(LAB)
    try:
        fleet.up(hosts=1, kinds=["1.7"], plain=8, pods=0)
        host = next(iter(fleet.hosts.values()))
        ours, theirs = [], []
        for number in range(ROUNDS):
            theirs.append(by_hand(host))
            ours.append(restarted(host, number)[0])
    finally:
        fleet.down()
    module, hand = statistics.median(ours), statistics.median(theirs)
    print(f"a restart of 8 tasks, settle 0, median of {ROUNDS}: {module:.2f} s, by hand {hand:.2f} s")
    print(f"ratio {module / hand:.1f}, {module - hand:.2f} s more; aim: 0.50 s more at most")


if __name__ == "__main__":
    main()
