# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modes: what is too open, and that its command closes it; the rows of the host document; the shim processes."""

from __future__ import annotations

import os
import subprocess

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._audit import document_rows, host_document, permissions
from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._host import shim_processes
from ansible_collections.shimops.containerd.plugins.module_utils._host.processes import look_up
from ansible_collections.shimops.containerd.plugins.module_utils._shim.answers import CLOSED, TOO_LITTLE_TIME
from ansible_collections.shimops.containerd.tests.unit.support.inventories import a_host, a_place, a_shim, a_socket
from ansible_collections.shimops.containerd.tests.unit.support.observations import (
    a_bundle,
    a_daemon,
    parameters,
    said,
    silent,
)


@pytest.fixture
def place(tmp_path):
    place = a_place(tmp_path, "plain1")
    for path, mode in (
        (place, 0o700),
        (place.parent, 0o711),
        (place.parent.parent, 0o711),
        (tmp_path / "state", 0o711),
    ):
        path.chmod(mode)
    return place


def reported(inventory):
    return [(one["kind"], one["mode"], one["expected"]) for one in permissions.find(inventory)]


def test_what_containerd_sets_is_well(tmp_path, place):
    path = a_socket(tmp_path / "s" / "one")
    path.chmod(0o600)
    path.parent.chmod(0o600)
    assert reported(a_host(tmp_path, [a_shim("plain1", sockets=[str(path)])])) == []
    path.parent.chmod(0o700)
    place.chmod(0o710)
    assert reported(a_host(tmp_path, [a_shim("plain1", sockets=[str(path)])])) == []


@pytest.mark.parametrize(
    "part, mode, finding",
    [
        ("socket", 0o666, ("shim_socket", "0666", "0600")),
        ("socket", 0o620, ("shim_socket", "0620", "0600")),
        ("sockets", 0o711, ("socket_directory", "0711", "0700")),
        ("state", 0o731, ("state_directory", "0731", "0711")),
        ("namespace", 0o1777, ("namespace_directory", "1777", "0711")),
        ("bundle", 0o755, ("bundle", "0755", "0700")),
        ("bundle", 0o711, ("bundle", "0711", "0700")),
    ],
)
def test_what_is_too_open(tmp_path, place, part, mode, finding):
    path = a_socket(tmp_path / "s" / "one")
    path.chmod(0o600)
    path.parent.chmod(0o700)
    parts = {"socket": path, "sockets": path.parent, "state": tmp_path / "state", "namespace": place.parent}
    parts["bundle"] = place
    parts[part].chmod(mode)
    inventory = a_host(tmp_path, [a_shim("plain1", sockets=[str(path)])])
    assert reported(inventory) == [finding]
    (one,) = permissions.find(inventory)
    assert one["path"] == str(parts[part]) and one["owner"] == "{0}:{1}".format(os.geteuid(), os.getegid())
    subprocess.run(["sh", "-euc", one["command"]], check=True)
    assert reported(inventory) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_belongs_to_another(tmp_path, place):
    os.chown(place, 65534, 0)
    (one,) = permissions.find(a_host(tmp_path))
    assert (one["kind"], one["id"], one["reason"]) == ("bundle", "plain1", "it belongs to uid 65534")
    subprocess.run(["sh", "-euc", one["command"]], check=True)
    assert permissions.find(a_host(tmp_path)) == []


@pytest.mark.parametrize(
    "answers, word",
    [
        (None, "not_asked"),
        (said(), "ok"),
        (said("v3"), "ok"),
        (said(""), "refused"),
        (said(code=13), "refused"),
        (silent("D1"), "unreachable"),
        (silent("D2"), "unreachable"),
        (silent("D3"), "silent"),
        (silent("D4"), "silent"),
        (silent("D5"), "refused"),
        (silent("D3", asked=False), "unsure"),
        (silent("A8", asked=False), "unsure"),
    ],
)
def test_the_word_for_connect(answers, word):
    assert document_rows.answer_word(answers) == word


@pytest.mark.parametrize(
    "answers, word",
    [
        (None, "not_asked"),
        (said(), "ok"),
        (said(pids=[]), "ok"),
        (said(pids=None), "not_asked"),
        (said(pids=None, pids_failure=(None, "no answer")), "silent"),
        (said(pids=None, pids_failure=(TOO_LITTLE_TIME, "")), "unsure"),
        (said(pids=None, pids_failure=(CLOSED, "")), "refused"),
        (said(pids=None, pids_failure=(2, "runc did not")), "refused"),
    ],
)
def test_the_word_for_pids(answers, word):
    assert document_rows.pids_word(answers) == word


@pytest.mark.parametrize(
    "bootstrap_json, address, installed, wanted",
    [
        (None, "unix:///s", "1.7.24", ("address", 2, False)),
        (None, "unix:///s", "2.1.9", ("address", 2, True)),
        (parameters(3), None, "2.1.9", ("bootstrap.json", 3, False)),
        (parameters(2), "unix:///s", "2.1.9", ("both", 2, False)),
        (None, None, "2.1.9", ("none", None, False)),
        (parameters(9), None, None, ("bootstrap.json", None, False)),
    ],
)
def test_the_form_of_a_bundle(bootstrap_json, address, installed, wanted):
    bundle = a_bundle(bootstrap_json, address)
    row = document_rows._bootstrap(bundle, a_daemon(installed=installed, running=None))
    assert (row["kind"], row["version"], row["legacy"]) == wanted


def test_lists_are_cut_and_it_is_counted():
    lists = {"bundles": list(range(7)), "shims": [1], "modes": None}
    assert document_rows.cut(lists, 3) == 4 and lists == {"bundles": [0, 1, 2], "shims": [1], "modes": None}


def test_the_code_of_a_process(tmp_path):
    program = tmp_path / "program"
    program.write_bytes(open("/bin/sleep", "rb").read())
    program.chmod(0o755)
    with subprocess.Popen([str(program), "1000"]) as process:
        try:
            assert shim_processes.code_of(process.pid) == "current"
            program.unlink()
            assert shim_processes.code_of(process.pid) == "deleted"
            program.write_text("another")
            assert shim_processes.code_of(process.pid) == "replaced"
        finally:
            process.kill()
    assert shim_processes.code_of(process.pid) is None


def test_each_program_is_asked_for_its_version_once(monkeypatch):
    calls = []

    def run(argv, deadline):
        calls.append(argv)
        return shim_processes.command.Output(0, "x:\n  Version:  1.7.24~ds1\n  Revision: y\n", "")

    monkeypatch.setattr(shim_processes.command, "run", run)
    me = os.getpid()
    found = [a_shim(name)._replace(process=look_up(me)) for name in ("a", "b")]
    assert shim_processes.versions(found, Deadline(5)) == {me: "1.7.24"}
    assert calls == [["/proc/{0}/exe".format(me), "-v"]]
    # Who knows what another program does with -v.
    other = [found[0]._replace(executable="/usr/bin/containerd-shim-kata-v2")]
    assert shim_processes.versions(other, Deadline(5)) == {me: None} and len(calls) == 1


@pytest.mark.parametrize(
    "words, wanted",
    [
        (["shim", "-namespace", "k8s.io", "-id", "x"], "k8s.io"),
        (["shim", "--namespace", "k8s.io"], "k8s.io"),
        (["shim", "-namespace"], None),
        (["shim"], None),
    ],
)
def test_flags_as_go_writes_them(words, wanted):
    assert shim_processes._option(words, "namespace") == wanted


def test_a_unit_that_starts_another_file(tmp_path):
    class Unit:
        exec_start = str(tmp_path / "containerd")

    me = look_up(os.getpid())
    assert host_document._starts_another(a_daemon(unit=None, process=me)) is False
    assert host_document._starts_another(a_daemon(unit=Unit, process=me)) is True
    (tmp_path / "containerd").symlink_to(os.readlink("/proc/self/exe"))
    assert host_document._starts_another(a_daemon(unit=Unit, process=me)) is False
    # What embeds containerd starts itself.
    Unit.exec_start = "/usr/local/bin/k3s"
    assert host_document._starts_another(a_daemon(unit=Unit, process=me)) is False
