# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the whole host: systemd kills the shims, a unit is not loaded, runc is gone."""

import functools

import pytest
import story
import world
from conftest import CLASSES

from lab import faults


def _of_host(fault):
    def make(host):
        faults.apply(host, fault)
        return dict.fromkeys(world.tasks(host), fault)

    return make


@pytest.fixture(scope="module")
def stories(fleet, hosts):
    """The stories by the fault's name, each run when it is first asked for."""
    return functools.lru_cache(lambda fault: story.enact(fleet, hosts, _of_host(fault)))


@pytest.fixture(params=CLASSES)
def release(request):
    return request.param


class TestKillMode:
    """systemd would end the shims together with containerd."""

    @pytest.fixture
    def seen(self, stories, release):
        return stories("killmode_control_group")[release]

    def test_it_is_a_hazard_of_every_task(self, seen):
        (hazard,) = seen.forecast["hazards"]
        assert (hazard["id"], hazard["outcome"]) == ("kill_mode", "killed")
        assert "KillMode=control-group" in hazard["reason"] and "KillMode=process" in hazard["remedy"]
        assert set(seen.rows) == set(seen.tasks)
        for row in seen.rows.values():
            assert (row["outcome"], row["task"], row["at_risk"], row["rule"]) == ("killed", "killed", True, "kill_mode")

    def test_by_default_the_restart_is_refused_with_the_remedy(self, seen):
        story.check_untouched(seen)
        assert seen.refused["failed"] is True
        assert "KillMode=control-group" in seen.refused["msg"] and "set KillMode=process" in seen.refused["msg"]
        assert set(story.by_key(seen.refused["at_risk"])) == set(seen.tasks)

    def test_gone_through_with_every_task_is_killed(self, seen):
        story.check_restarted(seen)
        fates = {key: {"killed": "killed", "unmanaged": "orphaned"}[fate] for key, fate in seen.fates.items()}
        story.check_verdicts(seen, fates)
        # The old containerd may see the shims end before it ends itself. 1.7 and 2.1 then now and then drop a container
        # of a pod without killing it; everything else is killed on every release.
        spared = {key for key, fate in seen.fates.items() if fate == "unmanaged"}
        pods = [pod for pod in seen.pods.values() if seen.release != "1.6"]
        assert spared <= {key for pod in pods for name, key in pod.items() if name != "sandbox"}
        assert not seen.after.listed


@pytest.mark.matrix
class TestNotLoaded:
    """The same drop-in, written and not loaded: what systemd will do depends on who reloads it first."""

    @pytest.fixture
    def seen(self, stories, release):
        return stories("killmode_not_loaded")[release]

    def test_by_default_the_restart_is_refused_naming_the_reload(self, seen):
        story.check_untouched(seen)
        assert seen.refused["failed"] is True
        assert "systemctl daemon-reload" in seen.refused["msg"]
        assert [hazard["id"] for hazard in seen.forecast["hazards"]] == ["unit_not_loaded"]
        assert {(row["outcome"], row["at_risk"]) for row in seen.rows.values()} == {("unknown", True)}
        assert set(story.by_key(seen.refused["at_risk"])) == set(seen.tasks)

    def test_gone_through_with_the_loaded_unit_still_holds(self, seen):
        story.check_restarted(seen)
        story.check_verdicts(seen, {})


class TestRuncGone:
    """No shim finds runc any more: what it cannot list, containerd 1.7 and 2.1 do not take back."""

    @pytest.fixture
    def seen(self, stories, release):
        return stories("runc_off_path")[release]

    @pytest.fixture
    def orphans(self, seen):
        if seen.release == "1.6":
            return set()
        # containerd 2.x has every pod's sandbox in its sandbox store, and never takes one of those for leaked.
        kept = {pod["sandbox"] for pod in seen.pods.values()} if seen.release == "2.1" else set()
        return set(seen.tasks) - kept

    def test_the_forecast_names_the_orphans_and_no_others(self, seen, orphans):
        assert set(seen.rows) == set(seen.tasks)
        for key, row in seen.rows.items():
            rule = "E4" if key in orphans else {"1.6": "A1", "2.1": "E3"}[seen.release]
            outcome, task = ("orphaned", "unmanaged") if key in orphans else ("reattached", "kept")
            assert (row["outcome"], row["task"], row["rule"], row["at_risk"]) == (outcome, task, rule, key in orphans)
            assert key not in orphans or "runc" in row["reason"]

    def test_by_default_the_restart_is_refused_where_a_task_would_be_orphaned(self, seen, orphans):
        if seen.release == "1.6":
            # 1.6 asks no shim for its processes: nothing is at risk, so the restart went through.
            assert seen.refused["failed"] is False and seen.refused["changed"] is True
            assert seen.between.daemon != seen.before.daemon
            assert seen.refused["summary"]["reattached"] == len(seen.tasks)
            return
        story.check_untouched(seen)
        assert seen.refused["failed"] is True and "would be orphaned" in seen.refused["msg"]
        assert set(story.by_key(seen.refused["at_risk"])) == orphans

    def test_gone_through_with_the_orphans_run_on_unmanaged(self, seen, orphans):
        if seen.release == "1.6":
            # The same run is verified again, not restarted again.
            assert seen.done["changed"] is False and seen.after.daemon == seen.between.daemon
        else:
            story.check_restarted(seen)
        story.check_verdicts(seen, dict.fromkeys(orphans, "orphaned"))
        story.check_foretold(seen)
        # An orphan keeps its bundle, so that a restart after runc is back finds it again.
        assert seen.bundles == set(seen.tasks)
