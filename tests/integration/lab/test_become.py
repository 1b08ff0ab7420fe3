# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolls as a user that is not root, through sudo and su, whose connection is cut while containerd is restarted."""

import json

import pytest
import rolls
import world

USER, PASSWORD = "ops", "lab-only"
# A locked account, which a new one is, may not log in where sshd does without PAM.
PREPARE = r"""
if ! id "$1" >/dev/null 2>&1; then
    useradd --create-home --shell /bin/sh --password '*' "$1"
    install -d -o "$1" -m 700 "/home/$1/.ssh"
    install -o "$1" -m 600 /root/.ssh/authorized_keys "/home/$1/.ssh"
fi
printf 'Defaults use_pty\n%s ALL=(ALL) NOPASSWD: ALL\n' "$1" > /etc/sudoers.d/lab
echo "root:$2" | chpasswd
"""


@pytest.fixture
def host(login):
    (host,) = login.hosts.values()
    rolls.repair(login, [host])
    host.script(PREPARE, USER, PASSWORD)
    yield host
    host.script("systemctl start ssh")


@pytest.mark.parametrize(
    "pipelining", [pytest.param("0", id="files", marks=pytest.mark.matrix), pytest.param("1", id="pipelining")]
)
@pytest.mark.parametrize("become", ["sudo", "su"])
def test_a_cut_connection_ends_no_restart(login, host, tmp_path, become, pipelining, covers):
    more = {"sudo": "sudo with use_pty", "su": "su with a password"}[become], ["files", "pipelining"][int(pipelining)]
    covers([host], "roll with a cut connection", login=", ".join(["user", *more]), clients="ctr")
    rolls.ways([host], {}, others="drops its connection")
    before = world.containerd(host), world.tasks(host)
    values = {"ansible_user": USER, "ansible_become_method": become}
    if become == "su":
        values["ansible_become_password"] = PASSWORD
    words, env = ("-e", json.dumps(values)), {"ANSIBLE_PIPELINING": pipelining}
    with rolls.Roll(login, [host], tmp_path, "cut", *words, env=env, command=[rolls.RESTART]) as cut:
        assert cut.ended() == 2
        (document,) = cut.documents().values()
        assert document["state"] == "failed" and "lab1: it became unreachable" in cut.output(), document["message"]
    rolls.ended_alone(host)
    after = world.containerd(host), world.tasks(host)
    assert after[0] != before[0] and after[1] == before[1] and PASSWORD not in cut.output()
    host.script("systemctl start ssh")
    with rolls.Roll(login, [host], tmp_path, cut.run_id, *words, env=env, command=[rolls.RESTART]) as again:
        assert again.ended() == 0
        (document,) = again.documents().values()
        assert document["state"] == "verified" and document["summary"]["reattached"] == 1, document["message"]
    assert rolls.restarts([host]) == {host.name: 1} and (world.containerd(host), world.tasks(host)) == after
