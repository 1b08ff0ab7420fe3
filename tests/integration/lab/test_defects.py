# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module with a defect, at each stage of a restart: one sentence, the ledger as it is true, and the next run."""

import shutil
from dataclasses import dataclass

import play
import pytest
import world

from dev import checkout, place

RUN = "defect"
WANTED = {"state": "restarted", "run_id": RUN, "settle": 1, "detail": "full"}
PLANTED = 'raise TypeError("planted")'


@dataclass(frozen=True)
class Defect:
    """Where a line is planted: before the one that begins so, in that file; and what is true of the host then."""

    file: str
    before: str
    phase: str
    restarted: bool
    verified: bool
    stage: str


DEFECTS = {
    "before the restart": Defect(
        "_restart/restart.py",
        "            running = self._begin()",
        "restarting",
        False,
        False,
        "restart",
    ),
    "while it is watched": Defect(
        "_restart/restart.py", "            self._host.upgrade.served(book)", "verified", True, True, "restart"
    ),
    "at the verdicts": Defect(
        "_restart/verify.py", "    shared = _tasks_by_endpoint(book, after)", "restarted", True, False, "verify"
    ),
    "when the ledger is closed": Defect(
        "_restart/host.py", "        counts = verdict_rows.in_words(found)", "verified", True, False, "host"
    ),
    "in the result": Defect("_module.py", "    result = _result.fit(result, ", "verified", True, False, "_module"),
}


@pytest.fixture
def defective(tmp_path):
    """The environment in which the collection has that defect."""

    def give(defect):
        there = tmp_path / "ansible_collections" / place.NAMESPACE / place.NAME
        for name in checkout.files():
            if name.parts[0] in ("plugins", "meta", "galaxy.yml"):
                (there / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(place.ROOT / name, there / name)
        file = there / "plugins" / "module_utils" / defect.file
        text = file.read_text(encoding="utf-8")
        assert text.count(defect.before) == 1, f"{defect.file} has no single {defect.before!r}"
        indent = defect.before[: len(defect.before) - len(defect.before.lstrip())]
        file.write_text(text.replace(defect.before, f"{indent}{PLANTED}\n{defect.before}"), encoding="utf-8")
        return {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path)}

    return give


# One in which the host was not touched and one in which it was; ./dev matrix takes all.
ALWAYS = ("before the restart", "at the verdicts")


@pytest.mark.parametrize(
    "name", [name if name in ALWAYS else pytest.param(name, marks=pytest.mark.matrix) for name in DEFECTS]
)
def test_a_defect_is_a_sentence_and_costs_no_proof(fleet, clean, defective, name):
    defect = DEFECTS[name]
    before = play.together(clean.values(), lambda host: (world.containerd(host), world.tasks(host)))
    broken = play.run(fleet, "shim_reconnect", WANTED, clean.values(), extra_env=defective(defect))
    between = play.together(clean.values(), lambda host: (world.containerd(host), world.ledger(host)))
    again = play.run(fleet, "shim_reconnect", WANTED, clean.values())
    for host in clean.values():
        result, (daemon, tasks), (now, book) = broken[host.name], before[host.name], between[host.name]
        assert result["failed"] is True and result["changed"] is defect.restarted
        assert "TypeError: planted" in result["msg"] and "\n" not in result["msg"]
        assert result["msg"].startswith(defect.stage + ": this module has a defect") and "Traceback" not in str(result)
        assert (now != daemon) is defect.restarted and book["phase"] == defect.phase
        if defect.verified:
            assert f"verified after that all the same: {len(tasks)} reattached" in result["msg"]
            assert {row["verdict"] for row in result["verdicts"]} == {"reattached"}
        elif defect.restarted and defect.phase == "restarted":
            assert "run state: verified" in result["msg"]
        # The same run again, without the defect: what was restarted is verified, what was not is restarted.
        assert again[host.name]["failed"] is False, again[host.name]["msg"]
        assert again[host.name]["changed"] is not defect.restarted
        assert again[host.name]["summary"]["reattached"] == len(tasks)
        assert (world.containerd(host) == now) is defect.restarted
        assert world.tasks(host) == tasks and world.ledger(host)["phase"] == "verified"


def test_the_traceback_is_there_for_who_asks(fleet, clean, defective):
    """With -vvv, and only then."""
    host, defect = clean["1.7"], DEFECTS["before the restart"]
    result = play.run(fleet, "shim_reconnect", WANTED, [host], extra_env=defective(defect), more=["-vvv"])[host.name]
    assert any("planted" in line for line in result["traceback"])
