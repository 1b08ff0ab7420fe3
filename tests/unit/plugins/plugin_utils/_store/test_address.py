# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address of a run store: what it may hold, and that no password is ever shown."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.plugin_utils._store import address
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import StoreError


def test_what_it_says_and_what_it_leaves_out():
    assert address.parse("redis://store.example.com") == address.Address(
        "redis://store.example.com", "store.example.com", 6379, 0, None, False, {}
    )
    found = address.parse("rediss://shimops@store.example.com:7000/3?ssl_ca_certs=/etc/ca.pem#run:0123456789abcdef")
    assert found[1:6] == ("store.example.com", 7000, 3, "shimops", True)
    assert found.files == {"ssl_ca_certs": "/etc/ca.pem"} and "#" not in found.url


def test_a_run_in_it():
    url = "redis://h:1/2"
    assert address.split(f"{url}#kernel-7:0123456789abcdef") == (url, "kernel-7", "0123456789abcdef")
    for wrong in (url, f"{url}#kernel-7", f"{url}#../x:0123456789abcdef", f"{url}#kernel-7:short"):
        with pytest.raises(StoreError, match="names no run; take what fleet_run returned"):
            address.split(wrong)


@pytest.mark.parametrize(
    "url",
    ["redis://:secret@h/0", "redis://u:secret@h/0", "http://:secret@h", "redis://:secret@h:port", "redis://:secret@"],
)
def test_a_password_is_refused_and_never_shown(url):
    with pytest.raises(StoreError) as problem:
        address.parse(url)
    assert "secret" not in str(problem.value)
