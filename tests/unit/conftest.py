# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of all unit tests."""

from __future__ import annotations

import json
import typing

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.shimops.containerd.plugins.module_utils._host import configuration, daemon


class ModuleRun(typing.NamedTuple):
    """How a module ended: the document it printed and its exit status."""

    result: dict
    status: int


def pytest_configure(config):
    """Run all tests of a worker in one process: a fork per test of ansible-test takes three times the tests' own time.

    A test undoes what it changes, so it needs no process of its own; plain pytest runs the suite in one process too.
    """
    forked = config.pluginmanager.get_plugin("ansible_forked")
    if forked is not None:
        config.pluginmanager.unregister(forked)


@pytest.fixture(autouse=True)
def nothing_is_known(monkeypatch):
    """A module's process knows nothing when it starts; here many tests share one."""
    monkeypatch.setattr(configuration, "_KNOWN", {})
    monkeypatch.setattr(daemon, "_VERSIONS", {})


@pytest.fixture
def run_module(capsys):
    """Run a module's main() as Ansible would, and give what it answered.

    ``run_module(shim_probe, check_mode=True, timeout=5)`` passes ``timeout`` as an option.
    """

    def run(module, check_mode=False, diff=False, **options):
        capsys.readouterr()
        arguments = dict(options, _ansible_check_mode=check_mode, _ansible_diff=diff)
        with patch_module_args(arguments), pytest.raises(SystemExit) as end:
            module.main()
        printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
        assert len(printed) == 1, f"a module answers with one document, not {len(printed)}"
        return ModuleRun(json.loads(printed[0]), int(end.value.code or 0))

    return run
