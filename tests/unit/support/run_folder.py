# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of runs that never were, as an audit and a roll leave them; also for benchmarks and for the browser."""

import json
from pathlib import Path
from urllib.parse import quote

BEGAN = 1764054000.0
SHIM = "/usr/bin/containerd-shim-runc-v2"


def write(path, operation, documents, began=BEGAN, hosts=None, run_id=None):
    """Write a run's folder; ``documents`` is a mapping or pairs of host and document, None for a host without one."""
    path = Path(path)
    (path / "documents").mkdir(parents=True)
    ending = ".host.json" if operation == "audit" else ".json"
    names = []
    for host, document in documents.items() if isinstance(documents, dict) else documents:
        names.append(host)
        if document is not None:
            text = document if isinstance(document, str) else json.dumps(document)
            name = quote(host, safe="").replace("~", "%7E")
            (path / "documents" / (name + ending)).write_text(text, encoding="utf-8")
    head = {"schema": 1, "run_id": run_id or path.name, "operation": operation, "began": began}
    (path / "run.json").write_text(json.dumps(head), encoding="utf-8")
    (path / "hosts.json").write_text(json.dumps({"hosts": names if hosts is None else hosts}), encoding="utf-8")
    return str(path)


def rolled(host, state="verified", batch=1, began=BEGAN, took=42.0, verdicts=(), **more):
    """A host's document of a roll."""
    document = {
        "schema": 1,
        "kind": "roll",
        "run_id": "roll-1",
        "host": host,
        "operation": "restart",
        "state": state,
        "batch": batch,
        "began": began,
        "ended": began + took,
        "message": "{0} reattached".format(len(verdicts)) if verdicts else state,
        "release": {"running": "1.7.24", "installed": "1.7.24", "target": "1.7.24"},
        "forecast": {"bundles": 2, "tasks": 2, "at_risk": 0, "outcomes": {"reattached": 2}},
        "at_risk": [],
        "hazards": [],
        "rescued": [],
        "verdicts": list(verdicts),
        "summary": {},
        "gap": 0.8,
        "journal_tail": [],
        "attempts": 1,
    }
    return dict(document, **more)


def verdict(identifier="web", word="reattached", namespace="k8s.io", pod=("shop", "cart-0"), reason=""):
    """One row of a roll's verdicts."""
    said = "yes" if word == "reattached" else "no"
    return {
        "namespace": namespace,
        "id": identifier,
        "pod": pod and {"namespace": pod[0], "name": pod[1]},
        "verdict": word,
        "reason": reason,
        "witnesses": {"shim": said, "containerd": said, "kernel": said},
        "before": {"pid": 430, "shim_pid": 411, "start_time": 91823},
        "after": {"pid": 430, "shim_pid": 411, "start_time": 91823},
    }


def audited(host, bundles=2, faults=(), running="2.1.9", installed="2.1.9", at=BEGAN, pids=True):
    """A host's document of an audit; ``faults`` of killed, old_code, leak, open_socket, hazard."""
    rows = [_bundle(number) for number in range(bundles)]
    if "killed" in faults and rows:
        reason = "the shim accepts connections but does not answer"
        rows[0].update(outcome="killed", task="killed", at_risk=True, rule="D3", reason=reason, answer="silent")
    code = "replaced" if "old_code" in faults else "current"
    shims = [_shim(row, code) for row in rows]
    for row in rows:
        row["shim_code"] = code
    at_risk = sum(row["at_risk"] for row in rows)
    outcomes = {}
    for row in rows:
        outcomes[row["outcome"]] = outcomes.get(row["outcome"], 0) + 1
    refusal = "forecast: {0} of {1} tasks at risk".format(at_risk, bundles) if at_risk else ""
    target = {
        "target": installed,
        "release_class": "V20b",
        "release_class_sure": True,
        "at_risk": at_risk,
        "rescuable": 0,
        "outcomes": outcomes,
        "start_estimate": 0.1,
        "refusal": refusal,
    }
    leftovers = [_leftover()] if "leak" in faults else []
    modes = [_mode()] if "open_socket" in faults else []
    hazard = {"id": "kill_mode", "outcome": "killed", "reason": "KillMode=mixed", "remedy": "set KillMode=process"}
    return {
        "schema": 1,
        "kind": "host",
        "host": host,
        "run_id": "nightly",
        "at": at,
        "layout": "containerd",
        "asked": {"connect": True, "state": True, "pids": pids},
        "daemon": _daemon(running, installed),
        "unit": _unit(),
        "bundles": rows,
        "shims": shims,
        "forecast": target,
        "targets": [target],
        "hazards": [hazard] if "hazard" in faults else [],
        "rollback": {"class": "open", "to": "1.7.24", "containers": []},
        "other_tasks": [],
        "leftovers": leftovers,
        "modes": modes,
        "counts": {
            "bundles": bundles,
            "tasks": bundles,
            "shims": len(shims),
            "other_tasks": 0,
            "leftovers": len(leftovers),
            "modes": len(modes),
        },
        "truncated": 0,
        "elapsed": 0.4,
    }


def fleet(hosts, bundles, every=10):
    """Pairs of host and document for a big fleet: one host in ``every`` has a fault, each fault in its turn."""
    faults = ("killed", "old_code", "leak", "open_socket", "hazard")
    for number in range(hosts):
        host = "node-{0:05d}".format(number)
        fault = (faults[number // every % len(faults)],) if number % every == 0 else ()
        running = "2.1.9" if number % 7 else "2.1.7"
        yield host, audited(host, bundles, fault, running=running)


def _bundle(number):
    pod = {"namespace": "shop", "name": "cart-{0}".format(number // 2), "uid": "0f6e9b64-6f0e-4f2b-8a53-2f2f5e6e8f10"}
    return {
        "namespace": "k8s.io",
        "id": "{0:08x}".format(number * 2654435761 % 2**32) * 8,
        "role": "workload",
        "pod": dict(pod, container="cart"),
        "runtime": SHIM,
        "bootstrap": {"kind": "bootstrap.json", "version": 3, "protocol": "ttrpc", "legacy": False},
        "record": True,
        "status": "running",
        "live": True,
        "shim_pid": 2000 + number,
        "task_pid": 4000 + number,
        "shim_code": "current",
        "answer": "ok",
        "pids_answer": "ok",
        "answers": "v3: ok, v2: Unimplemented",
        "listed": True,
        "outcome": "reattached",
        "decided_by": "bundle",
        "task": "kept",
        "client": "keeps",
        "at_risk": False,
        "rescuable": False,
        "rule": "A3",
        "reason": "its shim answers",
        "delay": 0.02,
    }


def _shim(row, code):
    return {
        "pid": row["shim_pid"],
        "started": BEGAN - 1000,
        "namespace": row["namespace"],
        "id": row["id"],
        "pod": {key: row["pod"][key] for key in ("namespace", "name", "uid")},
        "executable": SHIM,
        "code": code,
        "version": "2.1.9" if code == "current" else "2.1.7",
        "endpoint": "/run/containerd/s/" + row["id"],
        "bundles": ["{0}/{1}".format(row["namespace"], row["id"])],
        "live": True,
        "answer": row["answer"],
        "connections": 1,
        "tasks": 1,
    }


def _daemon(running, installed):
    return {
        "running": running,
        "installed": installed,
        "running_class": "V20b",
        "installed_class": "V20b",
        "pid": 611,
        "started": BEGAN - 5000,
        "executable": "/usr/bin/containerd",
        "code": "current" if running == installed else "replaced",
        "behind_disk": running != installed,
        "address": "/run/containerd/containerd.sock",
        "state_dir": "/run/containerd",
        "root_dir": "/var/lib/containerd",
        "load_timeout": 5.0,
    }


def _unit():
    return {
        "name": "containerd.service",
        "active_state": "active",
        "kill_mode": "process",
        "delegate": True,
        "need_daemon_reload": False,
        "timeout_start": 90.0,
        "restarts": 0,
        "drop_ins": [],
    }


def _leftover():
    return {
        "kind": "shim_left_behind",
        "namespace": "default",
        "id": "batch-9",
        "pod": None,
        "pid": 1444,
        "path": None,
        "reason": "it has neither a bundle nor a living task",
        "command": "kill 1444",
    }


def _mode():
    path = "/run/containerd/s/1b4fe1ba06b2"
    return {
        "kind": "shim_socket",
        "path": path,
        "namespace": "k8s.io",
        "id": "4c1ba09f3f6e",
        "mode": "0666",
        "owner": "0:0",
        "expected": "0600",
        "reason": "others may connect to it",
        "command": "chmod 0600 " + path,
    }
