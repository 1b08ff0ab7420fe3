# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One fault on all hosts at once: foretold, refused, then gone through with; and what was really there each time."""

from dataclasses import dataclass, field

import play
import world

from lab import shims

YES = {"shim": "yes", "containerd": "yes", "kernel": "yes"}
RUN = "story"


@dataclass
class Moment:
    """What is true of a host at one time, by ctr and the process table."""

    daemon: world.Process
    listed: dict
    ledger: dict


@dataclass
class Seen:
    """What was seen on one host. Tasks are named by (namespace, id)."""

    release: str
    host: object
    victims: dict = field(default_factory=dict)
    tasks: dict = field(default_factory=dict)
    pods: dict = field(default_factory=dict)
    before: Moment = None
    forecast: dict = None
    rows: dict = field(default_factory=dict)
    refused: dict = None
    between: Moment = None
    done: dict = None
    verdicts: dict = field(default_factory=dict)
    after: Moment = None
    # What really became of each task, and which bundles are left: looked up at once, for hosts do not stay as they are.
    fates: dict = field(default_factory=dict)
    bundles: set = field(default_factory=set)


def fate(host, key, was, listed):
    """What really became of a task: ``kept``, ``unmanaged``, ``killed``, or something else that fits none of them."""
    alive = world.process(host, was.pid) == was
    if key in listed:
        return "kept" if alive and listed[key] == was else f"listed as {listed[key]}, was {was}"
    return "unmanaged" if alive else "killed"


def observe(host):
    """This moment of a host."""
    return Moment(world.containerd(host), world.tasks(host), world.ledger(host))


def enact(fleet, hosts, make, prepare=lambda host: None, restart_timeout=120, **options):
    """Fresh containers; ``prepare(host)`` adds to them; ``make(host)`` makes faults; then probe, refuse, proceed.

    ``make`` gives the victims by (namespace, id), with the name of the fault. ``options`` are of all modules.
    Gives a Seen for each release.
    """
    play.reset(fleet, hosts.values())
    reported = {release: Seen(release, host) for release, host in hosts.items()}
    by_name = {one.host.name: one for one in reported.values()}

    def begin(host):
        one = by_name[host.name]
        prepare(host)
        one.tasks = world.tasks(host)
        one.pods = {name: world.pod(host, name) for name in ("web1", "web2")}
        one.victims = make(host)
        one.before = observe(host)

    play.together(hosts.values(), begin)
    for name, result in play.run(fleet, "shim_probe", {"detail": "full", **options}, by_name).items():
        by_name[name].forecast = result
        by_name[name].rows = by_key(result["shims"])
    wanted = {"state": "restarted", "run_id": RUN, "settle": 1, "detail": "full", **options}
    wanted["restart_timeout"] = restart_timeout
    for name, result in play.run(fleet, "shim_reconnect", wanted, by_name).items():
        by_name[name].refused = result
    for name, moment in play.together(hosts.values(), observe).items():
        by_name[name].between = moment
    conclude(fleet, hosts, by_name, {**wanted, "on_risk": "proceed"})
    return reported


def conclude(fleet, hosts, by_name, wanted):
    """Restart, and see the result."""
    for name, result in play.run(fleet, "shim_reconnect", wanted, by_name).items():
        by_name[name].done = result
        by_name[name].verdicts = by_key(result["verdicts"])

    def end(host):
        one = by_name[host.name]
        one.after = observe(host)
        one.fates = {key: fate(host, key, was, one.after.listed) for key, was in one.tasks.items()}
        one.bundles = {(found.namespace, found.id) for found in shims.bundles(host)}

    play.together(hosts.values(), end)


def by_key(rows):
    """Rows of a result by (namespace, id); each is there once."""
    found = {(row["namespace"], row["id"]): row for row in rows}
    assert len(found) == len(rows)
    return found


def check_untouched(one):
    """A refusal changed nothing: not containerd, not a task, and it wrote nothing."""
    assert one.refused["changed"] is False
    assert one.between.daemon == one.before.daemon, "containerd was restarted"
    assert one.between.ledger is None
    assert one.between.listed == one.before.listed


def check_restarted(one):
    """containerd was restarted once: the ledger has the old process, the host another one."""
    assert one.done["changed"] is True
    assert one.after.daemon and one.after.daemon != one.before.daemon
    assert one.after.ledger["run_id"] == RUN and one.after.ledger["phase"] == "verified"
    recorded = one.after.ledger["daemon"]
    assert (recorded["pid"], recorded["start_time"]) == (one.before.daemon.pid, one.before.daemon.started)
    assert one.done["gap"] > 0


def check_verdicts(one, lost, keys=None):
    """``lost`` maps tasks to their verdicts; all others of the host are proven by three witnesses; the world agrees."""
    tasks = set(one.tasks if keys is None else keys)
    assert set(one.verdicts) == tasks
    for key, row in one.verdicts.items():
        if key in lost:
            assert row["verdict"] == lost[key], row
            assert one.fates[key] == {"killed": "killed", "orphaned": "unmanaged"}[lost[key]]
            continue
        assert row["verdict"] == "reattached" and row["witnesses"] == YES, row
        was = one.tasks[key]
        assert (row["after"]["pid"], row["after"]["start_time"]) == (was.pid, was.started)
        assert row["after"]["shim_pid"] == row["before"]["shim_pid"] > 1
        assert one.fates[key] == "kept"
    assert one.done["summary"]["lost"] == len(lost)
    assert one.done["failed"] is bool(lost)


def check_foretold(one):
    """The forecast had a row for every task, and each came true."""
    assert set(one.rows) >= set(one.before.listed)
    for key in one.tasks:
        if key in one.rows:
            row = one.rows[key]
            assert one.fates[key] == ("killed" if row["client"] == "deletes" else row["task"]), row
