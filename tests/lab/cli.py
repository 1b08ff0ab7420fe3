# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the lab."""

import argparse
import concurrent.futures
import os
import signal
import subprocess
import sys

from lab import faults, needs, workloads
from lab.errors import LabError
from lab.fleet import Fleet
from lab.kinds import KINDS, SYSTEMS, on


class _Interrupted(Exception):
    """The lab has to stop."""


def _parser():
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--lab", default=argparse.SUPPRESS, help="name of the lab (SHIMOPS_LAB, shimlab)")
    parser = argparse.ArgumentParser(prog="lab", description=__doc__, parents=[common])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    up = commands.add_parser("up", parents=[common], help="start what is missing of a lab")
    up.add_argument("--hosts", type=int, default=3, metavar="N", help="number of hosts (3)")
    up.add_argument("--releases", metavar="R,…", help="release lines, cycled over the hosts (all)")
    up.add_argument("--os", choices=SYSTEMS, default="bookworm", help="the hosts' Debian (bookworm)")
    kinds = [name.partition("-")[2] for name in KINDS if name.startswith("docker-")]
    up.add_argument("--docker", choices=kinds, help="hosts with this release of Docker instead")
    up.add_argument("--plain", type=int, default=2, metavar="K", help="plain containers per host (2)")
    up.add_argument("--pods", type=int, default=2, metavar="K", help="pods per host (2)")
    up.add_argument("--mirror", metavar="URL", help="Debian mirror (SHIMOPS_MIRROR, the machine's own)")

    commands.add_parser("down", parents=[common], help="take a lab away")
    commands.add_parser("ls", parents=[common], help="show the hosts of a lab")

    shell = commands.add_parser("shell", parents=[common], help="enter a host, or run a command in it")
    shell.add_argument("host")
    shell.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")

    fault = commands.add_parser("fault", parents=[common], help="make a fault on a host, or undo it")
    fault.add_argument("--list", action="store_true", help="show the faults there are")
    fault.add_argument("--undo", action="store_true", help="undo the fault")
    fault.add_argument("host", nargs="?")
    fault.add_argument("name", nargs="?")
    fault.add_argument("id", nargs="?", help="a task, or the beginning of its id (plain1)")

    reset = commands.add_parser("reset", parents=[common], help="put a host back as it was started")
    reset.add_argument("host")
    return parser


def _up(fleet, options):
    if options.docker:
        kinds = [f"docker-{options.docker}"]
    else:
        kinds = on(options.os, options.releases and options.releases.split(","))
    fleet.up(options.hosts, kinds, options.plain, options.pods, options.mirror)
    print(f"ansible-playbook -i {fleet.inventory} PLAYBOOK")
    return 0


def _down(fleet, _options):
    if not fleet.down():
        print(f"There is no lab {fleet.places.lab}.")
    return 0


def _row(host):
    state = host.run(["systemctl", "is-active", "containerd"], check=False).stdout.strip()
    try:
        tasks = str(len(workloads.tasks(host)))
    except (LabError, subprocess.TimeoutExpired):
        tasks = "-"
    return host.name, host.kind, host.address, str(host.leader), state, tasks


def _ls(fleet, _options):
    needs.check_machine()
    if not fleet.hosts:
        print(f"Lab {fleet.places.lab} has no running host; start some with: ./dev lab up")
        return 0
    rows = [("HOST", "KIND", "ADDRESS", "LEADER", "CONTAINERD", "TASKS")]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        rows += pool.map(_row, fleet.hosts.values())
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    return 0


def _shell(fleet, options):
    needs.check_machine()
    command = fleet.host(options.host).command(options.words or ["bash", "--login"])
    sys.stdout.flush()
    os.execvp(command[0], command)


def _fault(fleet, options):
    if options.list:
        width = max(map(len, faults.FAULTS))
        for name, fault in faults.FAULTS.items():
            print(f"{name.ljust(width)}  {fault.help}{'' if fault.undo else ' (not undone)'}")
        return 0
    if not options.name:
        raise LabError("Name a host and a fault; --list shows the faults there are.")
    needs.check_machine()
    host = fleet.host(options.host)
    target = faults.apply(host, options.name, options.id, options.undo)
    done = f"{options.name} undone" if options.undo else options.name
    print(f"{host.name}: {done}" + (f", {target.namespace}/{target.id}" if target else ""))
    return 0


def _reset(fleet, options):
    needs.check_machine()
    fleet.reset(fleet.host(options.host))
    print(f"{options.host}: clean")
    return 0


COMMANDS = {"up": _up, "down": _down, "ls": _ls, "shell": _shell, "fault": _fault, "reset": _reset}


def _interrupt(number, _frame):
    # Cleaning up is not interrupted a second time.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise _Interrupted(signal.Signals(number).name)


def main(argv):
    """Run one command of the lab; its exit status."""
    options = _parser().parse_args(argv)
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _interrupt)
    try:
        return COMMANDS[options.command](Fleet(getattr(options, "lab", None)), options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except _Interrupted as signalled:
        print(f"lab: stopped by {signalled}", file=sys.stderr)
        return 130
