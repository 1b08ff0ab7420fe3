# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store that fails lets no further host begin, and says in one sentence what to do; the servers are real."""

import http.server
import os
import shutil
import socket
import subprocess
import threading
import time

import pytest
from test_contract import begun

from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_host import RunHost
from ansible_collections.shimops.containerd.plugins.plugin_utils._store import opened, redis_store
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import DOCUMENT, STOP, Entry
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.folder_store import FolderStore
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.redis_store import RedisStore
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import StoreError
from lab import redis_server

HOSTS = ["h1", "h2", "h3"]


@pytest.fixture
def server(own):
    return own


def store_of(server, name="one", **more):
    return RedisStore(server.url, server.password, name, **more)


def store_as(url, password):
    return RedisStore(url, password, "one")


def run_on(server, name="one"):
    """Begin a run, as fleet_run does; what the tasks after it are given."""
    store = store_of(server, name)
    store.check()
    store.hold(begun(store, HOSTS, run_id=name)["generation"])
    return store.name


def task(server, run_folder):
    """The store as one task opens it."""
    return opened.opened(run_folder, server.password)


def said(work):
    """The one sentence that a failing store gives."""
    with pytest.raises(StoreError) as problem:
        work()
    text = str(problem.value)
    assert "\n" not in text and redis_server.PASSWORD not in text and len(text) < 500
    return text


def test_a_server_that_is_stopped_and_comes_back_with_its_data(tmp_path):
    with redis_server.running(tmp_path / "redis", {"appendonly": "yes", "appendfsync": "always"}) as server:
        run = run_on(server)
        assert RunHost(task(server, run), "h1").begin() == ""
        server.stop()
        text = said(lambda: RunHost(task(server, run), "h2").begin())
        assert "cannot be reached" in text and "no further host begins" in text and "same run_id" in text
        server.start()
        RunHost(task(server, run), "h1").enter_state("verified", "8 reattached")
        assert RunHost(task(server, run), "h2").begin() == ""


@pytest.mark.parametrize("how", ["restarted empty", "flushed"])
def test_a_server_that_lost_its_data_is_noticed(server, how):
    run = run_on(server)
    RunHost(task(server, run), "h1").begin()
    if how == "flushed":
        server.client().flushall()
    else:
        server.stop()
        server.start()
    for work in (RunHost(task(server, run), "h2").begin, lambda: RunHost(task(server, run), "h1").enter_state("lost")):
        assert "has lost run one; no further host begins: begin it again with the same run_id" in said(work)
    # Another controller begins it again: those of before are no part of that run.
    again = run_on(server)
    assert again != run
    assert "has another run with the name of run one" in said(RunHost(task(server, run), "h2").begin)
    assert RunHost(task(server, again), "h2").begin() == ""


def test_a_server_that_became_a_replica_is_read_only(server, tmp_path):
    run = run_on(server)
    with redis_server.running(tmp_path / "primary", password=False) as primary:
        client = server.client()
        client.replicaof("localhost", primary.port)
        try:
            assert "is a replica; name the primary" in said(store_of(server, "two").check)
            text = said(RunHost(task(server, run), "h2").begin)
            assert "is read-only" in text or "has lost run one" in text
        finally:
            client.replicaof("NO", "ONE")


def test_a_server_that_is_full(server):
    run = run_on(server)
    client = server.client()
    client.config_set("maxmemory", "1mb")
    assert "is full; give it more memory (maxmemory)" in said(RunHost(task(server, run), "h2").begin)
    client.config_set("maxmemory", "0")
    assert RunHost(task(server, run), "h2").begin() == ""


def test_a_server_that_removes_keys_is_refused(tmp_path):
    options = {"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"}
    with redis_server.running(tmp_path / "redis", options) as server:
        assert "removes keys when its memory is full (maxmemory-policy allkeys-lru)" in said(store_of(server).check)


def test_a_server_that_cannot_write_its_disk(server):
    run = run_on(server)
    client = server.client()
    client.config_set("save", "1 1")
    shutil.rmtree(server.folder)
    client.set("something", "changed")
    while client.info("persistence")["rdb_last_bgsave_status"] == "ok":
        time.sleep(0.1)
    assert "refuses to work (MISCONF" in said(RunHost(task(server, run), "h2").begin)


@pytest.mark.parametrize("password", [None, "wrong"])
def test_a_wrong_password(server, password):
    text = said(RedisStore(server.url, password, "one").check)
    assert "does not accept the password; give it in the environment variable SHIMOPS_RUN_STORE_PASSWORD" in text


def test_a_user_who_may_not_do_what_a_run_needs(server):
    server.client().acl_setuser(
        "few", enabled=True, passwords=["+few"], keys=["shimops:*"], commands=["+info", "+ping"]
    )
    url = server.url.replace("redis://", "redis://few@")
    store = RedisStore(url, "few", "one")
    store.check()
    assert "does not permit a command that a run needs" in said(lambda: begun(store, HOSTS))
    for lacks in ("-hset", "-multi", "-evalsha", "-hget"):
        rights = {"passwords": ["+few"], "keys": ["*"], "commands": ["+@all", lacks]}
        server.client().acl_setuser("few", enabled=True, reset=True, **rights)
        assert "does not permit a command that a run needs" in said(lambda: begun(store_as(url, "few"), HOSTS)), lacks


def test_tls(tmp_path):
    with redis_server.running(tmp_path / "tls", tls=True) as server:
        run = run_on(server)
        assert RunHost(task(server, run), "h1").begin() == ""
        unknown = server.url.partition("?")[0]
        assert "refused TLS, or its certificate was refused" in said(RedisStore(unknown, "x", "one").check)
        other_name = server.url.replace("localhost", "127.0.0.1")
        assert "refused TLS, or its certificate was refused" in said(RedisStore(other_name, "x", "one").check)
        plain = unknown.replace("rediss", "redis")
        assert "cannot be reached" in said(RedisStore(plain, "x", "one").check)


def test_tls_to_a_server_without_it(server, monkeypatch):
    monkeypatch.setattr(redis_store, "ANSWER", 1.0)
    text = said(RedisStore(server.url.replace("redis://", "rediss://"), server.password, "one").check)
    assert "refused TLS" in text or "cannot be reached" in text


def test_a_server_that_is_no_redis():
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    try:
        text = said(RedisStore(f"redis://127.0.0.1:{web.server_port}/0", None, "one").check)
        assert "closed the connection without an answer; check that it is a Redis" in text
    finally:
        web.shutdown()
        thread.join()
        web.server_close()


def test_a_server_that_says_nothing(monkeypatch):
    monkeypatch.setattr(redis_store, "ANSWER", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        text = said(RedisStore(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", None, "one").check)
    assert "cannot be reached" in text


def test_an_older_redis_without_a_command(tmp_path):
    """Debian has one Redis: a real one whose command is taken away answers as one that never had it."""
    with redis_server.running(tmp_path / "redis", {"rename-command": 'EVALSHA ""'}) as server:
        store = store_of(server)
        store.check()
        assert "does not know a command that a run needs" in said(lambda: begun(store, HOSTS))


def test_a_key_of_another_type(server):
    server.client().set("shimops:{one}", "text")
    text = said(lambda: begun(store_of(server), HOSTS))
    assert "has a key shimops:" in text and "of another type; remove that key, or choose another run_id" in text


def test_a_value_that_no_run_wrote(server):
    run = run_on(server)
    server.client().hset("shimops:{one}:document", "h1", b"text")
    assert "holds a value that no run wrote" in said(lambda: RunHost(task(server, run), "h1").document())


@pytest.mark.parametrize(
    "url, words",
    [
        ("http://localhost:6379/0", "has the scheme 'http'; give redis://HOST:PORT/DB or rediss://HOST:PORT/DB"),
        ("localhost:6379", "has the scheme 'localhost'"),
        ("redis:///0", "has no host"),
        ("redis://localhost/zero", "a database that is no number"),
        ("redis://localhost:port/0", "is no URL"),
        ("redis://:secret@localhost/0", "has a password in it; give the password in the environment variable"),
        ("redis://localhost/0?ssl_ca_certs=/x", "has ssl_ca_certs in its URL; only rediss:// takes options"),
        ("rediss://localhost/0?ssl_cert_reqs=none", "has ssl_cert_reqs in its URL"),
    ],
)
def test_a_url_that_is_none(url, words):
    text = said(lambda: RedisStore(url, None, "one"))
    assert words in text and "secret" not in text


def test_keys_have_an_expiry_that_is_renewed(server):
    run = run_on(server)
    client = server.client()
    RunHost(task(server, run), "h1").begin()
    keys = set(client.keys("*"))
    assert keys == {b"shimops:{one}", b"shimops:{one}:document"}
    for key in keys:
        assert 0 < client.ttl(key) <= redis_store.EXPIRY
        client.expire(key, 100)
    RunHost(task(server, run), "h2").begin()
    assert min(client.ttl(key) for key in keys) > redis_store.EXPIRY - 100


def test_a_controller_whose_clock_is_wrong_has_the_server_s_time(server, monkeypatch):
    """An hour is far for a deadline of half of it."""
    store = store_of(server)
    begun(store, HOSTS, deadline="30m")
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert RunHost(store, "h1").begin() == "" and RunHost(store, "h1").document()["began"] > 1e9


@pytest.fixture
def small(tmp_path):
    """A folder with room for a few files."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "shimops-test", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_folder_that_is_full(small):
    store = FolderStore(small / "one")
    store.make()
    begun(store, HOSTS)
    fill = small / "fill"
    with pytest.raises(OSError), fill.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 512)
    text = said(RunHost(store, "h1").begin)
    assert f"{small}/one/documents/h1.json cannot be used (No space left on device)" in text
    assert store.get(Entry(DOCUMENT, "h1")) is None and store.get(STOP) is None
    fill.unlink()
    assert RunHost(store, "h1").begin() == ""


def test_a_folder_that_is_read_only(small):
    store = FolderStore(small / "one")
    store.make()
    begun(store, HOSTS)
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    assert os.access(small, os.R_OK)
    text = said(RunHost(store, "h1").begin)
    assert f"{small}/one/lock cannot be used (Read-only file system)" in text
