# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab host consists of: its packages and the files laid on top of them."""

PACKAGES = (
    "busybox-static",
    "containerd",
    "dbus",
    "iproute2",
    "openssh-server",
    "procps",
    "python3",
    "python3-apt",
    "python3-grpcio",
    "python3-protobuf",
    "runc",
    "systemd",
    "systemd-sysv",
)

# What debootstrap does not find by itself: python3-grpcio of Debian 13 needs it under another name.
MORE_PACKAGES = {"trixie": ("libre2-11",)}

ROOTFS = "/opt/shimops-lab/rootfs"
ARCHIVE = "/opt/shimops-lab/image.tar"
IMAGE = "lab.invalid/busybox:1"
APPLETS = ("sh", "sleep", "true", "false", "cat", "echo", "kill", "ps")

# The hosts have no way out, so nothing may wait for the network or for a clock.
MASKED_UNITS = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@.service",
    "console-getty.service",
    "systemd-logind.service",
)

# Written before the packages are unpacked: a lab is thrown away, so dpkg need not wait for the disk.
DPKG_CONFIG = {
    "/etc/dpkg/dpkg.cfg.d/lab": "force-unsafe-io\nforce-confold\npath-exclude=/usr/share/doc/*\n"
    "path-exclude=/usr/share/man/*\npath-exclude=/usr/share/locale/*\n",
}

FILES = {
    "/etc/apt/sources.list": "",
    "/etc/hosts": "127.0.0.1 localhost\n",
    "/etc/resolv.conf": "",
    "/etc/ssh/sshd_config.d/10-lab.conf": (
        "HostKey /etc/ssh/ssh_host_ed25519_key\nMaxSessions 100\nMaxStartups 100\nPasswordAuthentication no\n"
        "PermitRootLogin prohibit-password\nUseDNS no\nUsePAM no\n"
    ),
    "/etc/systemd/system/shimops-lab-cgroups.service": (
        "[Unit]\nDescription=Let containerd write to the cgroup trees\nDefaultDependencies=no\n"
        "Before=basic.target\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
        "ExecStart=/opt/shimops-lab/writable-cgroups\n\n[Install]\nWantedBy=sysinit.target\n"
    ),
    # A plain remount is refused as busy; a bind remount changes this mount alone.
    "/opt/shimops-lab/writable-cgroups": (
        "#!/bin/sh\nwhile read -r _ where kind how _; do\n"
        '    case "$kind:$how" in cgroup:ro*|cgroup2:ro*) mount -o remount,bind,rw "$where" || exit 1 ;; esac\n'
        "done < /proc/mounts\n"
    ),
}
EXECUTABLE = ("/opt/shimops-lab/writable-cgroups",)

# Without restrict_oom_score_adj runc fails wherever root lacks CAP_SYS_RESOURCE.
_CRI_1 = f"""version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{IMAGE}"
  restrict_oom_score_adj = true
"""
_CRI_2 = f"""version = 3
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{IMAGE}"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
"""
CONTAINERD_CONFIG = "/etc/containerd/config.toml"
CONTAINERD_CONFIGS = {"1.6": _CRI_1, "1.7": _CRI_1, "2.1": _CRI_2}
