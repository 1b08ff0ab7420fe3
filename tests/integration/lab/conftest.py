# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab for all these tests: one host of each containerd release line, that of 1.7 with Debian 13."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
# What runs on the controller is plain Python too.
sys.path.append(os.environ.get("ANSIBLE_COLLECTIONS_PATH", "").split(os.pathsep)[0])
pytest.register_assert_rewrite("play", "world", "rolls", "upgrades")

import covered  # noqa: E402  # after the path that leads to it
import play  # noqa: E402
import supervised  # noqa: E402

from lab.fleet import Fleet  # noqa: E402

#: The release lines and the class each belongs to.
CLASSES = {"1.6": "V16", "1.7": "V17", "2.1": "V20b"}
#: The kinds of hosts, in the same order.
KINDS = ("1.6", "trixie-1.7", "2.1")


COVERED = pytest.StashKey()


def pytest_configure(config):
    config.addinivalue_line("markers", "covers: enters rows into docs/supported.md")
    config.addinivalue_line("markers", "matrix: run by ./dev matrix only")


def pytest_collection_modifyitems(items):
    for item in items:
        if "covers" in item.fixturenames:
            item.add_marker("covers")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and report.passed and COVERED in item.stash:
        item.stash[COVERED].write(f"{item.path.name}::{item.originalname}")
    return report


@pytest.fixture
def covers(request):
    """Enter what a test shows to work, see Coverage."""
    request.node.stash[COVERED] = covered.Coverage()
    return request.node.stash[COVERED]


def pytest_sessionstart(session):
    if not os.environ.get("ANSIBLE_COLLECTIONS_PATH"):
        pytest.exit("ANSIBLE_COLLECTIONS_PATH does not lead to this collection: run ./dev integration.", 4)


@pytest.fixture(scope="session")
def fleet():
    """The lab of SHIMOPS_LAB; what was up before stays up, and SHIMOPS_KEEP_LAB keeps the rest."""
    lab = Fleet()
    found = {host.release for host in lab.hosts.values()}
    # Hosts that are there may be in any state, so they are not filled with containers: each test begins with a reset.
    if not found.issuperset(CLASSES):
        lab.up(hosts=len(KINDS), kinds=KINDS)
    yield lab
    if not found and not os.environ.get("SHIMOPS_KEEP_LAB"):
        lab.down()


@pytest.fixture(scope="session")
def hosts(fleet):
    """The host of each release line, by the line: ``hosts["1.7"]``."""
    first = {}
    for host in fleet.hosts.values():
        first.setdefault(host.release, host)
    return {release: first[release] for release in CLASSES}


@pytest.fixture
def clean(fleet, hosts):
    """The same hosts, put back to what the lab started in them."""
    play.reset(fleet, hosts.values())
    return hosts


def _own_lab(suffix, **shape):
    """A lab of its own with hosts of that shape, taken down unless it was there. Tests begin with a reset."""
    lab = Fleet(Fleet().places.lab + suffix)
    found = lab.hosts
    if len(found) < shape["hosts"]:
        lab.up(**shape)
    yield lab
    if not found and not os.environ.get("SHIMOPS_KEEP_LAB"):
        lab.down()


def _lab(suffix, **shape):
    """A fixture: a lab of its own with hosts of that shape."""

    @pytest.fixture(scope="session")
    def lab():
        yield from _own_lab(suffix, **shape)

    return lab


#: Twelve small hosts of one release: for what takes a fleet.
row = _lab("row", hosts=12, kinds=["1.7"], plain=1, pods=0)
#: Four hosts of the oldest release with a plain container and a pod each: to upgrade.
four = _lab("up", hosts=4, kinds=["1.6"], plain=1, pods=1)
#: A host of each release of Docker, which is not started.
docker_hosts = _lab("dock", hosts=3, kinds=["docker-20.10", "docker-26.1", "docker-28.5"], plain=0, pods=0)
#: A host with needrestart and unattended-upgrades, which restart services.
restless = _lab("rest", hosts=1, kinds=["restless"], plain=1, pods=0)
#: A host with sudo.
login = _lab("log", hosts=1, kinds=["login"], plain=1, pods=0)
#: Two hosts with other OCI runtimes.
runtime_hosts = _lab("rt", hosts=2, kinds=["runtimes-1.7", "runtimes-2.1"], plain=1, pods=0)
#: Two hosts whose containerd is an rpm package.
rpm_hosts = _lab("rpm", hosts=2, kinds=["rpm-1.7"], plain=1, pods=1)


@pytest.fixture(scope="session")
def supervised_hosts():
    """A host for each product that brings its own containerd, by the product's name; see supervised.py."""
    products = list(supervised.PRODUCTS.values())
    kinds = [one.kind for one in products]
    for lab in _own_lab("sup", hosts=len(kinds), kinds=kinds, plain=0, pods=0):
        hosts = dict(zip(supervised.PRODUCTS, lab.hosts.values(), strict=True))
        for product in products:
            if not hosts[product.name].path(f"/etc/systemd/system/{product.unit}").exists():
                supervised.install(hosts[product.name], product)
        yield lab, hosts
