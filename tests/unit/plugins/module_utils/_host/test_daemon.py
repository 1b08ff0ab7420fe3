# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containerd is meant, what its next start would be, and which client belongs to it."""

from __future__ import annotations

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import (
    configuration,
    daemon,
    daemon_paths,
    processes,
)
from ansible_collections.shimops.containerd.plugins.module_utils._host import unit as systemd
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon_paths import Places
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import Process
from ansible_collections.shimops.containerd.plugins.module_utils._host.unit import Unit
from ansible_collections.shimops.containerd.tests.unit.support.observations import a_daemon

AUTO = {"layout": "auto"}
RUNS, SOCKET = Process(51, 1234), "/run/containerd/containerd.sock"


def a_unit(**fields):
    values = {"name": "containerd.service", "active_state": "active", "main_pid": 51, "kill_mode": "process"}
    values.update(delegate=True, need_daemon_reload=False, timeout_start=90.0, restarts=0, invocation_id="x")
    values.update(exec_start="/usr/bin/containerd", arguments=["--log-level", "info"], drop_ins=[])
    return Unit(**dict(values, **fields))


@pytest.fixture
def host(monkeypatch, tmp_path):
    """Find the daemons of a host with these processes, by pid, and what each shows of its places."""
    dumped = []

    def give(
        places,
        unit=None,
        path="/usr/bin/containerd",
        arguments=("--log-level", "info"),
        listens=True,
        unit_of=lambda pid: None,
        another_path=lambda pid, paths: None,
    ):
        monkeypatch.setattr(daemon, "_processes", lambda: list(places))
        monkeypatch.setattr(daemon_paths, "places", lambda pid, ask: places[pid])
        monkeypatch.setattr(daemon_paths, "listens_on", lambda pid: [SOCKET] if listens else [])
        monkeypatch.setattr(daemon, "LAYOUTS", {"containerd": daemon.LAYOUTS["containerd"]._replace(state_dir="/none")})
        monkeypatch.setattr(systemd, "look_up", lambda name, deadline: unit)
        monkeypatch.setattr(daemon, "_serving", lambda address, deadline: RUNS if places else None)
        monkeypatch.setattr(daemon, "_version", lambda program, deadline: "2.3.4")
        monkeypatch.setattr(daemon, "_same_file", lambda path, pid: True)
        monkeypatch.setattr(processes, "in_unit", lambda pid, name: True)
        monkeypatch.setattr(processes, "unit_of", unit_of)
        monkeypatch.setattr(processes, "another_path", another_path)
        monkeypatch.setattr(processes, "executable", lambda pid: path)
        monkeypatch.setattr(processes, "arguments", lambda pid: [path, *arguments])
        monkeypatch.setattr(
            configuration, "effective", lambda program, words, deadline: dumped.append((program, words)) or "configured"
        )
        return daemon.find(AUTO, Deadline(5))

    give.dumped = dumped
    return give


def test_the_kernels_word_is_enough(host):
    (found,) = host({51: Places("/run/containerd", "/var/lib/containerd", SOCKET)}, a_unit())
    assert (found.state_dir, found.root_dir, found.address) == ("/run/containerd", "/var/lib/containerd", SOCKET)
    assert (found.layout, found.running, found.configured) == ("containerd", "2.3.4", "configured")
    assert host.dumped == [("/usr/bin/containerd", ["--log-level", "info"])]


def test_one_that_says_nothing_is_a_sentence(host):
    with pytest.raises(ShimError) as caught:
        host({51: Places(None, "/var/lib/containerd", None)}, a_unit())
    assert str(caught.value) == (
        "daemon: containerd (pid 51) does not show its state_dir and address, and neither does its configuration; "
        "name them with state_dir, root_dir and address."
    )


def test_one_that_has_only_just_been_started_is_passed_over(host):
    with pytest.raises(ShimError, match="was not found"):
        host({51: Places(None, None, None)}, None, listens=False)


HERE = {51: Places("/run/containerd", "/var/lib/containerd", SOCKET)}


@pytest.mark.parametrize(
    "unit, path, expected",
    [
        # The unit has changed since, or a script stands in the place of containerd.
        (a_unit(arguments=["--config", "/c"]), "/usr/bin/containerd", ("/usr/bin/containerd", ["--config", "/c"])),
        (a_unit(), "/usr/lib/cd/containerd", ("/usr/bin/containerd", ["--log-level", "info"])),
        # What a variable is made of, only the process knows.
        (a_unit(arguments=["$OPTIONS"]), "/usr/bin/containerd", ("/usr/bin/containerd", ["-x"])),
        # A supervisor starts it, or a shell: neither is asked for a configuration.
        (a_unit(main_pid=7, exec_start="/usr/bin/dockerd"), "/usr/bin/containerd", ("/usr/bin/containerd", ["-x"])),
        (a_unit(exec_start="/bin/sh"), "/opt/bin/containerd", ("/opt/bin/containerd", ["-x"])),
        (None, "/opt/bin/containerd", ("/opt/bin/containerd", ["-x"])),
    ],
)
def test_the_next_start(host, unit, path, expected):
    host(HERE, unit, path, ["-x"])
    assert host.dumped == [expected]


@pytest.mark.parametrize(
    "units, state, unit, there",
    [
        ((), False, None, False),
        (("k3s-agent.service",), False, None, True),
        ((), True, None, True),
        (("k3s.service",), False, "mine.service", False),
        (("mine.service",), False, "mine.service", True),
    ],
)
def test_a_layout_that_is_named_has_to_be_there(tmp_path, monkeypatch, units, state, unit, there):
    place = tmp_path / "state"
    if state:
        place.mkdir()
    layout = daemon.LAYOUTS["k3s"]._replace(state_dir=str(place))
    monkeypatch.setattr(daemon, "LAYOUTS", {"k3s": layout})
    monkeypatch.setattr(systemd, "look_up", lambda name, deadline: a_unit(name=name) if name in units else None)
    monkeypatch.setattr(daemon, "_observe", lambda place, unit_name, deadline: place.name)
    options = {"layout": "k3s", "unit": unit}
    if there:
        assert daemon.find(options, Deadline(5)) == ["k3s"]
        return
    with pytest.raises(ShimError, match="layout k3s is not on this host, which has neither .* nor .*state; set the"):
        daemon.find(options, Deadline(5))


def test_a_stopped_one_is_known_by_its_unit(host):
    (found,) = host({}, a_unit(main_pid=None))
    assert (found.process, found.executable, found.installed) == (None, "/usr/bin/containerd", "2.3.4")
    assert host.dumped == [("/usr/bin/containerd", ["--log-level", "info"])]


def test_the_client_is_looked_for_next_to_the_program_then_where_programs_are(tmp_path, monkeypatch):
    places = {name: tmp_path / name / "ctr" for name in ("lib", "bin", "path", "root")}
    for place in places.values():
        place.parent.mkdir()
    monkeypatch.setattr(processes, "search_path", lambda pid: "relative:{0}".format(places["path"].parent))
    monkeypatch.setattr(daemon.command, "SAFE_PATH", str(places["root"].parent))
    unit = a_unit(exec_start=str(places["bin"].with_name("containerd")))
    one = a_daemon(executable=str(places["lib"].with_name("containerd")), unit=unit)
    assert one.ctr().program == (str(places["lib"]),)
    for name in ("root", "path", "bin", "lib"):
        places[name].write_text("")
        assert one.ctr().program != (str(places[name]),), "it cannot be run"
        places[name].chmod(0o755)
        assert one.ctr().program == (str(places[name]),)


def test_the_client_that_is_a_part_of_the_program_of_the_unit(tmp_path, monkeypatch):
    program = tmp_path / "k0s"
    monkeypatch.setattr(processes, "search_path", lambda pid: None)
    one = a_daemon(executable=str(tmp_path / "bin" / "containerd"), unit=a_unit(exec_start=str(program)))
    assert one.ctr().program != (str(program), "ctr")
    program.write_text("")
    program.chmod(0o755)
    assert one.ctr().program == (str(program), "ctr")


def test_k3s_is_one_program_of_many_names(monkeypatch):
    k3s = "/var/lib/rancher/k3s/data/5b/bin/k3s"
    programs = {51: k3s, 52: "/usr/bin/containerd", 53: "/opt/containerd-stress", 54: k3s}
    commands = {51: "containerd", 52: "containerd", 53: "containerd-stres", 54: "k3s-server"}
    monkeypatch.setattr(processes.os, "listdir", lambda path: [str(pid) for pid in programs] + ["uptime"])
    monkeypatch.setattr(processes, "executable", programs.get)
    monkeypatch.setattr(processes, "command_name", commands.get)
    monkeypatch.setattr(processes, "shares_namespaces", lambda pid: True)
    assert daemon._processes() == [51, 52]


@pytest.mark.parametrize("main_pid, supervised", [(7, True), (51, False), (None, False)])
def test_whether_another_program_started_it(main_pid, supervised):
    assert a_daemon(process=RUNS, unit=a_unit(main_pid=main_pid)).supervised is supervised
    assert a_daemon(process=None, unit=a_unit(main_pid=main_pid)).supervised is False
    assert a_daemon(process=RUNS, unit=None).supervised is False


@pytest.mark.parametrize("later, gone, replaced", [(0, False, False), (3, False, True), (0, True, True)])
def test_whether_the_program_of_a_unit_was_replaced_since_it_was_started(tmp_path, monkeypatch, later, gone, replaced):
    program = tmp_path / "k3s"
    program.write_text("")
    unit = a_unit(exec_start=str(program))
    monkeypatch.setattr(processes, "look_up", lambda pid: Process(pid, 1))
    monkeypatch.setattr(processes, "started_at", lambda process: program.stat().st_ctime - later if not gone else 0.0)
    if gone:
        program.unlink()
    assert daemon._replaced(unit) is replaced


@pytest.mark.parametrize(
    "layout, main_pid, installed",
    # The program that the unit of MicroK8s names is snap, which brings nothing.
    [("k3s", 7, None), ("docker_managed", 7, "2.3.4"), ("microk8s", 51, "2.3.4")],
)
def test_what_a_new_program_of_a_product_brings_is_not_known(host, monkeypatch, layout, main_pid, installed):
    monkeypatch.setattr(daemon, "named_by", lambda state_dir, root_dir: layout)
    monkeypatch.setattr(daemon, "_units", lambda name, pid: ("one.service",))
    monkeypatch.setattr(daemon, "_replaced", lambda unit: True)
    (found,) = host(HERE, a_unit(main_pid=main_pid))
    assert (found.layout, found.running, found.installed) == (layout, "2.3.4", installed)


@pytest.mark.parametrize(
    "given, in_cgroup, expected",
    [
        (None, "my-containerd.service", "my-containerd.service"),
        (None, None, "containerd.service"),
        ("named.service", "my-containerd.service", "named.service"),
    ],
)
def test_the_unit_is_that_of_the_process(host, monkeypatch, given, in_cgroup, expected):
    asked = []
    (found,) = host(HERE, a_unit(), unit_of=lambda pid: in_cgroup)
    monkeypatch.setattr(systemd, "look_up", lambda name, deadline: asked.append(name) or a_unit(name=name))
    (found,) = daemon.find(dict(AUTO, unit=given), Deadline(5))
    assert asked[0] == found.unit_name == expected


def test_a_containerd_with_other_files_is_named_only_where_there_is_no_other(host):
    def elsewhere(pid, paths):
        return "/run/containerd" if pid == 7 else None

    other = {7: Places("/run/containerd", "/var/lib/containerd", SOCKET)}
    (found,) = host({**HERE, **other}, another_path=elsewhere)
    assert found.state_dir == HERE[51].state_dir
    with pytest.raises(ShimError) as caught:
        host(other, another_path=elsewhere)
    assert "(pid 7) has another /run/containerd than this module" in str(caught.value)
