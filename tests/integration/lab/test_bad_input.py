# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Input and hosts that the modules cannot work with: one sentence that says what is wrong, and nothing is changed.

All questions to one host are tasks of one play.
"""

import json
from dataclasses import dataclass, field

import play
import pytest
import world

from lab import faults

PROBE, MIGRATE, RECONNECT, FACTS = "shim_probe", "shim_migrate", "shim_reconnect", "shim_bundle_facts"
ASKING, ALL = (PROBE, MIGRATE, RECONNECT), (PROBE, MIGRATE, RECONNECT, FACTS)
HERE = "/opt/lab-bad"
NOBODY = {
    "become": True,
    "become_user": "nobody",
    "become_method": "ansible.builtin.su",
    "become_flags": "-s /bin/sh",
}
BARE, ELSEWHERE = f"{HERE}/bare/bin/python3", f"{HERE}/python-elsewhere"

PREPARE = """
mkdir -p "$1/open"; cd "$1"
chmod 755 .
for name in world.sh others.sh open/in.sh; do printf '#!/bin/sh\\n' > "$name"; chmod 755 "$name"; done
chmod 757 world.sh; chown nobody others.sh; chmod 777 open
printf 'no program' > garbage.bin; chmod 755 garbage.bin
printf 'plain' > plain.sh; chmod 644 plain.sh

printf 'garbage' > garbage.json
printf '[]' > list.json
printf '{"schema": 1, "phase": "verified", "tasks": []}' > partial.json
printf '{"schema": 7, "phase": "verified", "tasks": []}' > future.json
head -c 100000 /dev/zero | tr '\\0' '[' > deep.json
printf '{}' > writable.json; chmod 666 writable.json
printf '{}' > others.json; chown nobody others.json
ln -s garbage.json link.json
mkfifo fifo.json
mkdir directory.json

/usr/bin/python3 -m venv --without-pip bare
printf '#!/bin/sh\\nexec unshare --net /usr/bin/python3 "$@"\\n' > python-elsewhere; chmod 755 python-elsewhere
"""

# Within one file system: the bundles hold mounts.
REMOVE_CONTAINERD = """
systemctl stop containerd
mkdir -p "$1"
mv /usr/bin/containerd /lib/systemd/system/containerd.service "$1"
mv /run/containerd/io.containerd.runtime.v2.task /run/lab-bad
systemctl daemon-reload
"""

RETURN_CONTAINERD = """
mv "$1/containerd" /usr/bin/
mv "$1/containerd.service" /lib/systemd/system/
mv /run/lab-bad /run/containerd/io.containerd.runtime.v2.task
rm -r "$1"
systemctl daemon-reload
systemctl start containerd
"""


@dataclass(frozen=True)
class Case:
    """One question: the modules it is put to, what is wrong, and words the answer has."""

    name: str
    modules: tuple
    args: dict
    words: tuple
    task: dict = field(default_factory=dict)


def command(name, program, *words):
    """A restart command that no root should run."""
    return Case(name, (RECONNECT,), {"restart_command": [program]}, ("restart_command", *words))


def ledger(name, file, *words):
    """A ledger that cannot be trusted, for a restart and for a verification."""
    path = f"{HERE}/{file}"
    return Case(name, ("verified", RECONNECT), {"ledger": path}, ("ledger", path, *words))


def option(modules, args, *words):
    """A value that an option does not take."""
    return Case(f"option {' '.join(args)}, {words[0]}", modules, args, ("options", *args, *words))


HEALTHY = [
    Case(
        "unknown namespace", (PROBE, MIGRATE, FACTS), {"namespaces": ["nosuch"]},
        ("scan", "nosuch", "there are: default, k8s.io"),
    ),
    option((RECONNECT,), {"namespaces": ["default"]}, "every task"),
    option((RECONNECT,), {"ids": ["plain1"]}, "every task"),
    Case("no state directory", ALL, {"state_dir": "/nowhere"}, ("scan", "/nowhere", "state_dir")),
    Case("not root", ALL, {"timeout": 30}, ("root", "become: true"), NOBODY),
    option(ALL, {"timeout": 0}, "seconds"),
    option(ALL, {"shim_timeout": -1}, "seconds"),
    option((PROBE, MIGRATE, FACTS), {"ids": [f"id{number}" for number in range(257)]}, "257", "256"),
    option(ALL, {"unit": "containerd"}, "containerd.service"),
    option(ALL, {"state_dir": "run/containerd"}, "absolute"),
    option((PROBE,), {"address": "/run/\0"}, "NUL"),
    Case("time is no number", (PROBE,), {"timeout": "nan"}, ("options", "timeout", "seconds")),
    Case("time without end", (PROBE,), {"timeout": "inf"}, ("options", "timeout", "seconds")),
    option((PROBE,), {"wait_timeout": -1}, "seconds"),
    option((RECONNECT,), {"settle": -1}, "seconds"),
    option((RECONNECT,), {"restart_timeout": 0}, "seconds"),
    Case("run id with a slash", (RECONNECT,), {"run_id": "a/b"}, ("options", "run_id", "letters")),
    option((RECONNECT,), {"ledger": "ledger.json"}, "absolute"),
    Case("no release", (PROBE, MIGRATE), {"target_version": "banana"}, ("forecast", "banana", "target_version")),
    Case("two lines", (PROBE,), {"target_version": "2.1\n9"}, ("target_version",)),
    Case("unknown unit", (RECONNECT,), {"unit": "nosuch.service"}, ("daemon", "nosuch.service", "unit")),
    command("relative command", "systemctl", "absolute"),
    command("empty command", "", "absolute"),
    command("command that is not there", f"{HERE}/nosuch", "cannot be found"),
    command("command of another user", f"{HERE}/others.sh", "users other than root"),
    command("command that all can write", f"{HERE}/world.sh", "users other than root"),
    command("command in a place that all can write", f"{HERE}/open/in.sh", "users other than root"),
    command("command that is no program", f"{HERE}/plain.sh", "cannot be executed"),
    Case("command of nonsense", (RECONNECT,), {"restart_command": [f"{HERE}/garbage.bin"]}, ("act", "garbage.bin")),
    ledger("ledger of garbage", "garbage.json", "damaged"),
    ledger("ledger of a list", "list.json", "damaged"),
    ledger("ledger with parts missing", "partial.json", "damaged"),
    ledger("ledger of the future", "future.json", "damaged"),
    ledger("ledger without end", "deep.json", "damaged"),
    ledger("ledger that all can write", "writable.json", "only root"),
    ledger("ledger of another user", "others.json", "only root"),
    ledger("link to a ledger", "link.json", "cannot be read"),
    ledger("fifo for a ledger", "fifo.json", "only root"),
    ledger("directory for a ledger", "directory.json", "only root"),
    Case("no ledger", ("verified",), {"ledger": f"{HERE}/nosuch.json"}, ("ledger", "nosuch.json", "state: recorded")),
    Case("ledger of others", ("recorded",), {"ledger": "/tmp/ledger.json"}, ("ledger", "/tmp", "other than root")),
    Case(
        "another network namespace", (RECONNECT,), {"timeout": 30}, ("net namespace",),
        {"vars": {"ansible_python_interpreter": ELSEWHERE}},
    ),
]  # fmt: skip
HEALTHY += [Case("another layout", ALL, {"layout": "k3s"}, ("daemon", "layout k3s", "k3s-agent.service", "or auto"))]
STOPPED = [
    Case("stopped", (RECONNECT, "recorded"), {"timeout": 30}, ("daemon", "systemctl start containerd.service")),
    Case("stopped, as it runs", (PROBE, MIGRATE), {"target_version": "running"}, ("running release", "target_version")),
]
TWO = [Case("two daemons", ASKING, {"layout": "auto"}, ("daemon", "2", faults.SECOND_STATE, "state_dir"))]
NO_PROTOBUF = [Case("no protobuf", ASKING, {"timeout": 30}, ("ask", "protobuf", "install python3-protobuf"))]
NO_CONTAINERD = [Case("no containerd", ALL, {"timeout": 30}, ("daemon", "not found on this host", "install it"))]
CASES = [*HEALTHY, *STOPPED, *TWO, *NO_PROTOBUF, *NO_CONTAINERD]
# In each run a case is put to the first of its modules; ./dev matrix puts it to all of them.
ASKED = [
    pytest.param(case, module, id=f"{case.name}-{module}", marks=() if number == 0 else pytest.mark.matrix)
    for case in CASES
    for number, module in enumerate(case.modules)
]
STATES = {RECONNECT: "restarted", "verified": "verified", "recorded": "recorded"}


def task(module, args, keywords=None):
    """A task of a play; a state of shim_reconnect stands for the module."""
    if module in STATES:
        args = {"state": STATES[module], "run_id": "bad", "settle": 0, **args}
        module = RECONNECT
    return {f"{play.FQCN}.{module}": args, "ignore_errors": True, **(keywords or {})}


def observe(fleet, host, folder, tasks):
    """Play named tasks on a host; each one's result. Nothing that people see of it is a traceback."""
    answers = folder / f"{host.name}-{len(list(folder.iterdir()))}"
    listed = [{**each, "name": name, "register": f"r{number}"} for number, (name, each) in enumerate(tasks.items())]
    numbered = ", ".join(f"{number}: r{number}" for number in range(len(listed)))
    keep = {"content": "{{ {" + numbered + "} | to_json }}", "dest": str(answers), "mode": "0600"}
    listed.append({"ansible.builtin.copy": keep, "delegate_to": "localhost", "vars": {"ansible_connection": "local"}})
    book = answers.with_suffix(".yml")
    book.write_text(json.dumps([{"hosts": host.name, "gather_facts": False, "tasks": listed}]))
    done = play.book(fleet, book)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stdout + done.stderr
    return dict(zip(tasks, json.loads(answers.read_text()).values()))


def questions(cases, asked):
    """The tasks of these cases, by (name of the case, module)."""
    return {
        f"{case.name}/{module}": task(module, case.args, case.task)
        for case in cases
        for module in case.modules
        if (case.name, module) in asked
    }


def view(host):
    """What stands on a host: containerd's process, its tasks, every file of the bundles, and the ledger."""
    listed = "cd /run/containerd/io.containerd.runtime.v2.task; find . -xdev -type f -printf '%p %i %s %C@\\n' | sort"
    return world.containerd(host), world.tasks(host), host.script(listed).splitlines(), world.ledger(host)


#: The test that puts every case to a module.
ASKS = "test_bad_input_is_reported_in_one_sentence"


@pytest.fixture(scope="module")
def answers(request, fleet, hosts, tmp_path_factory):
    """All answers, by the name of the case and the module; and what was true of the healthy host before and after."""
    folder, found = tmp_path_factory.mktemp("answers"), {}
    given = [item.callspec.params for item in request.session.items if item.originalname == ASKS]
    asked = {(params["case"].name, params["module"]) for params in given}

    def healthy(host):
        host.script(PREPARE, HERE)
        before = view(host)
        more = {
            "bare interpreter": task(PROBE, {"timeout": 30}, {"vars": {"ansible_python_interpreter": BARE}}),
            "bare interpreter restarts": task("recorded", {"ledger": f"{HERE}/good.json"}),
        }
        more["bare interpreter restarts"]["vars"] = {"ansible_python_interpreter": BARE}
        bare = host.run([BARE, "-c", "import google.protobuf"], check=False).returncode
        try:
            found.update(observe(fleet, host, folder, {**questions(HEALTHY, asked), **more}))
            found["bare"], found["views"] = bare, (before, view(host))
        finally:
            host.script('rm -r "$1"', HERE)

    def stopped_and_two(host):
        faults.apply(host, "containerd_stopped")
        found.update(observe(fleet, host, folder, questions(STOPPED, asked)))
        faults.apply(host, "containerd_stopped", undo=True)
        faults.apply(host, "second_daemon")
        place = {"state_dir": faults.SECOND_STATE, "address": f"{faults.SECOND_STATE}/containerd.sock"}
        more = {
            "two daemons, all facts": task(FACTS, {"timeout": 30}),
            "two daemons, one named": task(PROBE, {**place, "target_version": "running"}),
        }
        found.update(observe(fleet, host, folder, {**questions(TWO, asked), **more}))
        faults.apply(host, "second_daemon", undo=True)

    def nothing_installed(host):
        faults.apply(host, "protobuf_missing")
        more = {"no protobuf, facts": task(FACTS, {"timeout": 30})}
        found.update(observe(fleet, host, folder, {**questions(NO_PROTOBUF, asked), **more}))
        faults.apply(host, "protobuf_missing", undo=True)
        host.script(REMOVE_CONTAINERD, HERE)
        try:
            found.update(observe(fleet, host, folder, questions(NO_CONTAINERD, asked)))
        finally:
            host.script(RETURN_CONTAINERD, HERE)

    play.reset(fleet, hosts.values())
    works = {"1.7": healthy, "1.6": stopped_and_two, "2.1": nothing_installed}
    try:
        play.together(hosts.values(), lambda host: works[host.release](host))
    except BaseException:
        play.reset(fleet, hosts.values())
        raise
    return found


@pytest.mark.parametrize(("case", "module"), ASKED)
def test_bad_input_is_reported_in_one_sentence(answers, case, module):
    result = answers[f"{case.name}/{module}"]
    assert result["failed"] and not result["changed"], result
    message = result["msg"]
    assert message.endswith(".") and not message.endswith("..") and "\n" not in message, message
    assert "Traceback" not in json.dumps(result)
    assert result["stage"] == message.partition(":")[0], message
    for word in case.words:
        assert word in message, message


def test_bad_input_changes_nothing_on_the_host(answers):
    before, after = answers["views"]
    assert before == after and before[-1] is None


def test_an_interpreter_without_protobuf_is_left_for_one_that_has_it(answers):
    assert answers["bare"] == 1, "the interpreter has protobuf: nothing was tried"
    probed, recorded = answers["bare interpreter"], answers["bare interpreter restarts"]
    assert not probed["failed"] and probed["summary"]["outcomes"] == {"reattached": 8}, probed
    assert not recorded["failed"] and recorded["changed"], recorded


def test_facts_list_every_daemon(answers):
    shown = answers["two daemons, all facts"]["ansible_facts"]["containerd_shims"]
    assert shown["summary"]["instances"] == 2
    states = [instance["daemon"]["state_dir"] for instance in shown["instances"]]
    assert sorted(states) == ["/run/containerd", faults.SECOND_STATE]


def test_one_of_two_daemons_can_be_named(answers):
    result = answers["two daemons, one named"]
    assert not result["failed"] and result["summary"]["tasks"] == 1, result


def test_facts_need_no_protobuf(answers):
    assert answers["no protobuf, facts"]["ansible_facts"]["containerd_shims"]["summary"]["bundles"] == 8
