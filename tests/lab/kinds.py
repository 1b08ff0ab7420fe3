# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of hosts: a release line of containerd on a Debian, and hosts with more on them, such as Docker or rpm."""

import hashlib
import json
from dataclasses import dataclass, field

from lab.mirror import SUITES

#: The containerd that each Debian comes with; the first is the one of a kind that names none.
SYSTEMS = {"bookworm": "1.6", "trixie": "1.7"}
#: Where a host of rpm packages has its repository.
RPMS = "/srv/rpms"
#: Where it has the packages containerd.io, which are in no repository of its own.
IO_RPMS = "/srv/containerd.io"
# Docker without a network of its own, so that it needs no rules and no bridge of the machine's kernel.
DOCKER_SETTINGS = {"bridge": "none", "iptables": False, "storage-driver": "vfs"}

# Builds an rpm: its name, version, what it requires, the directory with its files, and more lines of its head. Its
# script restarts the service as those of Docker's and Fedora's packages do; %pre fails while /run/lab-fails is there.
BUILD_RPM = r"""
build() {
    { cat <<EOF
Name: $1
Version: $2
Release: 1
Summary: $1 of Debian
License: Apache-2.0
AutoReqProv: no
Provides: /bin/sh
${3:+Requires: $3}
${5:-}
%description
The programs of Debian's package.
%install
cp -a $4/. %{buildroot}/
%pre
[ ! -e /run/lab-fails ] || { echo "lab: cannot be set up" >&2; exit 3; }
%post
systemctl daemon-reload
%postun
[ "\$1" -lt 1 ] || systemctl try-restart containerd.service
%files
EOF
    (cd "$4"; find . ! -type d | sed "s/^.//"); } > /tmp/one.spec
    rpmbuild -bb --quiet --define "_topdir /tmp/rpmbuild" --define "_rpmdir RPMS" --define "_build_id_links none" \
        --define "_binary_payload w1.gzdio" --define "debug_package %{nil}" --define "__os_install_post %{nil}" \
        /tmp/one.spec
    rm -rf /tmp/rpmbuild /tmp/one.spec
}
""".replace("RPMS", RPMS)

# containerd and runc leave dpkg's hands, and come back as rpm packages.
_RPM = r"""
mkdir -p /srv/rpms /etc/rpm
# As on every distribution that is made of rpm packages; Debian's own is in root's home.
echo "%_dbpath /var/lib/rpm" > /etc/rpm/macros.lab
for deb in /carried/containerd-*.deb; do
    version=$(dpkg-deb --field "$deb" Version)
    dpkg-deb --extract "$deb" /tmp/tree
    rm -rf /tmp/tree/usr/share /tmp/tree/etc
    build containerd "${version%%[~+-]*}" runc /tmp/tree
    # As Docker's own package, which has runc in it; the newer containerd has a newer runc.
    case $version in
    1.7*) mkdir -p /tmp/tree/usr/sbin; cp -a /usr/sbin/runc /tmp/tree/usr/sbin ;;
    *) dpkg-deb --extract /carried/runc.deb /tmp/tree; rm -rf /tmp/tree/usr/share /tmp/tree/etc ;;
    esac
    build containerd.io "${version%%[~+-]*}" "" /tmp/tree "$(printf '%s\n' 'Provides: containerd runc' \
        'Conflicts: containerd runc' 'Obsoletes: containerd runc')"
    rm -rf /tmp/tree
done
mkdir -p IO_RPMS
mv /srv/rpms/*/containerd.io-* IO_RPMS
createrepo_c --quiet IO_RPMS
mkdir -p /tmp/tree/usr/sbin
cp -a /usr/sbin/runc /tmp/tree/usr/sbin
build runc "$(dpkg-query -W -f '${Version}' runc | sed 's/[~+-].*//')" "" /tmp/tree
rm -rf /tmp/tree
createrepo_c --quiet /srv/rpms
dpkg --purge --force-depends containerd runc
mkdir -p /etc/containerd
rpm --install /srv/rpms/*/runc-*.rpm /srv/rpms/*/containerd-FIRST*.rpm
systemctl enable containerd.service
"""


@dataclass(frozen=True)
class Kind:
    """One kind of hosts.

    ``base`` is the kind that it is made from, ``packages`` come from Debian ``suite``, what they need from the base
    where it has it. ``script`` is run in the root afterwards, with the containerd packages of the lines ``carries`` in
    /carried, and those of mirror.EXTRAS that are ``extras``; ``units`` are masked, so that none starts with the host.
    """

    base: str
    suite: str
    packages: tuple
    units: tuple = ()
    files: dict = field(default_factory=dict)
    script: str = ""
    carries: tuple = ()
    extras: tuple = ()

    @property
    def key(self):
        """A name for exactly this kind: another one gets another layer."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:8]


def line(kind):
    """The release line of containerd on a host of that kind."""
    return line(KINDS[kind].base) if kind in KINDS else kind.rpartition("-")[2]


def system(kind):
    """The suite of the Debian that a host of that kind is."""
    if kind in KINDS:
        return system(KINDS[kind].base)
    return next((suite for suite in SYSTEMS if kind.startswith(f"{suite}-")), next(iter(SYSTEMS)))


def _docker(base, suite, *more):
    files = {"/etc/docker/daemon.json": json.dumps(DOCKER_SETTINGS) + "\n"}
    return Kind(base, suite, ("docker.io", *more), ("docker.service", "docker.socket"), files, extras=("runc",))


def _rpm(suite, release):
    files = {"/etc/yum.repos.d/lab.repo": f"[lab]\nname=lab\nbaseurl=file://{RPMS}\ngpgcheck=0\n"}
    script = BUILD_RPM + _RPM.replace("FIRST", release).replace("IO_RPMS", IO_RPMS)
    carried = ("1.7", "2.1"), ("runc",)
    return Kind(f"{suite}-{release}", suite, ("dnf", "rpm", "createrepo-c"), (), files, script, *carried)


def _runtimes(base):
    # The newer runc lies next to Debian's.
    script = "dpkg-deb --extract /carried/runc.deb /opt/newer; rm -rf /opt/newer/usr/share"
    return Kind(base, "forky", ("crun", "runsc"), script=script, extras=("runc",))


KINDS = {
    "docker-20.10": _docker("1.6", "bookworm"),
    "docker-26.1": _docker("trixie-1.7", "trixie", "docker-cli"),
    "docker-28.5": _docker("trixie-2.1", "forky", "docker-cli"),
    "rpm-1.7": _rpm("trixie", "1.7"),
    "runtimes-1.7": _runtimes("trixie-1.7"),
    "runtimes-2.1": _runtimes("trixie-2.1"),
    "login": Kind("trixie-1.7", "trixie", ("sudo",)),
    "restless": Kind("1.7", "bookworm", ("needrestart", "unattended-upgrades"), ("unattended-upgrades.service",)),
}


def on(suite, lines=()):
    """The kinds of hosts that are that Debian, with these release lines or with all that it can have."""
    prefix = "" if suite == next(iter(SYSTEMS)) else f"{suite}-"
    return [prefix + line for line in lines or (one for one in SUITES if one >= SYSTEMS[suite])]


#: Every kind of hosts there is: "1.7" is containerd 1.7 on the first Debian, "trixie-1.7" the same on Debian 13.
ALL = (*(kind for suite in SYSTEMS for kind in on(suite)), *KINDS)


def of_rpms(kind):
    """Whether containerd is an rpm package on a host of that kind."""
    return kind in KINDS and KINDS[kind].packages[:1] == ("dnf",)
