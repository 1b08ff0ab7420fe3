# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Host check: whether a host may begin, and in which batch it is, right before it acts. Internal."""

from __future__ import annotations

from ansible_collections.shimops.containerd.plugins.plugin_utils._run.run_host import RunHost

#: Seconds after which a forecast is taken again before a host begins.
STALE = 600


def check(run_host: RunHost, task_vars: dict, reason: str, counts: str | None, check_mode: bool) -> dict:
    """Return what the play does with the host, as ``fleet_run`` with ``state: host_checked`` returns it.

    :param reason: why the host is refused, by its forecast; empty if it is not.
    :param counts: the budget that such a host counts against, where that is not the one of refused hosts.
    """
    document, denial = run_host.enter_batch(list(task_vars["ansible_play_batch"]))
    state = document["state"]
    done, middle = state in ("verified", "lost", "current"), state == "begun"
    found = {
        "may_begin": True,
        "batch": document["batch"],
        "before": not (done or middle),
        "after": not done or not document.get("completed"),
        "stale": not check_mode and run_host.store.now() - (document["forecast"].get("at") or 0) > STALE,
        "host_state": state,
        "msg": "",
    }
    if reason and not (done or middle):
        state = run_host.enter_state("refused", reason, counts=counts)
        found.update(may_begin=False, host_state=state, msg=reason)
    elif denial and not middle:
        message = f"{state} already" if done else f"left untouched: {denial}"
        found.update(may_begin=False, host_state=run_host.leave_untouched(denial), msg=message)
    elif done or middle:
        found["msg"] = f"{state} already in run {document['run_id']}: verified again"
    return found


def watch(run_host: RunHost, task_vars: dict) -> list[str]:
    """Count the hosts that this play has lost in other ways: in a hook, in a task of its own, or unreachable there.

    Only those that the run had looked at. Gives the names of all that were lost.
    """
    gone = set(task_vars.get("ansible_play_hosts_all") or ()) - set(task_vars.get("ansible_play_hosts") or ())
    for host in sorted(gone - {run_host.host}):
        other = RunHost(run_host.store, host)
        if (other.known() or {}).get("state") in ("forecast", "begun"):
            other.enter_state("failed", "it failed or became unreachable in another task of the play")
    return sorted(gone)
