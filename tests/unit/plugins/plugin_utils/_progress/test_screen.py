# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a play is: counted, foretold, written as lines, drawn, and fed by Ansible's events."""

from __future__ import annotations

import io
import threading
import types

import pytest
from ansible.executor.playbook_executor import PlaybookExecutor
from rich.console import Console

from ansible_collections.shimops.containerd.plugins.callback import progress as callback
from ansible_collections.shimops.containerd.plugins.plugin_utils._progress import screen
from ansible_collections.shimops.containerd.plugins.plugin_utils._progress.lines import Lines, duration, line
from ansible_collections.shimops.containerd.plugins.plugin_utils._progress.state import Progress
from ansible_collections.shimops.containerd.plugins.plugin_utils._progress.watched import Watched
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.estimate import batches

RECONNECT, PROBE = "shimops.containerd.shim_reconnect", "shimops.containerd.shim_probe"
STATUS = "shimops.containerd.fleet_run"
WELL = {"summary": {"reattached": 8, "killed": 0, "tasks": 8, "lost": 0}}
LOST = {"summary": {"reattached": 6, "killed": 2, "tasks": 8, "lost": 2}}


def rolling(sizes=(1, 2, 4), forks=2):
    return Progress("Roll", sum(sizes), list(sizes), forks, 0.0)


@pytest.mark.parametrize("hosts", (1, 3, 10, 97))
@pytest.mark.parametrize("serial", ([], [1], ["30%"], [1, "10%", "25%"], [2, 3], ["1%"], [0], ["100%"]), ids=str)
def test_batches_are_those_of_ansible(hosts, serial):
    play = types.SimpleNamespace(hosts="all", order=None, serial=serial)
    inventory = types.SimpleNamespace(get_hosts=lambda *_words, **_more: list(range(hosts)))
    theirs = PlaybookExecutor._get_serialized_batches(types.SimpleNamespace(_inventory=inventory), play)
    assert batches(hosts, serial) == [len(one) for one in theirs]


def test_hosts_done_in_a_roll():
    one = rolling()
    one.begin_batch(["a"], 0)
    assert one.end("a", PROBE, {}, "ok", 1) is False and one.done == 0, "a forecast is not the restart"
    one.end("a", RECONNECT, WELL, "ok", 1)
    assert one.done == 1
    one.begin_batch(["b", "c"], 5)
    assert one.done == 1
    assert one.end("b", RECONNECT, LOST, "failed", 1) is True, "a loss is shown at once"
    one.end("elsewhere", RECONNECT, WELL, "ok", 1)
    assert one.done == 2
    assert dict(one.counts()) == {"reattached": 22, "killed": 2, "host failed": 1}


def test_hosts_done_in_a_look():
    one = Progress("Look", 3, [3], 5, 0.0)
    one.begin_batch(["a", "b", "c"], 0)
    one.end("a", PROBE, {"summary": {"tasks": 5, "at_risk": 1}}, "ok", 1)
    one.end("b", PROBE, {}, "unreachable", 1)
    one.end("c", PROBE, {}, "skipped", 1)
    assert one.done == 2 and dict(one.counts()) == {"tasks": 5, "at risk": 1, "host unreachable": 1}


def test_a_play_of_other_tasks_ends_with_its_batch():
    one = rolling((1, 1))
    one.begin_batch(["a"], 0)
    one.end("a", "ansible.builtin.command", {}, "ok", 1)
    assert one.done == 0
    one.finish()
    assert one.done == 1


def test_time_left():
    one = rolling((1, 2, 4), forks=2)
    one.begin_batch(["a"], 0)
    assert one.left(10) is None, "nothing is known yet"
    one.begin_batch(["b", "c"], 30)
    assert one.left(30) == 90, "one round took 30 s, three are left"
    assert one.left(40) == 80, "it counts down"
    assert one.left(500) is None, "it is overdue, and nobody knows"
    one.end("b", RECONNECT, WELL, "ok", 45)
    assert one.left(45) == 75
    one.begin_batch(["d", "e", "f", "g"], 60)
    assert one.left(60) == 60


@pytest.mark.parametrize(
    "seconds, reported", ((-1, "0 s"), (59.9, "59 s"), (61, "1 min 01 s"), (700, "11 min"), (7260, "2 h 01 min"))
)
def test_duration(seconds, reported):
    assert duration(seconds) == reported


def test_line_says_everything():
    one = rolling()
    one.begin_batch(["a"], 0)
    one.end("a", RECONNECT, WELL, "ok", 1)
    one.begin_batch(["b", "c"], 30)
    for host in ("b", "c\x1b[2J", "d", "e"):
        one.begin(host, "Restart", 31)
    assert line(one, 40) == (
        "Roll: 1 of 7 hosts, batch 2 of 3, 8 reattached, 40 s passed, about 1 min 20 s left; "
        "now: b Restart (9 s), c\\x1b[2J Restart (9 s), d Restart (9 s) and 1 more"
    )


def test_lines_are_few_but_a_loss_is_reported():
    written = []
    view, one = Lines(written.append, 10), rolling()
    for now, urgent in ((0, False), (1, False), (9, False), (9.5, True), (12, False), (20, False)):
        view.show(one, now, urgent)
    assert len(written) == 3


def drawn(progress, width=80):
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(screen.drawing(progress, 40.0))
    return out.getvalue()


def test_drawing():
    one = rolling((1, 40))
    one.begin_batch(["a"], 0)
    one.end("a", RECONNECT, LOST, "ok", 1)
    one.begin_batch(["h{0}".format(number) for number in range(40)], 30)
    for number in range(9):
        one.begin("[red]h{0}[/red]\x1b[2J".format(number), "Restart " + "x" * 200, 31)
    text = drawn(one)
    assert "1 of 41 hosts" in text and "2 of 2, 0 of 40 hosts" in text and "2 killed" in text
    assert "[red]h0[/red]\\x1b[2J" in text and "and 3 more" in text, "a name is neither markup nor control"
    assert max(len(row) for row in text.splitlines()) <= 80
    assert drawn(one, 30)


def look(done=1, lost=0, stopped="", lines=("Run one", "  lost: [red]h1\x1b[2J")):
    """What a task that read a run returns."""
    counts = {"lost": lost, "failed": 0, "refused": 0, "verified": done}
    found = {"hosts": 4, "done": done, "counts": counts, "stopped": stopped}
    return {"status": found, "lines": list(lines), "msg": "Run one; \x1b[2J"}


def test_drawing_of_a_run_that_is_watched():
    text = drawn(Watched.of(STATUS, look(lines=("Run one", "  lost: [red]h1\x1b[2J " + "x" * 200))))
    assert "Run one" in text and "[red]h1\\x1b[2J" in text
    assert max(len(row) for row in text.splitlines()) <= 80


def test_what_is_written_above_the_drawing_is_not_changed():
    out = io.StringIO()
    stream = io.StringIO()
    above = screen.Above(stream, Console(file=out, width=20))
    above.write("x" * 60 + " [b]y[/b]\nhalf")
    assert out.getvalue() == "x" * 60 + " [b]y[/b]\n"
    assert above.stop() is stream and stream.getvalue() == "half"


def test_a_screen_comes_and_goes(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(screen.sys, "stdout", terminal)
    view, one = screen.Screen(threading.RLock(), lambda: 1.0), rolling()
    view.show(one, 1.0)
    assert isinstance(screen.sys.stdout, screen.Above)
    print("a line")
    view.pause()
    assert screen.sys.stdout is terminal and "a line\n" in terminal.getvalue()
    view.show(one, 2.0)
    view.over(one, 2.0)
    view.close()
    assert screen.sys.stdout is terminal
    assert "progress: Roll: 0 of 7 hosts" in terminal.getvalue()


class Fake:
    """What the callback reads of Ansible's own objects."""

    def __init__(self, **words):
        self.__dict__.update(words)

    def __getattr__(self, name):
        if name.startswith("get_"):
            return lambda *_words, **_more: self.__dict__[name[4:]]
        raise AttributeError(name)


def play(hosts, batch, serial, uuid="1"):
    facts = {"ansible_play_hosts_all": hosts, "ansible_play_batch": batch}
    return Fake(name="Roll", serial=serial, _uuid=uuid, variable_manager=Fake(vars=facts))


@pytest.fixture
def plugin(monkeypatch):
    """The callback, writing to a list."""
    said = []
    display = Fake(display=said.append, warning=said.append, verbosity=0)
    monkeypatch.setattr(callback.context, "CLIARGS", {"forks": 2})
    one = callback.CallbackModule(display=display)
    monkeypatch.setattr(one, "get_option", {"form": "lines", "interval": 1000}.get)
    one.said = said
    return one


def test_callback_from_begin_to_end(plugin):
    hosts = ["a", "b", "c"]
    task = Fake(name="Restart", action=RECONNECT)
    plugin.v2_playbook_on_play_start(play(hosts, ["a"], [1, "100%"]))
    plugin.v2_runner_on_start(Fake(name="a"), task)
    plugin.v2_runner_on_ok(Fake(host=Fake(name="a"), task=task, result=WELL))
    plugin.v2_playbook_on_play_start(play(hosts, ["b", "c"], [1, "100%"]))
    plugin.v2_runner_on_failed(Fake(host=Fake(name="b"), task=task, result=LOST))
    plugin.v2_runner_on_failed(Fake(host=Fake(name="c"), task=task, result={}), ignore_errors=True)
    plugin.v2_playbook_on_stats(None)
    assert [text.partition(",")[0] for text in plugin.said] == [
        "progress: Roll: 0 of 3 hosts",
        "progress: Roll: 1 of 3 hosts",
        "progress: Roll: 2 of 3 hosts",
        "progress: Roll: 3 of 3 hosts",
    ]
    assert "2 killed, 1 host failed" in plugin.said[2]


def test_a_run_that_is_watched_takes_the_place_of_the_play(plugin):
    def looked(result, action=STATUS):
        task = Fake(name="Watch", action=action)
        plugin.v2_runner_item_on_ok(Fake(host=Fake(name="localhost"), task=task, result=result))
        heard = plugin.said[:]
        plugin.said.clear()
        return heard

    plugin.v2_playbook_on_play_start(play(["localhost"], ["localhost"], []))
    assert plugin.said.pop().startswith("progress: Roll: 0 of 1 hosts")
    assert looked(look()) == ["progress: Run one; \\x1b[2J"]
    assert looked(look(done=2)) == [], "one more is well: at the next interval"
    assert looked(look(lost=1)) and looked(look(lost=1)) == []
    assert looked(look(lost=1, stopped="a loss"))
    assert looked({"failed": True}) == [] and looked(look(), PROBE) == []
    plugin.v2_runner_on_failed(Fake(host=Fake(name="localhost"), task=Fake(name="x", action="x"), result={}))
    assert plugin.said.pop().startswith("progress: Roll: 1 of 1 hosts"), "the play is shown again"


def test_without_rich_there_are_lines_and_a_sentence(plugin, monkeypatch):
    monkeypatch.setattr(plugin, "get_option", {"form": "auto", "interval": 1}.get)
    monkeypatch.setattr(callback.screen, "HAS_RICH", False)
    monkeypatch.setattr(callback.sys, "stdout", Fake(isatty=lambda: True))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("AWX_ISOLATED_DATA_DIR", raising=False)
    plugin.v2_playbook_on_play_start(play(["a", "b"], ["a"], [1]))
    assert plugin.said[0] == "progress: rich is not installed, so lines are written; install the Python library rich."
    assert plugin.said[1].startswith("progress: Roll: 0 of 2 hosts")


@pytest.mark.parametrize(
    "terminal, environment, drawn_on",
    (
        (True, {"TERM": "xterm"}, True),
        (False, {"TERM": "xterm"}, False),
        (True, {"TERM": "dumb"}, False),
        (True, {}, False),
        (True, {"TERM": "xterm", "AWX_ISOLATED_DATA_DIR": "/runner/artifacts/1"}, False),
    ),
    ids=("terminal", "file", "dumb", "none", "ansible-runner"),
)
def test_where_it_draws(terminal, environment, drawn_on):
    assert callback.drawable(Fake(isatty=lambda: terminal), environment) is drawn_on
