# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Audited: which hosts of an audit were audited, and why the others were not. Internal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ansible_collections.shimops.containerd.plugins.plugin_utils._run import files
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_host import RunHost


def host_path(folder: Path, host: str) -> Path:
    """Return where a run keeps the host document of that host."""
    return folder / "documents" / f"{files.quoted(host)}.host.json"


def missing(folder: Path, hosts: Sequence[str]) -> dict[str, str]:
    """Return the hosts without a host document, each with the recorded reason."""
    absent = [host for host in hosts if not host_path(folder, host).exists()]
    return {host: RunHost(str(folder), host).document()["message"] or "it was not asked" for host in absent}


def lines(run: dict, hosts: int, folder: Path, absent: dict[str, str]) -> Iterator[str]:
    """Yield the report for people, one line each."""
    audited = hosts - len(absent)
    yield f"Run {run['run_id']} (audit): {audited} audited, {len(absent)} not. Documents: {folder}"
    yield from (f"  {host}: {reason}" for host, reason in absent.items())
