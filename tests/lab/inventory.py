# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Ansible inventory of a lab."""

from lab.ssh import Ssh


def group(release):
    """The inventory group of a release line."""
    return "containerd_" + release.replace(".", "_")


def text(places, hosts):
    """The inventory of these hosts, in YAML."""
    ssh = Ssh(places)
    options = (f"UserKnownHostsFile={ssh.known_hosts}", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes")
    arguments = "-F /dev/null " + " ".join(f"-o {option}" for option in options)
    lines = ["---", "lab:", "  vars:"]
    lines += [
        "    ansible_user: root",
        "    ansible_python_interpreter: /usr/bin/python3",
        f"    ansible_ssh_private_key_file: {ssh.key}",
        f"    ansible_ssh_executable: {ssh.program('ssh')}",
        f"    ansible_scp_executable: {ssh.program('scp')}",
        f"    ansible_sftp_executable: {ssh.program('sftp')}",
        f"    ansible_control_path_dir: {ssh.control}",
        f"    ansible_ssh_common_args: {arguments}",
        "  children:" if hosts else "  children: {}",
    ]
    for release in sorted({host.release for host in hosts}):
        lines += [f"    {group(release)}:", "      hosts:"]
        for host in hosts:
            if host.release == release:
                lines += [
                    f"        {host.name}:",
                    f"          ansible_host: {host.address}",
                    f'          lab_release: "{release}"',
                ]
    return "\n".join(lines) + "\n"
