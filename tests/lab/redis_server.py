# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real redis-server on the loopback, stopped by its own pid."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import redis

from dev import machine

PASSWORD = "in-the-lab-only"


class RedisServer:
    """One server with a folder of its own.

    :param folder: for its files.
    :param options: lines of its configuration, by their words: ``{"maxmemory": "2mb"}``.
    :param tls: serve TLS instead, with a certificate that is made here.
    """

    def __init__(
        self, folder: Path, options: dict[str, str] | None = None, *, tls: bool = False, password: bool = True
    ):
        if not shutil.which("redis-server"):
            machine.apt_install(["redis-server"])
        self.folder, self.tls = folder, tls
        folder.mkdir(parents=True, exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        wanted = {"bind": "127.0.0.1", "dir": str(folder), "save": '""', "appendonly": "no", "daemonize": "no"}
        wanted["port"] = str(self.port)
        if tls:
            self._certificates()
            wanted.update({"port": "0", "tls-port": str(self.port), "tls-auth-clients": "no"})
            for name, file in (("tls-cert-file", "cert"), ("tls-key-file", "key"), ("tls-ca-cert-file", "cert")):
                wanted[name] = str(folder / f"{file}.pem")
        if password:
            wanted["requirepass"] = PASSWORD
        self.password = PASSWORD if password else None
        lines = [f"{name} {value}" for name, value in (wanted | (options or {})).items()]
        (folder / "redis.conf").write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        """Its address, as the collection takes it."""
        more = f"?ssl_ca_certs={self.folder / 'cert.pem'}" if self.tls else ""
        return f"{'rediss' if self.tls else 'redis'}://localhost:{self.port}/0{more}"

    def client(self) -> redis.Redis:
        """A client with all rights."""
        tls = {"ssl": True, "ssl_ca_certs": str(self.folder / "cert.pem")} if self.tls else {}
        return redis.Redis("localhost", self.port, password=self.password, protocol=2, **tls)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "log").open("a") as log:
            self._process = subprocess.Popen(["redis-server", str(self.folder / "redis.conf")], stdout=log, stderr=log)
        for _try in range(200):
            with contextlib.suppress(redis.ConnectionError, redis.BusyLoadingError), self.client() as client:
                client.ping()
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError((self.folder / "log").read_text())

    def stop(self) -> None:
        """End it at once: what it did not write is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _certificates(self) -> None:
        argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        argv += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        argv += ["-keyout", str(self.folder / "key.pem"), "-out", str(self.folder / "cert.pem")]
        subprocess.run(argv, check=True, capture_output=True)


@contextlib.contextmanager
def running(folder: Path, options: dict[str, str] | None = None, **more: bool) -> Iterator[RedisServer]:
    """Have a server, and end it whatever happens."""
    server = RedisServer(folder, options, **more)
    try:
        server.start()
        yield server
    finally:
        server.stop()
