# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""fleet_report: reports on a run, written on the controller from the run's folder alone."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports import audit, build, files
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.model import SEVERITIES, STATES
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports.text import count
from ansible_collections.shimops.containerd.plugins.plugin_utils._rules.builtin_types import to_builtin
from ansible_collections.shimops.containerd.plugins.plugin_utils._store import address, copy, opened
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.folder_store import FolderStore
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.redis_store import RedisStore
from ansible_collections.shimops.containerd.plugins.plugin_utils._store.store import StoreError

NEVER, LAST = "never", "last"
SPEC = {
    "run_dir": {"type": "path", "default": "shimops-runs"},
    "run_store": {"type": "str"},
    "run_id": {"type": "str"},
    "dest": {"type": "path"},
    "formats": {"type": "list", "elements": "str", "choices": list(build.FORMATS), "default": list(build.FORMATS)},
    "title": {"type": "str"},
    "packs": {"type": "list", "elements": "raw", "default": list(audit.SHIPPED)},
    "waivers": {"type": "raw", "default": []},
    "previous": {"type": "str"},
    "fail_on": {"type": "str", "choices": [*SEVERITIES, NEVER], "default": NEVER},
    "today": {"type": "str"},
}
#: Rules that the result names; the reports have them all.
MOST = 20


class ActionModule(ActionBase):
    """The action of that name."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """Write the reports and say in a few words what they say."""
        super().run(tmp, task_vars)
        _valid, options = self.validate_argument_spec(SPEC)
        try:
            self._from_store(options, task_vars)
            return report(options, write=not self._task.check_mode)
        except ShimError as problem:
            return {"failed": True, "changed": False, "msg": str(problem)}
        except StoreError as problem:
            return {"failed": True, "changed": False, "msg": f"report: {problem}."}

    def _from_store(self, options, task_vars):
        """Copy the runs that are wanted from the store into run_dir, where reports are made from."""
        if "://" in (options["run_id"] or ""):
            # As an audit of the same playbook returned it.
            options["run_store"], options["run_id"], _generation = address.split(options["run_id"])
        url = options["run_store"]
        if not url:
            return
        if self._task.check_mode:
            options["run_dir"] = str(opened.temporary_run_dir())
        secret = opened.password(self._templar, task_vars)
        runs = RedisStore.runs(url, secret)
        names = [run["run_id"] for run in runs]
        options["run_id"] = options["run_id"] or next(iter(names[-1:]), "")
        wanted = [options["run_id"], options["previous"]]
        if options["previous"] == LAST:
            wanted[1] = options["previous"] = _before(runs, options["run_id"])
        for name in filter(None, wanted):
            copy.copy(RedisStore(url, secret, name), FolderStore(Path(options["run_dir"], name)))


def _before(runs: list, run_id: str) -> str:
    """The name of the run that a run is compared with, of those in the order in which they began; empty for none."""
    this: dict = next((run for run in runs if run["run_id"] == run_id), {})
    return next((run["run_id"] for run in reversed(runs) if files.is_before(run, this)), "")


def report(options: dict, write: bool) -> dict:
    """Build the reports of ``options``, put them into place if ``write``, and judge them."""
    folder = files.named(options["run_dir"], options["run_id"])
    earlier = _earlier(options, folder)
    today = _day(options["today"])
    known, judge = (
        audit.engine(to_builtin(options["packs"]), to_builtin(options["waivers"]), today)
        if folder.kind() == "host"
        else ({}, None)
    )
    wanted = build.Wanted(options["formats"], options["title"] or "", known, judge, earlier)
    dest = options["dest"] or os.path.join(folder.path, "reports")
    with files.Output(dest) as output:
        totals = build.build(folder, wanted, output)
        result: dict[str, Any] = {"changed": bool(output.changed())}
        if write:
            result["files"] = output.commit()
    result.update(run_id=folder.run_id, summary=totals.document(), rules=_rules(totals), msg=_message(totals))
    result["lines"] = _lines(result, totals, dest if write else "")
    limit = options["fail_on"]
    failing = [] if limit == NEVER else totals.failing(limit)
    if failing:
        result["failed"] = True
        result["msg"] = "{0}; fail_on is {1}: {2}".format(result["msg"], limit, "; ".join(failing))
    return result


def _earlier(options: dict, folder: files.RunFolder):
    """The run to compare with, or None."""
    if options["previous"] == LAST:
        return files.before(os.path.dirname(os.path.abspath(folder.path)), folder)
    return files.named(options["run_dir"], options["previous"]) if options["previous"] else None


def _lines(result: dict, totals, dest: str) -> list:
    """The report in a few lines, for the job's own output."""
    lines = ["run {0}: {1}".format(result["run_id"], result["msg"])]
    lines += ["{0}: {1}".format(STATES[state][0], number) for state, number in totals.ordered_states()]
    for rule, total in totals.found()[:MOST]:
        words = [count(total.findings, "finding") + " on " + count(total.hosts, "host")] if total.findings else []
        words += ["{0} new".format(total.new)] if total.new else []
        words += ["{0} gone".format(total.gone)] if total.gone else []
        words += ["{0} waived".format(total.waived)] if total.waived else []
        words += ["not judged on {0}".format(count(total.unknown, "host"))] if total.unknown else []
        lines.append("{0} {1}: {2}".format(rule.severity, rule.id, ", ".join(words)))
    return lines + (["reports: {0}".format(dest)] if dest else [])


def _rules(totals) -> list:
    found = [
        {"rule": rule.id, "severity": rule.severity, "hosts": total.hosts, "findings": total.findings}
        for rule, total in totals.found()
        if total.findings
    ]
    return found[:MOST]


def _message(totals) -> str:
    sentence = ["{0} {1}".format(totals.severities[one], one) for one in SEVERITIES if totals.severities[one]]
    words = ["{0}, findings: {1}".format(count(totals.hosts, "host"), ", ".join(sentence) or "none")]
    words += ["{0} waived".format(totals.waived)] if totals.waived else []
    if totals.head.previous:
        words.append("{0} new and {1} gone since {2}".format(totals.new, totals.gone, totals.head.previous))
    return ", ".join(words)


def _day(today) -> datetime.date:
    if not today:
        return datetime.datetime.now(datetime.timezone.utc).date()
    try:
        return datetime.date.fromisoformat(today)
    except ValueError as problem:
        raise ShimError("report", "today", "is not a day", "write it as YYYY-MM-DD") from problem
