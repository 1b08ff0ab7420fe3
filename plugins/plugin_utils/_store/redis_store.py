# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Redis store: the state of a run that many controllers share. The one file that imports redis. Internal.

A transaction reads what it needs, and one script writes: it compares everything that was read with what is there now,
and changes all of it or nothing. So the rules of a run are written once, in Python, for both stores.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ansible_collections.shimops.containerd.plugins.plugin_utils._store import address
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import (
    BATCH,
    DOCUMENT,
    HOST_DOCUMENT,
    RUN,
    STOP,
    TALLY,
    Entries,
    Entry,
)
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import Store, StoreError

try:
    import redis
except ImportError:
    HAS_REDIS = False
else:
    HAS_REDIS = True

T = TypeVar("T")
#: Every key begins so.
PREFIX = "shimops"
#: Seconds that a run is kept after its last change.
EXPIRY = 30 * 86400
#: Bytes of a value, uncompressed: the same limit as for the files of a run.
LARGEST = 64 * 1024 * 1024
#: Seconds to wait for a connection, and for an answer.
CONNECT, ANSWER = 5.0, 10.0
_TRIES = 500
#: What a server says that does not permit a command inside a script, or a transaction.
_FORBIDDEN = ("can't run this command", "EXEC without MULTI", "Transaction discarded")
_PER_HOST = (BATCH, DOCUMENT, HOST_DOCUMENT)
#: What nearly every transaction reads, in one question.
_USUAL = (RUN, STOP, TALLY)
#: KEYS: the hashes of the run. ARGV: the expiry; how many values were read, each with the number of its hash, its field
#: and the SHA1 it had, or nothing; how many hashes go, each with its number; then the new values, each with the
#: number of its hash and its field, "=" and the value or "-".
_COMMIT = """
local at = 2
local function take() at = at + 1; return ARGV[at - 1] end
for _ = 1, tonumber(take()) do
  local value = redis.call('HGET', KEYS[tonumber(take())], take())
  local expected = take()
  if (value and redis.sha1hex(value) or '') ~= expected then return 0 end
end
for _ = 1, tonumber(take()) do redis.call('DEL', KEYS[tonumber(take())]) end
while at <= #ARGV do
  local key, field, how = KEYS[tonumber(take())], take(), take()
  if how == '=' then redis.call('HSET', key, field, take()) else redis.call('HDEL', key, field) end
end
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[1]) end
return 1
"""


class RedisStore(Store):
    """A run in a Redis: one hash for the run, and one for each kind of which every host has an entry.

    :param url: of the server, without a password.
    :param password: for it; None for none.
    :param run_id: the run.
    :param generation: what was written when the run was begun here: a server that does not have it has lost the run.
        Empty for a run that is only to begin.
    """

    def __init__(self, url: str, password: str | None, run_id: str, generation: str = ""):
        if not HAS_REDIS:
            raise StoreError(
                "a run store needs the Python library redis in the environment of ansible-core; install redis"
            )
        where = address.parse(url)
        self.where, self._run_id, self._generation = f"{where.url}, run {run_id}", run_id, generation
        self.name = f"{where.url}#{run_id}:{generation}"
        self._said_as = f"the run store {where.url}"
        head = f"{PREFIX}:{{{run_id}}}"
        self._keys = [head, *(f"{head}:{kind}" for kind in _PER_HOST)]
        # Said, because redis 5 does not compare the name by itself.
        tls: dict[str, Any] = {"ssl": True, "ssl_check_hostname": True, **where.files} if where.tls else {}
        self._redis = redis.Redis(
            host=where.host,
            port=where.port,
            db=where.database,
            username=where.user,
            password=password,
            protocol=2,
            socket_connect_timeout=CONNECT,
            socket_timeout=ANSWER,
            # A question that was not answered may have been done: all that is sent can be done twice.
            retry=redis.retry.Retry(redis.backoff.ConstantBackoff(0.2), 1),
            **tls,
        )
        self._commit = self._redis.register_script(_COMMIT)

    @classmethod
    def of(cls, run_folder: str, password: str | None) -> RedisStore:
        """Return the store that ``run_folder`` names."""
        url, run_id, generation = address.split(run_folder)
        return cls(url, password, run_id, generation)

    def hold(self, generation: str) -> None:
        """From now on hold to the run that was begun with this generation."""
        self._generation = generation
        self.name = f"{self.name.partition('#')[0]}#{self._run_id}:{generation}"

    def check(self) -> None:
        """Refuse a server that could lose the run or cannot keep it."""
        with self._said():
            known = self._redis.info()
        if not isinstance(known.get("redis_version"), str):
            raise StoreError(f"{self._said_as} does not answer as a Redis does; name a Redis")
        if known.get("role") == "slave":
            raise StoreError(f"{self._said_as} is a replica; name the primary")
        if known.get("cluster_enabled"):
            raise StoreError(f"{self._said_as} is a node of a cluster; name a Redis that is none")
        policy = known.get("maxmemory_policy", "noeviction")
        if known.get("maxmemory") and policy != "noeviction":
            raise StoreError(
                f"{self._said_as} removes keys when its memory is full (maxmemory-policy {policy}); "
                "set maxmemory-policy noeviction"
            )

    @classmethod
    def runs(cls, url: str, password: str | None) -> list[dict]:
        """Return what the runs on a server were begun with, the latest last."""
        any_run = cls(url, password, "*")
        with any_run._said():
            keys = list(any_run._redis.scan_iter(any_run._keys[0]))
            found: list[Any] = [any_run._redis.hget(key, RUN.kind) for key in keys]
        runs = [unpacked(value) for value in found if value is not None]
        return sorted(runs, key=lambda run: run.get("began") or 0)

    def transact(self, work: Callable[[Entries], T]) -> T:
        """Do some work, and once more for as long as others change what it reads."""
        for number in range(_TRIES):
            with self._said():
                view = _View(self)
                entries = Entries(view.read, self._every, view.now, self.where)
                done = work(entries)
                if not (entries.changes or entries.dropped) or self._written(entries, view.hashes):
                    return done
            time.sleep(random.uniform(0, 0.001 * min(number + 1, 50)))
        raise StoreError(f"{self._said_as} was changed by others {_TRIES} times in a row; use fewer forks")

    def get(self, entry: Entry) -> dict | None:
        """Return a value as it is now."""
        with self._said():
            return _View(self).read(entry)

    def every(self, kind: str) -> Iterator[tuple[str, dict]]:
        """Yield each host with its value of a kind, in no order."""
        with self._said():
            yield from self._every(kind)

    def hosts(self, kind: str) -> set[str]:
        """Return the hosts that have a value of a kind."""
        with self._said():
            fields: list[Any] = self._redis.hkeys(self._keys[self.place(Entry(kind))[0] - 1])
            return {field.decode() for field in fields}

    def now(self) -> float:
        """Return the server's time."""
        with self._said():
            return _seconds(self._redis.time())

    def place(self, entry: Entry) -> tuple[int, str]:
        """Return the number of an entry's hash, from 1, and its field."""
        if entry.kind in _PER_HOST:
            return 2 + _PER_HOST.index(entry.kind), entry.host
        return 1, entry.kind

    def fetch(self, wanted: list[Entry]) -> tuple[float, list[bytes | None]]:
        """Return the server's time and these values, of one moment."""
        with self._redis.pipeline(transaction=True) as questions:
            questions.time()
            for number, field in map(self.place, wanted):
                questions.hget(self._keys[number - 1], field)
            clock, *values = questions.execute()
        return _seconds(clock), values

    def require(self, run: dict | None) -> None:
        """Refuse to go on with a run that is not the one that was begun here."""
        if not self._generation or (run and run.get("generation") == self._generation):
            return
        lost = "has lost" if run is None else "has another run with the name of"
        raise StoreError(
            f"{self._said_as} {lost} run {self._run_id}; no further host begins: begin it again with the same run_id, "
            "and the ledgers of the hosts say what was done"
        )

    def _every(self, kind: str) -> Iterator[tuple[str, dict]]:
        number, _field = self.place(Entry(kind))
        for field, value in self._redis.hscan_iter(self._keys[number - 1], count=200):
            yield field.decode(), unpacked(value)

    def _written(self, entries: Entries, hashes: dict[Entry, str]) -> bool:
        words: list[Any] = [EXPIRY, len(hashes)]
        for entry, known in hashes.items():
            words += [*self.place(entry), known]
        words += [len(entries.dropped), *(self.place(Entry(kind))[0] for kind in entries.dropped)]
        for entry, value in entries.changes.items():
            words += [*self.place(entry), *(("-",) if value is None else ("=", packed(value)))]
        return self._commit(keys=self._keys, args=words) == 1

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except (redis.RedisError, OSError) as error:
            raise StoreError(f"{self._said_as} {_problem(error)}") from None


class _View:
    """What one transaction has read: each value once, with the hash it is compared by."""

    def __init__(self, store: RedisStore):
        self._store = store
        self._values: dict[Entry, dict | None] = {}
        self._now: float | None = None
        self.hashes: dict[Entry, str] = {}

    def read(self, entry: Entry) -> dict | None:
        if entry not in self._values:
            first = not self._values
            self._read([*_USUAL, *([entry] if entry not in _USUAL else [])] if first else [entry])
            if first:
                self._store.require(self._values[RUN])
        return self._values[entry]

    def now(self) -> float:
        if self._now is None:
            self.read(RUN)
        return self._now or 0.0

    def _read(self, wanted: list[Entry]) -> None:
        self._now, found = self._store.fetch(wanted)
        for entry, value in zip(wanted, found):
            self._values[entry] = None if value is None else unpacked(value)
            # Compared, not kept secret.
            self.hashes[entry] = "" if value is None else hashlib.sha1(value, usedforsecurity=False).hexdigest()


def packed(value: dict) -> bytes:
    """Return a value as it is kept: JSON, compressed."""
    text = json.dumps(value, separators=(",", ":")).encode()
    if len(text) > LARGEST:
        raise StoreError(f"a document of {len(text) >> 20} MiB is larger than {LARGEST >> 20} MiB, which a run keeps")
    return zlib.compress(text, 1)


def unpacked(value: bytes) -> dict:
    """Return a value that was kept; raises StoreError for what this collection did not write."""
    opener = zlib.decompressobj()
    try:
        text = opener.decompress(value, LARGEST)
        found = json.loads(text) if opener.eof else None
    except (zlib.error, ValueError):
        found = None
    if not isinstance(found, dict):
        raise StoreError("the run store holds a value that no run wrote; choose another run_id")
    return found


def _seconds(clock: tuple[int, int]) -> float:
    return clock[0] + clock[1] / 1e6


def _problem(error: Exception) -> str:
    """Say what is wrong with a server, and what to do, without anything that was sent to it."""
    text = " ".join(str(error).split())[:200]
    if isinstance(error, redis.AuthenticationError):
        return f"does not accept the password; give it in {address.PASSWORD}"
    if isinstance(error, redis.exceptions.NoPermissionError) or any(words in text for words in _FORBIDDEN):
        return f"does not permit a command that a run needs ({text}); see docs/controllers.md for the permissions"
    if isinstance(error, redis.exceptions.ReadOnlyError):
        return "is read-only; name the primary, and go on with the same run_id"
    if isinstance(error, redis.exceptions.OutOfMemoryError) or "OOM" in text:
        return "is full; give it more memory (maxmemory), and go on with the same run_id"
    if "WRONGTYPE" in text:
        return f"has a key {PREFIX}:… of another type; remove that key, or choose another run_id"
    if "unknown command" in text:
        return f"does not know a command that a run needs ({text}); use Redis 5 or newer"
    if isinstance(error, redis.InvalidResponse):
        return "does not answer as a Redis does; name a Redis"
    if "SSL" in text or "CERTIFICATE" in text:
        return f"refused TLS, or its certificate was refused ({text}); check rediss:// and ssl_ca_certs"
    if isinstance(error, redis.ResponseError):
        return f"refuses to work ({text}); repair that, and go on with the same run_id"
    if "closed by server" in text:
        return "closed the connection without an answer; check that it is a Redis, and whether it wants TLS (rediss://)"
    why = text or type(error).__name__
    return f"cannot be reached ({why}); no further host begins: repair that, and go on with the same run_id"
