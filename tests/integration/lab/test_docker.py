# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker: on the system's containerd, and as the supervisor of a containerd of its own; live-restore on and off."""

import json

import packages
import play
import pytest
import rolls
import upgrades
import world

from lab import recipe
from lab.kinds import DOCKER_SETTINGS

# dockerd starts a containerd of its own where no flag names one and the system's is not there.
START = """
rm -rf /run/systemd/system/docker.service.d
case $1 in
own)
    systemctl stop containerd; systemctl mask -q containerd.service; rm -f /run/containerd/containerd.sock
    mkdir -p /run/systemd/system/docker.service.d
    printf '[Service]\\nExecStart=\\nExecStart=/usr/sbin/dockerd -H fd://\\n' \\
        > /run/systemd/system/docker.service.d/own.conf
    ;;
system) systemctl unmask -q containerd.service; systemctl start containerd ;;
esac
systemctl daemon-reload
systemctl unmask -q docker.service docker.socket
systemctl start docker
docker image inspect lab >/dev/null 2>&1 || tar -C "$2" -c . | docker import - lab >/dev/null
docker run -d --name web --network none --label com.docker.compose.project=shop --label token=secret \
    lab /bin/sleep 100000 >/dev/null
"""
STOP = """
timeout 20 docker rm -f web >/dev/null 2>&1 || true
systemctl stop docker.service docker.socket 2>/dev/null || true
systemctl mask -q docker.service docker.socket
systemctl unmask -q containerd.service
systemctl reset-failed
systemctl start containerd
rm -rf /var/lib/shimops
"""


class Docker:
    """The host with Docker on it."""

    def __init__(self, fleet, host):
        self.fleet, self.host = fleet, host

    @property
    def name(self):
        """Docker with its release, for people."""
        return self.host.kind.replace("docker-", "Docker ")

    def settings(self, **more):
        """Write dockerd's settings."""
        self.host.path("/etc/docker/daemon.json").write_text(json.dumps({**DOCKER_SETTINGS, **more}), encoding="utf-8")

    def start(self, kind, **settings):
        """Start dockerd with a containerd of its own, or on the system's, and one container."""
        self.settings(**settings)
        self.host.script(START, kind, recipe.ROOTFS, timeout=120)

    def pid(self):
        """The init process of the container by Docker's own word; None when it does not run."""
        said = self.host.run(["docker", "inspect", "-f", "{{.State.Pid}}", "web"]).stdout.strip()
        return world.process(self.host, int(said)) if said != "0" else None

    def restart(self, run_id, **options):
        """Restart what starts containerd."""
        wanted = {"state": "restarted", "run_id": run_id, "settle": 1, "detail": "full", **options}
        return play.run(self.fleet, "shim_reconnect", wanted, [self.host])[self.host.name]

    def probe(self, **options):
        """The forecast."""
        return play.run(self.fleet, "shim_probe", {"detail": "full", **options}, [self.host])[self.host.name]


# That of Debian 13 each time, the others in ./dev matrix.
@pytest.fixture(
    params=[pytest.param("20.10", marks=pytest.mark.matrix), "26.1", pytest.param("28.5", marks=pytest.mark.matrix)]
)
def docker(docker_hosts, request):
    (host,) = (one for one in docker_hosts.hosts.values() if one.kind == f"docker-{request.param}")
    host.script(STOP)
    yield Docker(docker_hosts, host)
    host.script(STOP)


def outcomes(result):
    """The hazards of a forecast that decide, by their id."""
    return {row["id"]: row["outcome"] for row in result["hazards"] if row["outcome"]}


def test_on_the_systems_containerd_a_restart_keeps_its_containers(docker, covers):
    covers([docker.host], "restart", layout="docker", clients=docker.name)
    docker.start("system")
    before = docker.pid()
    result = docker.restart("system", layout="docker")
    assert not result["failed"] and result["summary"]["reattached"] == 1, result["msg"]
    assert result["verdicts"][0]["namespace"] == "moby" and docker.pid() == before


def test_a_roll_and_an_audit(docker, tmp_path, covers):
    covers([docker.host], "roll, audit", layout="docker", clients=docker.name)
    docker.start("system")
    before = docker.pid()
    with rolls.Roll(docker.fleet, [docker.host], tmp_path, "docker", layout="docker") as roll:
        assert roll.ended() == 0 and roll.states() == {docker.host.name: "verified"}, roll.output()
    assert docker.pid() == before
    values = {"health_audit_layout": "docker", "health_audit_run_id": "audit", "health_audit_pids": True}
    words = ("--limit", docker.host.name, "-e", json.dumps(values))
    done = play.book(docker.fleet, f"{play.FQCN}.health_audit", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    (path,) = (tmp_path / "shimops-runs/audit/documents").glob("*.host.json")
    document = json.loads(path.read_text())
    assert [(row["namespace"], row["outcome"]) for row in document["bundles"]] == [("moby", "reattached")]
    assert not document["other_tasks"]


def test_facts_name_its_containers_and_the_project_of_compose(docker):
    for kind in ("system", "own"):
        docker.start(kind, **{"live-restore": True})
        result = play.run(docker.fleet, "shim_bundle_facts", {"detail": "full"}, [docker.host])[docker.host.name]
        (one,) = (one for one in result["ansible_facts"]["containerd_shims"]["instances"] if one["bundles"])
        assert one["layout"] == {"system": "containerd", "own": "docker_managed"}[kind]
        (row,) = one["bundles"]
        assert row["namespace"] == "moby" and row["docker"] == {"name": "web", "project": "shop"}
        assert "secret" not in str(result)
        docker.host.script(STOP)


# Debian has nothing newer than what is beneath 28.5.
@pytest.mark.parametrize(("docker", "release"), [("20.10", "1.7"), ("26.1", "2.1")], indirect=["docker"])
def test_containerd_is_upgraded_beneath_a_dockerd_that_runs(docker, release, covers):
    covers([docker.host], f"upgrade to {upgrades.FULL[release]}, apt", layout="docker", clients=docker.name)
    packages.put(docker.host, packages.deb(docker.host.release), packages.deb(release))
    docker.start("system")
    try:
        before, dockerd = docker.pid(), docker.host.script("pidof dockerd")
        wanted = {"version": upgrades.FULL[release], "directory": packages.DIRECTORY}
        staged = play.run(docker.fleet, "containerd_package", wanted, [docker.host])[docker.host.name]
        assert not staged["failed"], staged["msg"]
        done = docker.restart("newer", target_version=upgrades.FULL[release], package_dir=staged["staged"])
        assert not done["failed"] and done["summary"]["reattached"] == 1, done["msg"]
        assert docker.pid() == before and docker.host.installed().startswith(upgrades.FULL[release])
        # Docker goes on with it: dockerd is the same process, and makes new containers.
        assert docker.host.script("pidof dockerd") == dockerd
        docker.host.script("docker run --rm --network none lab /bin/true")
    finally:
        docker.host.script(STOP)
        docker.host.install(packages.deb(docker.host.release))


@pytest.fixture
def own_package(docker, tmp_path):
    """The host with containerd.io instead of Debian's containerd and runc, and the next release of it."""
    host, release = docker.host, docker.host.release
    runc, later = packages.cached(host, "runc"), {"1.6": "1.7", "1.7": "2.1"}[release]
    own = packages.containerd_io(tmp_path, release, runc)
    packages.put(host, own, packages.containerd_io(tmp_path, later, packages.newer_runc()), packages.deb(release), runc)
    there = packages.DIRECTORY
    try:
        host.script("dpkg --purge --force-depends containerd runc; dpkg --install $1", f"{there}/{own.name}")
        yield {"version": upgrades.FULL[later], "directory": there}
    finally:
        host.script(STOP)
        again = "dpkg --purge --force-depends containerd.io; dpkg --install $1/containerd-$2.deb $1/runc_*.deb"
        host.script(again, there, release)


@pytest.mark.parametrize("docker", ["26.1"], indirect=True)
def test_dockers_own_package_brings_containerd_and_a_newer_runc_together(docker, own_package, covers):
    host, done = docker.host, "upgrade of containerd.io to 2.1.9, apt"
    covers([host], done, layout="docker", clients=docker.name, runtime="runc, replaced by a newer one")
    docker.start("system")
    before, dockerd, old = docker.pid(), host.script("pidof dockerd"), host.script("runc --version")
    staged = play.run(docker.fleet, "containerd_package", own_package, [host])[host.name]
    assert not staged["failed"] and staged["package"]["name"] == "containerd.io", staged["msg"]
    done = docker.restart("io", target_version=own_package["version"], package_dir=staged["staged"])
    assert not done["failed"] and done["summary"]["reattached"] == 1, done["msg"]
    assert docker.pid() == before and host.script("pidof dockerd") == dockerd
    assert host.script("runc --version") != old
    # What the old runc made, the new one ends.
    host.script("docker rm -f web; docker run --rm --network none lab /bin/true", timeout=60)
    assert not host.script("ctr -n moby task ls -q")


@pytest.mark.parametrize("docker", ["20.10"], indirect=True)
@pytest.mark.matrix
def test_a_package_with_a_runc_that_does_not_run_here_is_refused(docker, own_package):
    """The newest runc needs a newer libc than Debian 12 has."""
    done = play.run(docker.fleet, "containerd_package", own_package, [docker.host])[docker.host.name]
    assert done["failed"] and not done["changed"], done["msg"]
    assert "holds a runc that does not run here (" in done["msg"] and "GLIBC" in done["msg"], done["msg"]


def test_with_live_restore_its_own_containerd_is_restarted_and_its_containers_stay(docker, covers):
    covers([docker.host], "restart of dockerd with live-restore", layout="docker_managed", clients=docker.name)
    docker.start("own", **{"live-restore": True})
    before, forecast = docker.pid(), docker.probe()
    assert not outcomes(forecast) and "supervisor" in {row["id"] for row in forecast["hazards"]}
    result = docker.restart("own-on")
    assert not result["failed"] and result["changed"] and result["summary"]["reattached"] == 1, result["msg"]
    assert docker.pid() == before


def test_without_live_restore_the_host_is_refused_and_what_dockerd_stops_is_lost(docker):
    docker.start("own")
    before = docker.pid()
    assert outcomes(docker.probe()) == {"supervisor": "killed"}
    result = docker.restart("own-off")
    assert result["failed"] and result["refused"] and not result["changed"] and docker.pid() == before
    assert "live-restore is off" in result["msg"] and "systemctl reload docker" in result["msg"]
    # One that ends on request, with a status that is no signal, is stopped by dockerd all the same.
    polite = ["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
    docker.host.run(["docker", "run", "-d", "--name", "polite", "--network", "none", "lab", *polite])
    try:
        result = docker.restart("own-off-2", on_risk="proceed")
    finally:
        docker.host.run(["docker", "rm", "-f", "polite"], check=False)
    assert result["failed"] and result["summary"]["lost"] == result["summary"]["killed"] == 2, result["msg"]


def test_what_runs_counts_and_what_the_next_start_reads(docker):
    docker.start("own")
    docker.settings(**{"live-restore": True})
    assert outcomes(docker.probe()) == {"supervisor": "killed"}
    # As the remedy says: no restart is needed.
    docker.host.script("systemctl reload docker; sleep 1")
    before = docker.pid()
    assert not outcomes(docker.probe())
    docker.settings()
    forecast = docker.probe()
    assert outcomes(forecast) == {"supervisor": "killed"} and "live-restore is not in" in forecast["refusal"]
    docker.host.path("/etc/docker/daemon.json").write_text("{", encoding="utf-8")
    assert outcomes(docker.probe()) == {"supervisor": "unknown"}
    docker.settings(**{"live-restore": True})
    assert not docker.restart("reloaded")["failed"] and docker.pid() == before


def test_a_dockerd_that_says_nothing_is_unknown(docker):
    docker.start("own", **{"live-restore": True})
    docker.host.script("pkill -STOP -x dockerd")
    try:
        forecast = docker.probe(timeout=60)
        result = docker.restart("silent", timeout=60)
    finally:
        docker.host.script("pkill -CONT -x dockerd")
    assert outcomes(forecast) == {"supervisor": "unknown"}
    assert result["refused"] and "does not say whether live-restore is on" in result["msg"]
