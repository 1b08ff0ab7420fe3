# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules: what on a host may restart containerd behind our back, and how each is kept still. Pure. Internal.

Sources: users-and-peers 2.5 and 1.2 (what broke fleets), the unit names that node images of GKE, AKS and Gardener ship,
systemd.unit(5), dpkg(1), needrestart's configuration. Nothing is masked: masking makes systemd reload its units, and a
reload alone takes the GPUs away from running containers (users-and-peers 2.6).
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._host.layouts import LAYOUTS

#: Timers that install packages by themselves.
UPGRADE_TIMERS = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dnf-automatic.timer",
    "dnf-automatic-install.timer",
    "dnf5-automatic.timer",
    "yum-cron.timer",
    "transactional-update.timer",
)
#: What those timers start. Never stopped, only waited for: a package transaction cut in two is worse than a late one.
UPGRADE_SERVICES = ("apt-daily.service", "apt-daily-upgrade.service", "dnf-automatic.service")
#: Units that restart or kill a containerd that does not answer for some seconds, also while it loads its shims.
HEALTH_CHECKERS = (
    "node-problem-detector.service",
    "kube-container-runtime-monitor.service",
    "kube-docker-monitor.service",
    "containerd-monitor.service",
    "containerd-monitor.timer",
    "docker-monitor.service",
    "docker-monitor.timer",
)
#: The same by the program a service runs, when its unit has a name of its own.
CHECKER_PROGRAMS = ("node-problem-detector", "health-checker", "health-monitor.sh", "container-runtime-monitor")
#: The kernel keeps 15 characters of a command's name.
CHECKER_COMMANDS = ("node-problem-de", "health-checker")
#: Packages whose upgrade restarts containerd or changes what its shims run.
PACKAGES = ("containerd", "containerd.io", "runc")
#: Snaps that bring a containerd of their own.
SNAPS = ("microk8s", "k8s", "docker", "containerd")
#: A snap's refresh is held for so long at most: it ends by itself when the run does not come back.
SNAP_HOLD = "24h"

SNIPPET = "/etc/needrestart/conf.d/zz-shimops-hold.conf"
_RUNTIME_UNITS = tuple(sorted({unit for layout in LAYOUTS.values() for unit in layout.units} | {"docker.service"}))
SNIPPET_TEXT = (
    "# Put here by shimops.containerd for the time of a restart or an upgrade; taken away again when that is done.\n"
    + "".join("$nrconf{override_rc}->{qr(^" + unit.replace(".", "\\.") + "$)} = 0;\n" for unit in _RUNTIME_UNITS)
)

_ON = ("active", "activating", "reloading")


class UnitState(NamedTuple):
    """What systemd says of a unit. ``pulled_by`` are the units whose start starts it too."""

    name: str
    loaded: str
    active: str
    file_state: str
    command: str = ""
    pulled_by: Tuple[str, ...] = ()

    @property
    def on(self) -> bool:
        """Whether it runs, or waits to run again."""
        return self.active in _ON


class Seen(NamedTuple):
    """What was seen on a host.

    ``units`` by name; ``packages`` by name with dpkg's selection (``install``, ``hold``); ``needrestart`` is whether
    it is installed and ``snippet`` what stands in the place of our snippet, or None; ``snaps`` by name with whether
    their refresh is held already; ``live_restore`` is None without dockerd; ``foreign_checkers`` are health checkers
    that run outside of any unit of the host, as (command, pid).
    """

    units: Dict[str, UnitState]
    packages: Dict[str, str]
    needrestart: bool
    snippet: Optional[str]
    snaps: Dict[str, bool]
    live_restore: Optional[bool]
    foreign_checkers: Sequence[Tuple[str, int]] = ()


class Item(NamedTuple):
    """One thing to hold. ``before`` is all that is needed to put it back; it goes into the record on the node."""

    kind: str
    name: str
    how: str
    before: Dict[str, Any]


class Finding(NamedTuple):
    """One thing that was seen: whether it is held, how, and why or why not."""

    kind: str
    name: str
    held: bool
    how: str
    reason: str


def plan(seen: Seen, custom: Sequence[str], runtime_units: Sequence[str]) -> Tuple[List[Item], List[Finding]]:
    """What to hold, and what can only be reported.

    :param custom: units that the operator names.
    :param runtime_units: the units of this host's containerd: what they pull in cannot be held by stopping it.
    """
    items, sentence = [], []
    for kind, name in _candidates(seen, custom):
        state = seen.units.get(name)
        if state is None or state.loaded in ("not-found", "masked") or not state.on:
            if name in custom:
                sentence.append(Finding(kind, name, True, "none", _quiet(state)))
            continue
        pulled = sorted(set(state.pulled_by) & set(runtime_units))
        if pulled:
            reason = "{0} starts it again; disable it for the time of the roll".format(pulled[0])
            sentence.append(Finding(kind, name, False, "none", reason))
            continue
        items.append(Item(kind, name, "stop", {"file_state": state.file_state}))
    for name, selection in sorted(seen.packages.items()):
        if selection in ("install", "hold"):
            # One on hold is entered too: an installation in between may take its mark away.
            items.append(Item("package", name, "mark", {"selection": selection}))
    if seen.needrestart and seen.snippet is None:
        items.append(Item("needrestart", SNIPPET, "snippet", {}))
    elif seen.needrestart:
        same = seen.snippet == SNIPPET_TEXT
        reason = "such a snippet is there already" if same else "a file of another content is there; check it"
        sentence.append(Finding("needrestart", SNIPPET, same, "none", reason))
    for name, held in sorted(seen.snaps.items()):
        if held:
            sentence.append(Finding("snap", name, True, "none", "its refresh was held already"))
        else:
            items.append(Item("snap", name, "refresh_hold", {}))
    return items, sentence + _not_holdable(seen)


def _candidates(seen: Seen, custom: Sequence[str]) -> List[Tuple[str, str]]:
    """Kind and name of every unit that counts, timers before what they start, each once."""
    found = [("unattended_upgrades", name) for name in UPGRADE_TIMERS]
    checkers = set(HEALTH_CHECKERS) | {name for name, state in seen.units.items() if runs_checker(state.command)}
    found += [("health_checker", name) for name in sorted(checkers, key=lambda name: (name.endswith(".service"), name))]
    known = {name for _kind, name in found}
    return [("custom", name) for name in custom if name not in known] + found


def runs_checker(command: str) -> bool:
    """Whether a service's command line is that of a known health checker."""
    return any(word.rpartition("/")[2] in CHECKER_PROGRAMS for word in command.split())


def _quiet(state: Optional[UnitState]) -> str:
    if state is None or state.loaded == "not-found":
        return "there is no such unit here"
    return "it is masked" if state.loaded == "masked" else "it does not run"


def _not_holdable(seen: Seen) -> List[Finding]:
    """What cannot be held from here."""
    sentence = []
    if seen.live_restore is False:
        reason = 'dockerd runs without live-restore; set "live-restore": true in daemon.json and reload it'
        sentence.append(Finding("docker", "dockerd", False, "none", reason))
    for command, pid in seen.foreign_checkers:
        reason = "pid {0} is of no unit of this host, a pod perhaps; hold it in the cluster".format(pid)
        sentence.append(Finding("health_checker", command, False, "none", reason))
    return sentence


def busy(units: Dict[str, UnitState], locks: Sequence[Tuple[str, int, str]]) -> str:
    """Who changes packages just now, in a few words; empty when none does.

    :param locks: (path, pid, command) of every lock of a package manager that is held.
    """
    for path, pid, command in locks:
        return "{0} (pid {1}) holds {2}".format(command or "a process", pid, path)
    for name in UPGRADE_SERVICES:
        if name in units and units[name].on:
            return "{0} runs".format(name)
    return ""


def put_back(item: Item, state: Optional[UnitState], same_boot: bool) -> Tuple[bool, str]:
    """Whether a stopped unit has to be started again, and why or why not."""
    if not same_boot:
        return False, "the host was booted in between, which put it back"
    if state is None or state.loaded == "not-found":
        return False, "it is no longer there"
    if state.loaded == "masked":
        return False, "it was masked meanwhile, and stays so"
    if state.on:
        return False, "it was started meanwhile"
    if item.before.get("file_state") == "enabled" and state.file_state == "disabled":
        return False, "it was disabled meanwhile, and stays so"
    return True, "started again"
