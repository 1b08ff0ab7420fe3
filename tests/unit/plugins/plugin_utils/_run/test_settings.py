# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is begun with: what is taken, and the one sentence for what is not."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.shimops.containerd.plugins.plugin_utils._run import budgets, settings, timestamps

GROUPS = {"all": ["web1", "web2", "db1"], "web": ["web1", "web2"], "none": []}


@pytest.mark.parametrize("size", ["ten", "0", 0, -1, "101%", "0%", "1.5", True, "", None, {"a": 1}])
def test_batch_sizes_that_are_none(size):
    with pytest.raises(ValueError, match=r"batch size .* is none; give numbers from 1, or shares such as \"10%\""):
        settings.batches([1, size])


def test_batch_sizes():
    assert settings.batches([1, "10%", 25]) == ["1", "10%", "25"] and settings.batches("20%") == ["20%"]
    with pytest.raises(ValueError, match="there are no batch sizes"):
        settings.batches([])


@pytest.mark.parametrize("value", ["soon", -1, 86401, "nan", "inf", None, ""])
def test_waits_that_are_none(value):
    with pytest.raises(ValueError, match=r"^settle cannot be .*; give seconds from 0 to 86400$"):
        settings.seconds({"settle": value})


def test_waits():
    settings.seconds({"settle": "0", "pause": 1.5})
    with pytest.raises(ValueError, match=r"^timeout cannot be 0; give seconds above 0 to 86400$"):
        settings.seconds({"settle": 0, "timeout": 0}, ["timeout"])


def test_a_quarantine_of_hosts_and_groups_in_the_inventory_s_order():
    assert settings.quarantine(["db1", "web"], GROUPS) == ["web1", "web2", "db1"]
    assert settings.quarantine([], GROUPS) == settings.quarantine(["none"], GROUPS) == []
    with pytest.raises(ValueError, match="quarantine: 'web9' is neither a host nor a group"):
        settings.quarantine(["web1", "web9"], GROUPS)


def test_task_files_are_found_in_the_first_folder_that_has_them(tmp_path):
    for name in ("a/drain.yml", "b/drain.yml", "b/uncordon.yml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("[]")
    folders = [tmp_path / "a", tmp_path / "b"]
    assert settings.task_file("drain.yml", folders) == str(tmp_path / "a/drain.yml")
    assert settings.task_file("uncordon.yml", folders) == str(tmp_path / "b/uncordon.yml")
    assert settings.task_file(str(tmp_path / "b/drain.yml"), []) == str(tmp_path / "b/drain.yml")
    with pytest.raises(ValueError, match=f"task file 'x.yml' was not found in {tmp_path}/a, {tmp_path}/b; give its"):
        settings.task_file("x.yml", folders)


@pytest.mark.parametrize("name", ["../x", "a b", "", ".hidden", 65 * "x", "a/b"])
def test_names_of_runs_that_cannot_be(name):
    with pytest.raises(ValueError, match="cannot be a file name"):
        settings.run_id(name)


@pytest.mark.parametrize("text, seconds", [("90m", 5400), ("2h", 7200), ("30", 30), ("1d", 86400), ("0.5h", 1800)])
def test_a_deadline_by_its_span(text, seconds):
    assert timestamps.deadline(text, 1000.0) == 1000.0 + seconds


def test_a_deadline_by_its_date():
    begun = datetime.datetime(2026, 6, 30, 12).timestamp()
    assert timestamps.deadline("2026-06-30T18:00", begun) == begun + 6 * 3600
    assert timestamps.deadline("2026-06-30T18:00+00:00", 0.0) == 1782842400.0


@pytest.mark.parametrize("text", ["noon", "2 weeks", "18:00", "-5m", "5 m m"])
def test_a_deadline_that_is_none(text):
    with pytest.raises(ValueError, match="is not a time; give a span such as 90m or 2h"):
        timestamps.deadline(text, 0.0)


def test_a_deadline_that_is_past():
    with pytest.raises(ValueError, match="is past already"):
        timestamps.deadline("2001-01-01T00:00", timestamps.now())
    with pytest.raises(ValueError, match="is past already"):
        timestamps.deadline("0", timestamps.now())


def test_budgets():
    assert budgets.parse({}, 100) == {"lost": 0, "failed": 0, "refused": 50}
    assert budgets.parse({"lost": 3, "failed": "10%", "refused": "7"}, 25) == {"lost": 3, "failed": 2, "refused": 7}


@pytest.mark.parametrize(
    "wanted, sentence",
    [
        ({"lost": "5%"}, "the budget of lost tasks cannot be '5%'; give a number from 0$"),
        (
            {"failed": "some"},
            "the budget of failed hosts cannot be 'some'; give a number from 0, or a share such as 10%",
        ),
        ({"refused": "101%"}, "the budget of refused hosts cannot be '101%'"),
        ({"failed": "-1"}, "the budget of failed hosts cannot be '-1'"),
        ({"failed": None}, "the budget of failed hosts cannot be 'None'"),
        ({"faild": 1}, "there is no budget 'faild', only lost, failed, refused"),
    ],
)
def test_budgets_that_are_none(wanted, sentence):
    with pytest.raises(ValueError, match=sentence):
        budgets.parse(wanted, 10)


def test_a_budget_is_spent_by_more_than_it():
    limits = {"lost": 2, "failed": 1, "refused": 5}
    assert budgets.exceeded(limits, {}) == budgets.exceeded(limits, {"lost": 2, "failed": 1}) == ""
    assert budgets.exceeded(limits, {"lost": 3}) == "3 lost tasks, the budget is 2"
    assert budgets.exceeded({**limits, "failed": 0}, {"failed": 1}) == "1 failed host, the budget is 0"
