# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""k3s, RKE2, k0s and MicroK8s: the real containerd below what starts it as they do (the supervisor is emulated)."""

import packages
import play
import pytest
import supervised
import upgrades
from upgrades import Upgrade

# $1 is a package of containerd, $2 where its programs go, $3 where those are that run, $4 the program of the product.
NEW_PROGRAM = """
mkdir -p "$2"
dpkg-deb --extract "$1" /tmp/tree
cp /tmp/tree/usr/bin/* "$2"
cp "$3/runc" "$2"
rm -r /tmp/tree
sed "s,$3,$2,g" "$4" > "$4.new"
chmod 755 "$4.new"
"""
# The unit of MicroK8s starts containerd itself.
SUPERVISORS = [name for name in supervised.PRODUCTS if name != "microk8s"]
# What differs between them least is tried with one of them each time, and with all in ./dev matrix.
FIRST = [
    name if name == SUPERVISORS[0] else pytest.param(name, marks=pytest.mark.matrix) for name in supervised.PRODUCTS
]
DROP_IN = "/run/systemd/system/{0}.d/lab.conf"


class One:
    """One product on its host."""

    def __init__(self, fleet, host, product):
        self.fleet, self.host, self.product = fleet, host, product

    def run(self, module, **options):
        """The result of one module."""
        wanted = {"detail": "full", "timeout": 60, **options}
        return play.run(self.fleet, module, wanted, [self.host])[self.host.name]

    def restart(self, run_id, **options):
        """The result of a restart of what starts containerd."""
        return self.run("shim_reconnect", state="restarted", run_id=run_id, settle=1, **options)

    def see(self):
        """Pids of containerd and of the unit, and of every task."""
        return supervised.containerd(self.host, self.product), supervised.tasks(self.host, self.product)

    def write(self, name, text):
        """Write a file of the host, and have systemd read its units again."""
        path = self.host.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.host.script("systemctl daemon-reload")


@pytest.fixture(params=supervised.PRODUCTS)
def one(supervised_hosts, request):
    """Each of them, with its containers running."""
    fleet, hosts = supervised_hosts
    found = One(fleet, hosts[request.param], supervised.PRODUCTS[request.param])
    found.host.script("rm -rf /var/lib/shimops /etc/shimops; systemctl reset-failed")
    yield found
    found.host.script("rm -rf /run/systemd/system/*.d; echo 0 > /opt/lab/delay; systemctl daemon-reload")


def outcomes(result):
    """The hazards of a forecast that decide, by their id."""
    return {row["id"]: row["outcome"] for row in result["hazards"] if row["outcome"]}


def test_it_is_found_with_its_unit_its_places_and_its_release(one):
    for layout in ("auto", one.product.name):
        result = one.run("shim_bundle_facts", layout=layout)
        (found,) = result["ansible_facts"]["containerd_shims"]["instances"]
        daemon = found["daemon"]
        assert found["layout"] == one.product.name and daemon["unit"] == one.product.unit
        assert (daemon["state_dir"], daemon["root_dir"]) == (one.product.state, one.product.root)
        assert daemon["running"].startswith(one.host.release) and daemon["installed"] == daemon["running"]
        assert len(found["bundles"]) == len(one.see()[1]) == 4


def test_a_restart_of_its_unit_keeps_every_task(one, covers):
    covers([one.host], "restart, emulated supervisor", layout=one.product.name)
    before, tasks = one.see()
    forecast = one.run("shim_probe")
    assert not forecast["failed"] and not outcomes(forecast) and not forecast["refusal"], forecast
    # Whether a rollback could follow is the release's matter, not the product's.
    assert forecast["rollback"]["class"] == {"1.6": "open", "1.7": "open", "2.1": "closed"}[one.host.release]
    result = one.restart("kept")
    assert not result["failed"] and result["summary"]["reattached"] == len(tasks) == 4, result["msg"]
    after, now = one.see()
    assert now == tasks and not set(after) & set(before)
    assert (after[0] != after[1]) is (one.product.name in SUPERVISORS)


@pytest.mark.parametrize("one", FIRST[: len(SUPERVISORS)], indirect=True)
def test_a_supervisor_that_takes_its_time_is_waited_for(one):
    one.write("/opt/lab/delay", "9")
    tasks = one.see()[1]
    result = one.restart("slow")
    assert not result["failed"] and result["summary"]["reattached"] == 4 and result["gap"] > 9, result["msg"]
    assert one.see()[1] == tasks


@pytest.mark.parametrize("one", FIRST, indirect=True)
def test_a_containerd_that_is_killed_comes_back_and_is_verified(one):
    (pid, main), tasks = one.see()
    recorded = one.run("shim_reconnect", state="recorded", run_id="killed")
    assert not recorded["failed"], recorded["msg"]
    one.host.script(
        "kill -KILL $1; until ctr --address $2 version >/dev/null 2>&1; do sleep 0.2; done",
        str(pid),
        one.product.address,
        timeout=60,
    )
    result = one.run("shim_reconnect", state="verified", run_id="killed")
    assert not result["failed"] and result["summary"]["reattached"] == 4, result["msg"]
    after, now = one.see()
    assert now == tasks and after[0] != pid
    # k0s starts it again; the others end with it, and systemd starts them again.
    assert (after[1] == main) is (one.product.name == "k0s")


@pytest.mark.parametrize("one", FIRST, indirect=True)
def test_what_its_unit_would_kill_is_refused(one):
    one.write(DROP_IN.format(one.product.unit), "[Service]\nKillMode=mixed\n")
    before = one.see()
    assert outcomes(one.run("shim_probe")) == {"kill_mode": "killed"}
    result = one.restart("mixed")
    assert result["refused"] and one.product.unit in result["msg"] and one.see() == before
    one.write(DROP_IN.format(one.product.unit), "[Service]\nExecStopPost=/bin/true\n")
    assert outcomes(one.run("shim_probe")) == {"stop_command": "unknown"}


@pytest.mark.parametrize("one", FIRST[: len(SUPERVISORS)], indirect=True)
def test_a_new_program_of_the_product_may_bring_another_containerd(one):
    program = one.product.start.split()[0]
    one.host.script("sleep 1.2; cp $1 $1.new; mv $1.new $1", program)
    try:
        before = one.see()
        result = one.restart("newer")
        assert result["failed"] and "the installed release of containerd could not be determined" in result["msg"]
        assert one.see() == before
        result = one.restart("newer", target_version=upgrades.FULL[one.host.release])
        assert not result["failed"] and result["summary"]["reattached"] == 4, result["msg"]
    finally:
        one.host.script("systemctl restart $1", one.product.unit)


@pytest.mark.parametrize("one", ["rke2"], indirect=True)
def test_it_is_upgraded_with_tasks_of_the_operators_own(one, tmp_path, covers):
    covers([one.host], "upgrade to 2.1.9 with own tasks, emulated supervisor", layout=one.product.name)
    program, place = one.product.start.split()[0], one.product.bin.replace("v1.31.1", "v1.33.3")
    packages.put(one.host, packages.deb("2.1"))
    one.host.script(NEW_PROGRAM, f"{packages.DIRECTORY}/containerd-2.1.deb", place, one.product.bin, program)
    tasks = tmp_path / "install.yml"
    tasks.write_text(f"- name: Replace the program\n  ansible.builtin.command: mv {program}.new {program}\n")
    before, running = one.see()
    options = {"install_tasks": str(tasks), "directory": "", "hold": False}
    try:
        with Upgrade(one.fleet, [one.host], tmp_path, "own", "2.1", batches=[1], **options) as roll:
            assert roll.ended() == 0, roll.output()
            document = roll.documents()[one.host.name]
        assert document["state"] == "verified" and document["summary"]["reattached"] == 4, document["message"]
        assert one.see()[1] == running and not set(one.see()[0]) & set(before)
        assert one.host.script("$1/containerd --version", place).split()[2].startswith("2.1.9")
        assert place in one.host.script("readlink /proc/$1/exe", str(one.see()[0][0]))
    finally:
        one.host.script(
            "sed -i s,$1,$2, $3; sleep 1.2; systemctl restart $4", place, one.product.bin, program, one.product.unit
        )


@pytest.mark.parametrize("one", FIRST, indirect=True)
def test_its_containerd_is_not_replaced_below_it(one):
    result = one.run("containerd_package", version="1.7.34")
    assert result["failed"] and f"is a part of {one.product.name}, which brings its own" in result["msg"], result["msg"]
