# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few calls of a Kubernetes API server that cordon, drain and wait make; it answers on loopback alone."""

import http.server
import json
import re
import threading
import urllib.parse

NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "node1", "annotations": {"kept": "yes"}},
    "spec": {},
    "status": {"conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}]},
}
_RESOURCES = [("nodes", "Node", False, ["get", "list", "patch"]), ("pods", "Pod", True, ["get", "list", "delete"])]


def pod(name, owner="ReplicaSet", node="node1", volumes=()):
    """A running pod of namespace shop."""
    owners = [{"apiVersion": "apps/v1", "kind": owner, "name": "x", "uid": "1"}] if owner else []
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "ownerReferences": owners},
        "spec": {"nodeName": node, "containers": [{"name": "app", "image": "x"}], "volumes": list(volumes)},
        "status": {"phase": "Running"},
    }


class Api:
    """The server. It holds ``node`` and ``pods``, ``writes`` is what was asked of it, ``stuck`` pods stay."""

    def __init__(self, pods=(), stuck=()):
        self.node = json.loads(json.dumps(NODE))
        self.pods = {one["metadata"]["name"]: one for one in pods}
        self.stuck = set(stuck)
        self.writes = []
        # Called with each write after it is done, to change the world in its wake.
        self.after_write = lambda write: None
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_words):
                pass

            def _serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, answer = api.answer(self.command, self.path, json.loads(body) if body else None)
                data = json.dumps(answer).encode()
                self.send_response(status, "Not Found" if status == 404 else None)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PATCH = do_POST = do_DELETE = _serve

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def kubeconfig(self):
        """What a client needs to come here."""
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": self.url}}],
                "users": [{"name": "u", "user": {}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )

    def answer(self, method, target, body):
        """Status and document for one call."""
        url = urllib.parse.urlsplit(target)
        fixed = {
            "/version": {"major": "1", "minor": "33", "gitVersion": "v1.33.0"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
            "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": _resources()},
        }
        if url.path in fixed:
            return 200, fixed[url.path]
        if url.path == "/api/v1/nodes/node1":
            if method == "PATCH":
                merge(self.node, body)
                self._wrote("patch", body)
            return 200, self.node
        if url.path == "/api/v1/pods":
            return 200, {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": list(self.pods.values())}
        found = re.fullmatch(r"/api/v1/namespaces/shop/pods/(\w+)(/eviction)?", url.path)
        if found and found[1] in self.pods:
            if method == "POST":
                if found[1] not in self.stuck:
                    del self.pods[found[1]]
                self._wrote("evict", found[1])
                return 201, {"kind": "Status", "apiVersion": "v1", "status": "Success"}
            return 200, self.pods[found[1]]
        return 404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}

    def _wrote(self, kind, what):
        self.writes.append((kind, what))
        self.after_write((kind, what))


def merge(target, patch):
    """A JSON merge patch, which a strategic one of plain maps is."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            merge(target.setdefault(key, {}), value)
        else:
            target[key] = value


def _resources():
    rows = [dict(name=name, kind=kind, namespaced=spaced, verbs=verbs) for name, kind, spaced, verbs in _RESOURCES]
    return [{**row, "singularName": row["kind"].lower()} for row in rows]
