# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""containerd's own lists, from what real ctr prints."""

from __future__ import annotations

import os
import stat

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._host import command
from ansible_collections.shimops.containerd.plugins.module_utils._host.command import Output
from ansible_collections.shimops.containerd.plugins.module_utils._host.ctr import Ctr, Task
from ansible_collections.shimops.containerd.tests.unit.support import captured

RUNC = "io.containerd.runc.v2"
CTR = Ctr(["/opt/bin/ctr"], "/run/c.sock")


@pytest.fixture
def prints(monkeypatch):
    """Let ctr print that; gives the command lines it was run with."""
    ran = []

    def prepare(output):
        def run(argv, deadline):
            ran.append(argv)
            return output

        monkeypatch.setattr(command, "run", run)
        return ran

    return prepare


def plain_pid(release):
    return int(captured.content(release, "plain", "init.pid"))


@pytest.mark.parametrize("release", captured.RELEASES)
def test_real_tasks(prints, release):
    ran = prints(captured.output(release, "ctr-default-tasks"))
    found = CTR.tasks("default", Deadline(5))
    assert set(found) == {"plain1", "plain2"} and found["plain1"] == Task(plain_pid(release), "running")
    assert ran == [["/opt/bin/ctr", "--address", "/run/c.sock", "--namespace", "default", "tasks", "ls"]]
    prints(captured.output(release, "ctr-k8s.io-tasks"))
    pods = CTR.tasks("k8s.io", Deadline(5))
    assert len(pods) == 6 and {task.status for task in pods.values()} == {"running"}
    workload = captured.manifest(release, "pod_workload")["id"]
    assert pods[workload].pid == int(captured.content(release, "pod_workload", "init.pid"))


@pytest.mark.parametrize("release", captured.RELEASES)
def test_real_tasks_that_do_not_run(prints, release):
    prints(captured.output(release, "ctr-default-tasks-exited"))
    assert CTR.tasks("default", Deadline(5))["exit7"].status == "stopped"
    prints(captured.output(release, "ctr-default-tasks-paused"))
    assert CTR.tasks("default", Deadline(5))["plain2"].status == "paused"


@pytest.mark.parametrize("release", captured.RELEASES)
def test_real_containers(prints, release):
    prints(captured.output(release, "ctr-default-containers"))
    assert CTR.containers("default", Deadline(5)) == {"plain1": RUNC, "plain2": RUNC}
    prints(captured.output(release, "ctr-k8s.io-containers"))
    pods = CTR.containers("k8s.io", Deadline(5))
    assert len(pods) == 6 and set(pods.values()) == {RUNC}
    assert captured.manifest(release, "pod_sandbox")["id"] in pods


@pytest.mark.parametrize("release, count", [("1.6.20", None), ("1.7.24", 0), ("2.1.9", 2)])
def test_real_sandboxes(prints, release, count):
    prints(captured.output(release, "ctr-k8s.io-sandboxes"))
    found = CTR.sandboxes("k8s.io", Deadline(5))
    if count is None:
        # 1.6 has no such command: an absent answer.
        assert found is None
    else:
        assert len(found) == count
        assert (captured.manifest(release, "pod_sandbox")["id"] in found) == bool(count)


@pytest.mark.parametrize("release", captured.RELEASES)
def test_a_namespace_without_anything_is_an_empty_list(prints, release):
    prints(captured.output(release, "ctr-nosuchns-tasks"))
    assert CTR.tasks("nosuchns", Deadline(5)) == {}
    prints(captured.output(release, "ctr-nosuchns-containers"))
    assert CTR.containers("nosuchns", Deadline(5)) == {}


@pytest.mark.parametrize(
    "output", [Output(None, "TASK PID STATUS\n", ""), Output(1, "", "refused"), Output(127, "", "")]
)
def test_an_absent_answer_is_never_an_empty_list(prints, output):
    prints(output)
    assert CTR.tasks("default", Deadline(5)) is None
    assert CTR.containers("default", Deadline(5)) is None
    assert CTR.sandboxes("default", Deadline(5)) is None


def test_rows_that_are_none_are_passed_over(prints):
    prints(Output(0, "TASK PID STATUS\na 7 RUNNING\n\nb x RUNNING\nc 8\nd 9 PAUSED more\n", ""))
    assert CTR.tasks("default", Deadline(5)) == {"a": Task(7, "running")}


def a_program(tmp_path, text):
    path = tmp_path / "ctr"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Ctr([str(path)], "/run/c.sock")


def test_the_ctr_next_to_the_executable_is_run_and_only_its_output_counts(tmp_path):
    ctr = a_program(tmp_path, 'echo "WARN deprecated 1 2" >&2; printf "TASK PID STATUS\\nplain1 7 RUNNING\\n"')
    assert ctr.tasks("default", Deadline(20)) == {"plain1": Task(7, "running")}
    assert ctr.sandboxes("default", Deadline(20)) == {"plain1"}


def test_a_ctr_that_hangs_is_an_absent_answer_and_ends_with_its_children(tmp_path):
    ctr = a_program(tmp_path, 'sleep 1000 & echo $! > {0}; echo "TASK PID STATUS"; wait'.format(tmp_path / "pid"))
    assert ctr.tasks("default", Deadline(1)) is None
    child = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        # A killed child may be a zombie until somebody reaps it, but then it runs no more.
        while open("/proc/{0}/stat".format(child)).read().split()[2] != "Z":
            os.kill(child, 0)
        raise ProcessLookupError


def test_no_ctr_is_an_absent_answer(tmp_path):
    assert Ctr([str(tmp_path / "ctr")], "/run/c.sock").tasks("default", Deadline(5)) is None


def test_all_tasks_are_those_of_every_namespace_or_not_known(tmp_path):
    lists = 'case "$*" in *"namespaces ls -q") printf "default\\nmoby\\nempty\\n";;'
    lists += ' *"default tasks ls") printf "TASK PID STATUS\\nplain1 7 RUNNING\\n";;'
    lists += ' *"moby tasks ls") printf "TASK PID STATUS\\nweb 8 RUNNING\\n";;'
    ctr = a_program(tmp_path, lists + ' *"empty tasks ls") echo "TASK PID STATUS";; *) exit 1;; esac')
    found = {"default": {"plain1": Task(7, "running")}, "moby": {"web": Task(8, "running")}, "empty": {}}
    assert ctr.all_tasks(Deadline(20)) == found
    # Those that are likely are listed at once; one that containerd does not have is no answer.
    assert ctr.all_tasks(Deadline(20), ["default", "gone"]) == found
    # One list that is missing makes the whole unknown: a task in it would be left out in silence.
    assert a_program(tmp_path, lists + " *) exit 1;; esac").all_tasks(Deadline(20)) is None
    assert a_program(tmp_path, "exit 1").all_tasks(Deadline(20)) is None


def test_five_thousand_tasks_are_read(tmp_path):
    lists = (
        'case "$*" in *"ls -q") echo default;; *) echo "TASK PID STATUS"; seq 5000 | sed "s/.*/c& & RUNNING/";; esac'
    )
    assert len(a_program(tmp_path, lists).all_tasks(Deadline(20))["default"]) == 5000
