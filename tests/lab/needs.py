# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab needs of the machine, and getting it."""

import contextlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

from lab.command import run
from lab.errors import LabError

PACKAGES = ("debian-archive-keyring", "debootstrap", "iproute2", "openssh-client", "systemd-container", "util-linux")
POLICY = Path("/usr/sbin/policy-rc.d")

# Each host's systemd takes about six; the kernel's 128 are used up by twenty hosts.
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_INSTANCES = 4096


def check_machine():
    """Raise LabError with one clear sentence if no lab can run here."""
    if platform.system() != "Linux":
        raise LabError("The lab runs on Linux only: its hosts are namespaces of the machine's kernel.")
    if os.geteuid() != 0:
        raise LabError("The lab has to be run as root: it makes network namespaces, cgroups and mounts.")


def missing_packages():
    """The needed packages that are not installed."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-query"):
        raise LabError("The lab runs on Debian and its kin only: apt-get and dpkg-query were not found.")
    answer = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *PACKAGES],
        capture_output=True,
        text=True,
        check=False,
    )
    installed = {line.split()[0] for line in answer.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in PACKAGES if name not in installed]


@contextlib.contextmanager
def no_service_starts():
    """Keep packages from starting services on the machine while they are being installed."""
    # A policy that is there already is the administrator's word.
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def install_missing(say):
    """Install what is missing with apt-get, printing what is done."""
    missing = missing_packages()
    if not missing:
        return
    say(f"machine: installing {' '.join(missing)}")
    install = ["apt-get", "install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", *missing]
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    with no_service_starts():
        try:
            run(install, "Installing packages", env=env)
        except LabError:
            say("machine: apt-get update, the package lists are missing or old")
            run(["apt-get", "update"], "Updating the machine's package lists", env=env)
            run(install, "Installing packages", env=env)


def raise_limits(say):
    """Raise the one limit of the kernel that many hosts run into; it is never lowered again."""
    before = int(INOTIFY.read_text(encoding="ascii"))
    if before < INOTIFY_INSTANCES:
        say(f"machine: {INOTIFY.name} raised from {before} to {INOTIFY_INSTANCES}")
        INOTIFY.write_text(str(INOTIFY_INSTANCES), encoding="ascii")
