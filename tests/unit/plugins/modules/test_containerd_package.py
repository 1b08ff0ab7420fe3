# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""containerd_package: its options, its sentences, and staging with a scripted containerd and a scripted apt."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils import _stop_file
from ansible_collections.shimops.containerd.plugins.module_utils._host import daemon as daemons
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._packages import apt, dpkg, managers, policy, settings
from ansible_collections.shimops.containerd.plugins.module_utils._packages.package_manager import (
    Change,
    File,
    Manager,
    Package,
)
from ansible_collections.shimops.containerd.plugins.modules import containerd_package
from ansible_collections.shimops.containerd.tests.unit.plugins.modules.module_facts import (
    SENTENCES,
    check_documentation,
    needs_root,
    returned,
)

OLD, NEW = "1.7.24~ds1-6+deb13u1", "2.1.9+ds1-5"


def test_documentation(monkeypatch):
    check_documentation(containerd_package, monkeypatch)


@pytest.mark.parametrize("options, sentence", SENTENCES)
def test_bad_options(run_module, options, sentence):
    result, status = run_module(containerd_package, **dict({"version": "2.1.9"}, **options))
    assert status == 1 and result["failed"] and sentence in result["msg"] and "\n" not in result["msg"]


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"stage_timeout": 0}, "options: stage_timeout=0.0 is not a time; give seconds above 0"),
        ({"directory": "debs"}, "options: directory=debs is not an absolute path"),
        ({"tarball": "/x.tar.gz"}, "parameters are required together: tarball, checksum"),
        ({"directory": "/x", "repository": "deb x"}, "parameters are mutually exclusive"),
        ({"config": "replace"}, "value of config must be one of: keep, migrate"),
    ],
)
def test_bad_options_of_its_own(run_module, options, sentence):
    result, status = run_module(containerd_package, version="2.1.9", **options)
    assert status == 1 and sentence in result["msg"]


class FakeApt:
    """An apt that has these versions, and fetches files with those names."""

    versions = {NEW: "2.1.9", OLD: "1.7.24"}
    changed = [Change("containerd", OLD, NEW)]

    def __init__(self, room, source, deadline):
        self.room = room

    def version(self, package, wanted):
        return apt.version.choose(wanted, self.versions, package, "/srv")

    def changes(self, package, exact, again):
        return [one for one in self.changed if one.new == exact or one.name != package]

    def cached(self, package, exact):
        return apt.Apt.cached(self, package, exact)

    def fetch(self, package, exact, again):
        path = os.path.join(self.room, "containerd_{0}_amd64.deb".format(exact))
        with open(path, "w") as stream:
            stream.write(exact)
        return [path]


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host with containerd 1.7.24 from a package; what the new one says and reads can be changed."""
    config = tmp_path / "config.toml"
    config.write_text('version = 2\n[x.auth]\n  password = "secret"\n')
    here = Daemon(
        "containerd",
        "containerd.service",
        None,
        "/run/c",
        "/var/c",
        "/c.sock",
        None,
        "/usr/bin/containerd",
        "1.7.24",
        "1.7.24",
    )
    monkeypatch.setattr(daemons, "find", lambda options, deadline: [here])
    monkeypatch.setattr(_stop_file, "PLACE", str(tmp_path / "hold"))
    monkeypatch.setattr(policy, "PATH", str(tmp_path / "policy-rc.d"))
    monkeypatch.setattr(settings, "DEFAULT", str(config))
    monkeypatch.setattr(managers, "ALL", (Manager("apt", dpkg, FakeApt),))
    monkeypatch.setattr(apt, "_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(dpkg, "owner", lambda path, deadline: "containerd")
    monkeypatch.setattr(dpkg, "package", lambda name, deadline: Package(name, OLD, True))
    monkeypatch.setattr(dpkg, "described", lambda path, deadline: File("containerd", NEW, 1024))
    program = {
        "inside": "usr/bin/containerd",
        "runc": None,
        "name": "containerd",
        "says": "2.1.9",
        "reads": 0,
        "migrates": 'version = 3\n[x.auth]\n  password = "secret"\n',
    }

    def extract(path, wanted):
        text = (
            'case "$*" in *--version) echo {name} x {says};; *dump) echo no >&2; exit {reads};; '
            "*migrate) cat <<X\n{migrates}X\n;; esac\n".format(**program)
        )
        found = []
        for inside, script in ((program["inside"], text), ("usr/sbin/runc", program["runc"])):
            if inside in wanted and script is not None:
                with open(wanted[inside], "w") as stream:
                    stream.write("#!/bin/sh\n" + script)
                os.chmod(wanted[inside], 0o755)
                found.append(inside)
        return found

    monkeypatch.setattr(dpkg, "extract", extract)
    return tmp_path, {"staging": str(tmp_path / "staging"), "version": "2.1.9"}, program


def there(root):
    return sorted(os.listdir(str(root / "staging")))


@needs_root
def test_staged_with_the_way_back(run_module, host):
    root, options, _program = host
    result, status = run_module(containerd_package, **options)
    assert status == 0 and result["changed"] is True and set(result) >= returned(containerd_package)
    assert result["staged"] == str(root / "staging" / NEW) and result["rollback"]["path"] == str(root / "staging" / OLD)
    assert there(root) == [OLD, NEW]
    assert sorted(os.listdir(result["staged"])) == ["containerd_{0}_amd64.deb".format(NEW), "plan.json"]
    again, status = run_module(containerd_package, **options)
    assert status == 0 and again["changed"] is False and again["staged"] == result["staged"]


@needs_root
def test_check_mode_judges_and_fetches_nothing(run_module, host):
    root, options, _program = host
    result, status = run_module(containerd_package, check_mode=True, **options)
    assert status == 0 and result["changed"] is True and result["msg"] == "containerd 2.1.9 would be staged"
    assert not (root / "staging").exists()
    result, status = run_module(containerd_package, check_mode=True, **dict(options, version="2.2.7"))
    assert status == 1 and result["refused"] is True and result["msg"].endswith("; go to 2.1.9 first.")


@needs_root
@pytest.mark.parametrize(
    "version, sentence",
    [
        ("2.1", "package: version '2.1' does not name one release of containerd; pin it"),
        ("2.1.0", "path: 2.1.0 loses containers that were started in a pod of 1.7"),
        ("2.1.8", "package: containerd 2.1.8 is not in /srv, which has"),
        ("2.2.0~rc1", "path: 2.2.0~rc1 is not a released version of containerd"),
    ],
)
def test_refused_versions(run_module, host, version, sentence):
    root, options, _program = host
    result, status = run_module(containerd_package, **dict(options, version=version))
    assert status == 1 and result["changed"] is False and sentence in result["msg"]
    assert not (root / "staging").exists() or NEW not in there(root)


@needs_root
@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"says": "2.1.8"}, "holds containerd 2.1.8, not 2.1.9; bring another package."),
        ({"says": "; exit 126"}, "holds a containerd that does not run here ("),
        ({"name": "busybox"}, "holds another program than containerd (busybox x 2.1.9); bring another package."),
        ({"inside": "usr/bin/other"}, "has no usr/bin/containerd in it; name the package that containerd comes from."),
        (
            {"runc": "echo no such libc >&2; exit 1"},
            "holds a runc that does not run here (no such libc); bring another",
        ),
        ({"reads": 1}, "config.toml cannot be read by containerd 2.1.9 (no); correct it."),
    ],
)
def test_the_new_containerd_is_tried(run_module, host, change, sentence):
    root, options, program = host
    program.update(change)
    result, status = run_module(containerd_package, **options)
    assert status == 1 and sentence in result["msg"]
    assert not os.path.exists(str(root / "staging" / NEW / "plan.json")), "it cannot be installed"
    assert [name for name in os.listdir(str(root / "staging" / NEW)) if name.startswith("trial")] == []


@needs_root
def test_a_runc_that_comes_with_it_and_runs_is_fine(run_module, host):
    _root, options, program = host
    program["runc"] = "echo runc version 1.3.6"
    result, status = run_module(containerd_package, **options)
    assert status == 0 and result["changed"], result["msg"]


@needs_root
@pytest.mark.parametrize("more", [{}, {"tarball": "/srv/x.tar.gz", "checksum": "0" * 64}])
def test_the_containerd_of_a_product_is_not_replaced_below_it(run_module, host, monkeypatch, more):
    _root, options, _program = host
    found = daemons.find({}, None)[0]._replace(layout="k3s", executable="/var/lib/rancher/k3s/data/5b/bin/k3s")
    monkeypatch.setattr(daemons, "find", lambda given, deadline: [found])
    result, status = run_module(containerd_package, **dict(options, **more))
    assert status == 1 and not result["changed"]
    assert "bin/k3s is a part of k3s, which brings its own containerd; upgrade that, with tasks" in result["msg"]


@needs_root
def test_configuration_is_shown_and_staged_only_when_asked(run_module, host):
    root, options, program = host
    kept, _status = run_module(containerd_package, diff=True, **options)
    assert kept["config"] == {"path": str(root / "config.toml"), "differs": True, "applied": False}
    reported = json.dumps(kept["diff"])
    assert "version = 3" in reported and "version = 2" in reported and "secret" not in reported
    assert "diff" not in run_module(containerd_package, **options).result
    asked, _status = run_module(containerd_package, config="migrate", **options)
    assert asked["config"]["applied"] is True
    assert (root / "staging" / NEW / "config.toml").read_text() == program["migrates"]
    # The rollback installs the old one.
    assert (root / "staging" / OLD / "config.toml").read_text() == (root / "config.toml").read_text()


@needs_root
def test_other_packages_are_not_changed_unasked(run_module, host, monkeypatch):
    _root, options, _program = host
    monkeypatch.setattr(
        FakeApt, "changed", FakeApt.changed + [Change("libc6", "2.36", "2.41"), Change("runc", "1", "2")]
    )
    result, status = run_module(containerd_package, **options)
    assert status == 1 and result["msg"] == (
        "package: containerd 2.1.9 would also change libc6; do that first, or name them in dependencies."
    )
    assert run_module(containerd_package, dependencies=["libc6", "runc"], **options).status == 0


@needs_root
def test_a_program_of_no_package_needs_a_name(run_module, host, monkeypatch):
    _root, options, _program = host
    monkeypatch.setattr(dpkg, "owner", lambda path, deadline: None)
    result, status = run_module(containerd_package, **options)
    assert status == 1 and "package: /usr/bin/containerd belongs to no package; name a tarball" in result["msg"]
    for installed in (Package("containerd", OLD, True), None):
        monkeypatch.setattr(dpkg, "package", lambda name, deadline, known=installed: known)
        result, status = run_module(containerd_package, package="containerd", **options)
        assert status == 0 and (result["package"]["kind"], result["package"]["name"]) == ("apt", "containerd")


@needs_root
def test_without_a_way_back(run_module, host, monkeypatch):
    root, options, _program = host
    monkeypatch.setattr(FakeApt, "versions", {NEW: "2.1.9"})
    result, status = run_module(containerd_package, **options)
    assert status == 0 and result["rollback"]["path"] == "" and "is not in /srv" in result["rollback"]["reason"]
    result, status = run_module(containerd_package, require_rollback=True, **options)
    assert status == 1 and "package: the rollback cannot be staged (" in result["msg"]
    # What apt kept when it was installed will do.
    (root / "cache").mkdir()
    (root / "cache" / "containerd_{0}_amd64.deb".format(OLD)).write_text("old")
    result, status = run_module(containerd_package, require_rollback=True, **options)
    assert status == 0 and result["rollback"]["version"] == OLD


@needs_root
def test_what_is_on_the_disk_already_is_not_fetched(run_module, host, monkeypatch):
    root, options, _program = host
    there = root / "containerd"
    there.write_text("#!/bin/sh\necho containerd x 1.7.24\n")
    there.chmod(0o755)
    here = daemons.find(None, None)[0]._replace(executable=str(there))
    monkeypatch.setattr(daemons, "find", lambda options, deadline: [here])
    monkeypatch.setattr(FakeApt, "changed", [])
    result, status = run_module(containerd_package, **dict(options, version=OLD))
    assert status == 0 and (result["package"]["kind"], result["package"]["files"]) == ("nothing", [])
    # No process runs here, so the release is not in memory.
    assert result["current"] is False


@needs_root
def test_a_held_host_is_not_touched(run_module, host):
    root, options, _program = host
    (root / "hold").write_text("")
    result, status = run_module(containerd_package, **options)
    assert status == 1 and "holds this host" in result["msg"] and not (root / "staging").exists()


@needs_root
def test_what_a_killed_run_left_is_put_back_and_reported(run_module, host):
    root, options, _program = host
    killed = policy.denied()
    killed.__enter__()
    result, status = run_module(containerd_package, **options)
    assert status == 0 and result["repaired"] == [str(root / "policy-rc.d") + " removed"]
    assert not (root / "policy-rc.d").exists()
