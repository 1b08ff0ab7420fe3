# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host costs the controller: many names over four lab hosts, and many more over hosts that answer at once."""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from dev import place, playbook  # noqa: E402  # after the path that leads to it
from lab.fleet import Fleet  # noqa: E402

LAB, HOSTS, FORKS = "scalebch", 4, 10
REAL = (40, 120, 360)
SCRIPTED = tuple(int(number) for number in os.environ.get("SHIMOPS_SCALE", "100,1000,10000").split(","))
PROBE = {"audit": True, "detail": "full", "target_version": ["installed"]}
PLAYS = {
    "two pings": [{"ansible.builtin.ping": {}}, {"ansible.builtin.ping": {}}],
    "one probe": [{f"{place.FQCN}.shim_probe": PROBE}],
}


def usage(argv, env, folder, hosts):
    """CPU seconds per host and the peak of memory in MiB of one play; it must end well."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(argv, env=env, cwd=folder, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0 or done.stdout.count("failed=0") != hosts:
        sys.exit(f"wrong result: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / hosts


def plays(folder):
    """The plain plays as files, and what is compared with them."""
    found = {}
    for name, tasks in PLAYS.items():
        path = Path(folder, f"{name.replace(' ', '-')}.yml")
        play = {"hosts": "all", "gather_facts": False, "become": True, "tasks": tasks}
        path.write_text(json.dumps([play]), encoding="utf-8")
        found[name] = [str(path)]
    found["rolling_restart --check"] = [f"{place.FQCN}.rolling_restart", "--check"]
    found["health_audit"] = [f"{place.FQCN}.health_audit"]
    return found


def measure(title, inventory, hosts, folder, more=()):
    """Print a row: the CPU seconds per host of each play."""
    row = []
    for words in [*plays(folder).values(), *more]:
        argv = playbook.argv([*words, "-i", str(inventory), "-f", str(FORKS)])
        env = {**playbook.environment(), "ANSIBLE_CONNECTION_PLUGINS": str(Path(__file__).with_name("plugins"))}
        env.update(ANSIBLE_PIPELINING="true", ANSIBLE_SSH_PIPELINING="true")
        row.append(usage(argv, env, folder, hosts))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{title:22} {hosts:6} " + " ".join(f"{seconds:12.3f}" for seconds in row) + f"  {peak:8.0f}", flush=True)


def names(fleet, number, folder):
    """An inventory of so many names over the hosts of the lab."""
    path = Path(folder, f"real{number}.json")
    said = subprocess.run(
        [playbook.argv([])[0].replace("ansible-playbook", "ansible-inventory"), "-i", str(fleet.inventory), "--list"],
        env=playbook.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    known = list(json.loads(said.stdout)["_meta"]["hostvars"].values())
    rows = {f"node{one:05}": known[one % len(known)] for one in range(number)}
    path.write_text(json.dumps({"all": {"hosts": rows}}), encoding="utf-8")
    return path


def scripted(number, folder):
    """An inventory of so many hosts that answer at once."""
    path = Path(folder, f"scripted{number}.json")
    common = {
        "ansible_connection": "scripted",
        "scripted_answers": folder,
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    rows = {f"node{one:05}": {} for one in range(number)}
    path.write_text(json.dumps({"all": {"hosts": rows, "vars": common}}), encoding="utf-8")
    return path


def record(fleet, folder):
    """Keep what a real host answers, by the name of the module."""
    restart = {"state": "restarted", "run_id": "bench", "settle": 0}
    for name, options in {"shim_probe": {**PROBE, "pids": True}, "shim_reconnect": restart}.items():
        task = {f"{place.FQCN}.{name}": {"detail": "full", **options}, "register": "said"}
        keep = {"content": "{{ said | to_json }}", "dest": f"{folder}/{name}.json"}
        kept = {"ansible.builtin.copy": keep, "delegate_to": "localhost", "become": False}
        play = {"hosts": "lab1", "gather_facts": False, "become": True, "tasks": [task, kept]}
        path = Path(folder, "record.yml")
        path.write_text(json.dumps([play]), encoding="utf-8")
        argv = playbook.argv([str(path), "-i", str(fleet.inventory)])
        subprocess.run(argv, env=playbook.environment(), cwd=folder, check=True, stdout=subprocess.DEVNULL)
    Path(folder, "ping.json").write_text('{"changed": false, "ping": "pong"}', encoding="utf-8")


def main():
    """Measure over the lab, then without one."""
    fleet = Fleet(LAB)
    with tempfile.TemporaryDirectory() as folder:
        print(
            f"CPU seconds of the controller per host, forks {FORKS}; the aim of a check: 0.40 where two pings cost 0.22"
        )
        columns = [*PLAYS, "restart check", "audit"]
        print(f"{'hosts':22} {'number':>6} " + " ".join(f"{name:>12}" for name in columns) + "  peak MiB")
        try:
            fleet.up(hosts=HOSTS, kinds=["1.7"])
            for number in REAL:
                measure("four lab hosts", names(fleet, number, folder), number, folder)
            record(fleet, folder)
        finally:
            fleet.down()
        for number in SCRIPTED:
            measure("answering at once", scripted(number, folder), number, folder)


if __name__ == "__main__":
    main()
