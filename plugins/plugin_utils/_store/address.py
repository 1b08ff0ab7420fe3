# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Address: where a Redis is, and which run in it, as the URL that modules hand on. Pure. Internal.

The URL never holds a password: it is shown in results, logs and reports.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import StoreError

#: What the query of a rediss:// URL may hold: files for TLS, as redis-py names them.
TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
PASSWORD = "the environment variable SHIMOPS_RUN_STORE_PASSWORD or the variable shimops_run_store_password"
_EXAMPLE = "give redis://HOST:PORT/DB or rediss://HOST:PORT/DB"
_RUN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63}):([0-9a-f]{16})")


class Address(NamedTuple):
    """A server, and how to talk to it.

    ``url`` is the whole of it without a run, as people see it.
    """

    url: str
    host: str
    port: int
    database: int
    user: str | None
    tls: bool
    files: dict[str, str]


def parse(wanted: str) -> Address:
    """Return the parts of a URL; raises StoreError for what is none, or has a password in it."""
    try:
        parts = urlsplit(wanted)
        port = parts.port or 6379
    except ValueError as error:
        raise StoreError(f"the run store is no URL ({error}); {_EXAMPLE}") from None
    # Before anything of it is shown.
    if parts.password is not None:
        raise StoreError(f"the URL of the run store has a password in it; give the password in {PASSWORD}")
    if parts.scheme not in ("redis", "rediss"):
        raise StoreError(f"the run store {wanted!r} has the scheme {parts.scheme!r}; {_EXAMPLE}")
    database = parts.path.strip("/") or "0"
    if not parts.hostname or not database.isdecimal():
        raise StoreError(f"the run store {wanted!r} has no host, or a database that is no number; {_EXAMPLE}")
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    tls = parts.scheme == "rediss"
    other = sorted(name for name in given if not tls or name not in TLS_FILES)
    if other:
        allowed = f"only rediss:// takes options, and these: {', '.join(TLS_FILES)}"
        raise StoreError(f"the run store has {', '.join(other)} in its URL; {allowed}")
    url = wanted.partition("#")[0]
    return Address(url, parts.hostname, port, int(database), parts.username, tls, given)


def split(run_folder: str) -> tuple[str, str, str]:
    """Return the URL, the run id and the generation that ``run_folder`` names; raises StoreError where it does not."""
    url, _hash, run = run_folder.partition("#")
    found = _RUN.fullmatch(run)
    if not found:
        raise StoreError(f"run_folder {run_folder!r} names no run; take what fleet_run returned with state begun")
    return url, found[1], found[2]
