# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of all modules need: the argument spec as Ansible gets it, the documentation as people get it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.shimops.containerd.plugins.doc_fragments._shared import ModuleDocFragment
from ansible_collections.shimops.containerd.plugins.module_utils import _module
from ansible_collections.shimops.containerd.plugins.module_utils._host.layouts import TASK_DIRECTORY
from ansible_collections.shimops.containerd.tests.unit.support.scripted_shim import V2, ScriptedShim, ok

needs_root = pytest.mark.skipif(os.geteuid() != 0 or os.getegid() != 0, reason="the modules work only for root")

SENTENCES = (
    ({"timeout": 0}, "options: timeout=0.0 is not a time; give seconds above 0"),
    ({"timeout": -1}, "options: timeout=-1.0 is not a time; give seconds above 0"),
    ({"timeout": "nan"}, "options: timeout=nan is not a time; give seconds above 0"),
    ({"timeout": "inf"}, "options: timeout=inf is not a time; give seconds above 0"),
    ({"shim_timeout": 0}, "options: shim_timeout=0.0 is not a time; give seconds above 0"),
    ({"ids": ["x"] * 257}, "options: ids=257 are too many; name at most 256, or none for all."),
    ({"state_dir": "run"}, "options: state_dir=run is not an absolute path; give the whole path on the host."),
    ({"root_dir": "./r"}, "options: root_dir=./r is not an absolute path; give the whole path on the host."),
    ({"address": "s"}, "options: address=s is not an absolute path; give the whole path on the host."),
    ({"unit": "containerd"}, "options: unit=containerd is not a service unit; give its whole name, such as"),
    ({"unit": "-x.service;reboot"}, "options: unit=-x.service;reboot is not a service unit; give its whole name"),
    ({"unit": "a.service\n"}, " is not a service unit; give its whole name"),
    ({"ids": ["a\0b"]}, "options: ids holds a NUL character; name what exists on the host."),
    ({"layout": "openshift"}, "value of layout must be one of: auto, containerd, docker, docker_managed, k3s, rke2"),
    ({"detail": "all"}, "value of detail must be one of: summary, problems, full, got: all"),
    ({"nosuch": 1}, "Unsupported parameters"),
)


class _Taken(Exception):
    """Carries what a module gave to AnsibleModule."""


def taken(module, monkeypatch):
    """What main() of a module gives to AnsibleModule."""

    def take(**arguments):
        raise _Taken(arguments)

    monkeypatch.setattr(_module, "_Module", take)
    with pytest.raises(_Taken) as caught:
        module.main()
    return caught.value.args[0]


def plain(spec):
    """An option of the argument spec or of the documentation, with what is given and what is understood."""
    reported = {key: spec[key] for key in ("type", "elements", "default", "choices", "required") if key in spec}
    reported.setdefault("type", "str")
    if reported.get("required") is False:
        del reported["required"]
    if reported.get("default", "") is None:
        del reported["default"]
    return reported


def documented(module):
    """The options of a module's documentation, those of the fragment included."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed for this Python")
    text = yaml.safe_load(module.DOCUMENTATION)
    assert "shimops.containerd._shared" in text["extends_documentation_fragment"]
    options = dict(yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"])
    own = text.get("options", {})
    assert not set(own) & set(options), "an option is documented twice"
    options.update(own)
    if "shimops.containerd._shared.run" in text["extends_documentation_fragment"]:
        options.update(yaml.safe_load(ModuleDocFragment.RUN)["options"])
    for name, option in options.items():
        assert option.get("description"), name + " has no description"
    return {name: plain(option) for name, option in options.items()}


def returned(module):
    """The keys that a module's documentation promises, but for those that an option brings."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed for this Python")
    return {name for name, value in yaml.safe_load(module.RETURN).items() if not value["returned"].startswith("with O")}


def check_documentation(module, monkeypatch):
    """The argument spec is what the documentation says: names, types, elements, defaults, choices, required."""
    arguments = taken(module, monkeypatch)
    assert arguments["supports_check_mode"] is True
    spec = {name: plain(option) for name, option in arguments["argument_spec"].items()}
    assert spec == documented(module)
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed for this Python")
    text = yaml.safe_load(module.DOCUMENTATION)
    assert text["module"] == module.__name__.split(".")[-1] and yaml.safe_load(module.EXAMPLES)


def a_state_dir(tmp_path, *bundles):
    """A state directory; each bundle is (namespace, id, {file: text})."""
    root = tmp_path / "state"
    (root / TASK_DIRECTORY).mkdir(parents=True)
    for namespace, identifier, files in bundles:
        place = root / TASK_DIRECTORY / namespace / identifier
        place.mkdir(parents=True)
        for name, text in files.items():
            (place / name).write_text(text)
    return root


def a_living_bundle(shim, identifier="plain1"):
    """A bundle as 1.7 makes it, whose init process is this very process."""
    files = {"address": "unix://" + shim.path, "shim-binary-path": "/bin/sh", "init.pid": str(os.getpid())}
    return "default", identifier, files


def a_living_shim():
    """A shim of 1.7 that knows every id, and whose shim and init process is this very process."""
    shim, me = ScriptedShim(), os.getpid()
    shim.on(V2, "Connect", ok("ConnectResponse", shim_pid=me, task_pid=me))
    shim.on(V2, "State", ok("StateResponse", pid=me, status=2))
    shim.on(V2, "Pids", ok("PidsResponse", processes=[{"pid": me}]))
    return shim


def where(root):
    """The options that lead a module to that state directory, where no containerd runs."""
    assert not Path(str(root), "containerd.sock").exists()
    return {"state_dir": str(root), "address": str(root / "containerd.sock"), "root_dir": str(root / "none")}
