# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent in the host: one request per line of JSON on standard input, one answer per line on standard output.

make     entries of the state directory, with their shims
record   what is true of these tasks now
look     what became of them since
held     wait until a method of a shim was called that many times more; then nothing is answered before ``release``
probe    the forecast, by the real module
"""

import json
import os
import subprocess
import sys
import time
import traceback

from inside import bundles, shims


class Agent:
    """What was made and recorded here."""

    def __init__(self):
        self._shims = {}
        self._before = {}
        self._made = set()
        self._fifos = {}
        bundles.clear()
        os.makedirs(f"{bundles.HERE}/s")

    def do_program(self, paths):
        """Put the scripted shim binary at these paths."""
        for path in paths:
            bundles.put(path, {"text": bundles.PROGRAM, "mode": 0o755})
        bundles.put(f"{bundles.HERE}/plain", {"text": bundles.PROGRAM, "mode": 0o644})

    def do_make(self, entries):
        """Make entries; those with ``shim`` get one, those with ``shim_of`` are known to another one's shim."""
        living = [reported for reported in entries if reported.get("init") in ("runs", "exited")]
        pids = dict(
            zip([(reported["namespace"], reported["id"]) for reported in living], bundles.start_inits(len(living)))
        )
        for reported in entries:
            key = reported["namespace"], reported["id"]
            init = pids.get(key)
            if init and reported["init"] == "exited":
                os.kill(init, 9)
            bundles.make(reported, init)
            if reported.get("shim"):
                # It knows the task under its own id, unless it is said to have none.
                tasks = {reported["id"]: init} if init and reported.get("known", True) else {}
                self._shims[key] = shims.Shim(reported["shim"], tasks)
            if reported.get("shim_of"):
                self._shims[key] = self._shims[reported["namespace"], reported["shim_of"]]
                if reported.get("known", True):
                    self._shims[key].tasks[reported["id"]] = init
            self._made.add(key)
            if reported.get("socket_mode") is not None:
                os.chmod(reported["shim"]["at"], reported["socket_mode"])
        deadline = time.monotonic() + 30
        for reported in living:
            while reported["init"] == "exited" and shims.alive(pids[reported["namespace"], reported["id"]]):
                assert time.monotonic() < deadline, "a killed process does not go"
                time.sleep(0.01)

    def do_record(self, keys):
        """Note what is true of these entries; how many tasks live."""
        deletes = bundles.deletes()
        for namespace, identifier in keys:
            shim = self._shims.get((namespace, identifier))
            pid = bundles.init_of(namespace, identifier)
            self._before[namespace, identifier] = {
                "pid": pid,
                "started": bundles.started(pid),
                "calls": len(shim.calls()) if shim else 0,
                "deletes": deletes.get((namespace, identifier), 0),
                # Of our own entries we know it, and what stands there may be a FIFO.
                "address": None if (namespace, identifier) in self._made else _address(namespace, identifier),
            }
        return sum(one["started"] is not None for one in self._before.values())

    def do_look(self, keys):
        """What became of these entries since they were recorded."""
        deletes = bundles.deletes()
        found = []
        for key in map(tuple, keys):
            was, path = self._before[key], f"{bundles.STATE}/{key[0]}/{key[1]}"
            shim = self._shims.get(key)
            calls = [method for method, one in shim.calls()[was["calls"] :] if one == key[1]] if shim else []
            found.append(
                {
                    "namespace": key[0],
                    "id": key[1],
                    "entry": bundles.kind(path),
                    "was_live": was["started"] is not None,
                    "lives": was["started"] is not None and bundles.started(was["pid"]) == was["started"],
                    # Of a shim that is not ours nobody can say what it was asked.
                    "calls": calls if key in self._made else None,
                    "deletes": deletes.get(key, 0) - was["deletes"],
                    "shim_listens": bundles.listens(was["address"]) if was["address"] else None,
                }
            )
        return found

    def do_held(self, namespace, id, method, patience):
        """Wait until a shim was asked again since the record; whether it was."""
        key, end = (namespace, id), time.monotonic() + patience
        while time.monotonic() < end:
            if [method, id] in self._shims[key].calls()[self._before[key]["calls"] :]:
                return True
            time.sleep(0.05)
        return False

    def do_release(self, namespace, id):
        """Let a shim answer what it held back."""
        self._shims[namespace, id].release()

    def do_waits(self, path, patience):
        """Wait until a FIFO has a reader, and keep it waiting; whether there is one."""
        self._fifos[path] = bundles.wait_for_reader(path, patience)
        return self._fifos[path] is not None

    def do_let_go(self, path):
        """Let the reader of a FIFO find its end."""
        if self._fifos.get(path):
            os.close(self._fifos.pop(path))

    def do_probe(self, options):
        """The module's result."""
        done = subprocess.run(
            [sys.executable, "-m", "inside.probe"],
            input=json.dumps(options),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1) and done.stdout.startswith("\n{"), done.stdout + done.stderr
        return json.loads(done.stdout)

    def do_end(self):
        """End what runs here; the shims go with this process."""
        bundles.clear()


def _address(namespace, identifier):
    """The socket's address that a bundle names, for those that containerd made itself."""
    for name in ("bootstrap.json", "address"):
        try:
            with open(f"{bundles.STATE}/{namespace}/{identifier}/{name}", encoding="utf-8") as text:
                data = text.read()
            return json.loads(data)["address"] if name.endswith("json") else data
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def main():
    """Serve until standard input ends."""
    agent = Agent()
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"is": getattr(agent, "do_" + asked.pop("do"))(**asked)}
        except Exception:
            answer = {"failed": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
