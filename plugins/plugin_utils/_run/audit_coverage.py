# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Audited: which hosts of an audit were audited, and why the others were not. Internal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.shimops.containerd.plugins.plugin_utils._store.entries import DOCUMENT, HOST_DOCUMENT, Entry
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import Store


def missing(store: Store, hosts: Sequence[str]) -> dict[str, str]:
    """Return the hosts without a host document, each with the recorded reason."""
    there = store.hosts(HOST_DOCUMENT)
    absent = [host for host in hosts if host not in there]
    said: dict[str, Mapping] = {host: store.get(Entry(DOCUMENT, host)) or {} for host in absent}
    return {host: said[host].get("message") or "it was not asked" for host in absent}


def lines(run: dict, hosts: int, where: str, absent: dict[str, str]) -> Iterator[str]:
    """Yield the report for people, one line each."""
    audited = hosts - len(absent)
    yield f"Run {run['run_id']} (audit): {audited} audited, {len(absent)} not. Documents: {where}"
    yield from (f"  {host}: {reason}" for host, reason in absent.items())
