# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions: what a bundle can be like. Each carries the row of recovery-spec 10.2 that it is an example of."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from differential.stage import NAMESPACE, SHIM

SOCKETS = "/run/differ/s"
RUNTIME = "io.containerd.scripted.v1"


@dataclass(frozen=True)
class Condition:
    """One condition; ``name`` is its row, with a letter where a row has several examples.

    ``entries`` are made by the agent. A real one has ``begin(host, name)``, which makes containers of containerd's own
    and gives their (namespace, id), and may have ``break_(host, keys)``, done to them when all are there.
    ``records`` are ids that get a container record with that runtime; ``sandboxes`` get one in the sandbox store.
    ``race`` are outcomes that the releases ``racing`` choose from by chance. Into the releases ``hangs`` it needs a
    restart of its own, because that does not end before ``release`` is done: to a FIFO of that name, or to the shim,
    once it was asked for that method.
    """

    name: str
    says: str
    entries: tuple = ()
    begin: Callable | None = None
    break_: Callable | None = None
    records: tuple = ()
    sandboxes: tuple = ()
    race: frozenset = frozenset()
    racing: tuple = ()
    hangs: tuple = ()
    release: str = ""

    @property
    def keys(self):
        """The (namespace, id) of the entries made by the agent."""
        return [(reported["namespace"], reported["id"]) for reported in self.entries]


def parameters(version=2, protocol="ttrpc", address="{address}", **more):
    """bootstrap.json as containerd writes it."""
    return json.dumps({"version": version, "address": address, "protocol": protocol, **more}, separators=(",", ":"))


def scripted(
    name,
    says,
    *,
    bootstrap=None,
    address="{address}",
    runtime=SHIM,
    serves="v2",
    manner="listens",
    at=None,
    answers=None,
    files=None,
    race=(),
    racing=(),
    hangs=(),
    release="",
    record=None,
    sandbox=False,
    bundle_id=None,
    **reported,
):
    """A condition of one bundle with a scripted shim.

    ``bootstrap``, ``address`` and ``runtime`` are the texts of bootstrap.json, address and shim-binary-path: None for
    no such file, a dictionary for what is no plain file, and {address} or {socket} stand for where the shim listens.
    """
    identifier = bundle_id or name.lower()
    entry = bundle(identifier, bootstrap, address, runtime, serves, manner, at, answers, files, **reported)
    records = ((NAMESPACE, identifier, record),) if record else ()
    sandboxes = ((NAMESPACE, identifier),) if sandbox else ()
    return Condition(name, says, (entry,), None, None, records, sandboxes, frozenset(race), racing, hangs, release)


def bundle(
    identifier,
    bootstrap=None,
    address="{address}",
    runtime=SHIM,
    serves="v2",
    manner="listens",
    at=None,
    answers=None,
    files=None,
    namespace=NAMESPACE,
    **reported,
):
    """An entry that the agent makes a bundle of; a task lives in it unless ``init`` says otherwise."""
    place = at or f"{SOCKETS}/{identifier.strip('-').replace(' ', '')}"
    named = place if isinstance(place, str) else place[0]
    words = {"{address}": named[1:] if named.startswith("@") else f"unix://{named}", "{socket}": named}
    found = {"config.json": {"text": "{}"}, "rootfs": {"directory": {}}}
    for name, what in (("bootstrap.json", bootstrap), ("address", address), ("shim-binary-path", runtime)):
        if what is not None:
            found[name] = _content(what, words)
    for name, what in (files or {}).items():
        if what is None:
            found.pop(name, None)
        else:
            found[name] = _content(what, words)
    shim = {"serves": serves, "manner": manner, "at": place, "says": answers or {}}
    return {"namespace": namespace, "id": identifier, "init": "runs", "shim": shim, "files": found, **reported}


def _content(what, words):
    if isinstance(what, bytes):
        return {"hex": what.hex()}
    if isinstance(what, dict):
        return {
            key: _content(value, words)["text"] if key in ("text", "link") else value for key, value in what.items()
        }
    for word, value in words.items():
        what = what.replace(word, value)
    return {"text": what}
