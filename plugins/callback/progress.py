# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: aggregate
short_description: Shows the progress of an audit, a restart or an upgrade
version_added: 0.1.0
description:
  - Shows the progress of the fleet and of the batch, the current task of each host, the verdicts, and the time left.
  - While the playbook C(shimops.containerd.fleet_status) watches a run, shows what that run does, on all of its
    controllers.
  - On a terminal it stays at the bottom, below the normal output. Without a terminal, as in AWX, it writes plain lines
    into the normal output.
  - A terminal display needs the Python library rich in the environment of ansible-core. Without it plain lines are
    written.
requirements:
  - enable it with C(callbacks_enabled = shimops.containerd.progress) in the section C([defaults]) of ansible.cfg, or
    with the environment variable E(ANSIBLE_CALLBACKS_ENABLED)
options:
  form:
    description: V(auto) draws on a terminal and writes lines otherwise. V(lines) always writes lines.
    type: str
    choices: [auto, lines]
    default: auto
    env:
      - name: SHIMOPS_PROGRESS_FORM
    ini:
      - section: callback_shimops_progress
        key: form
  interval:
    description: Seconds between two plain lines. The begin of a batch and a loss are written at once.
    type: float
    default: 10
    env:
      - name: SHIMOPS_PROGRESS_INTERVAL
    ini:
      - section: callback_shimops_progress
        key: interval
author:
  - shimops.containerd authors (@shimops)
"""

import atexit
import os
import sys
import threading
import time
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

from ansible_collections.shimops.containerd.plugins.plugin_utils._progress import screen
from ansible_collections.shimops.containerd.plugins.plugin_utils._progress.lines import Lines
from ansible_collections.shimops.containerd.plugins.plugin_utils._progress.state import Progress
from ansible_collections.shimops.containerd.plugins.plugin_utils._progress.watched import Watched
from ansible_collections.shimops.containerd.plugins.plugin_utils._run.estimate import batches

#: Tasks that wait for input at the terminal.
ASKING = ("pause", "ansible.builtin.pause", "ansible.legacy.pause")


def drawable(stream, environment) -> bool:
    """Whether the stream is an interactive terminal that can be drawn on.

    ansible-runner (and AWX) gives its jobs a terminal too and reads events from it; drawing would corrupt them.
    """
    recorded = "AWX_ISOLATED_DATA_DIR" in environment
    return stream.isatty() and not recorded and environment.get("TERM", "dumb") not in ("dumb", "unknown", "")


class CallbackModule(CallbackBase):
    """Passes the events of plays to a view."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "shimops.containerd.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display=None, options=None):
        super().__init__(display=display, options=options)
        self._guard = threading.RLock()
        self._play = None
        self._progress: Progress | None = None
        self._watched: Watched | None = None
        self._view: Any = None

    def v2_playbook_on_play_start(self, play):
        """A play begins, or its next batch: ansible-core sends the same event for both."""
        everything = play.get_variable_manager().get_vars(play=play, include_hostvars=False)
        whole, batch = list(everything["ansible_play_hosts_all"]), list(everything["ansible_play_batch"])
        with self._guard:
            now = time.monotonic()
            if self._play != play._uuid:
                self._finish(now)
                self._play = play._uuid
                sizes = batches(len(whole), list(play.serial or []))
                self._progress = Progress(play.get_name(), len(whole), sizes, context.CLIARGS.get("forks") or 5, now)
            if self._progress is not None:
                self._progress.begin_batch(batch, now)
            self._show(now, urgent=len(whole) > 1)

    def v2_playbook_on_task_start(self, task, is_conditional):
        """Hide the display while a task waits for input."""
        if self._view is not None and task.action in ASKING:
            with self._guard:
                self._view.pause()

    def v2_runner_on_start(self, host, task):
        """A host begins a task."""
        with self._guard:
            if self._progress is not None:
                now = time.monotonic()
                # Without the role's name in front, which is long and the same for all.
                self._progress.begin(host.get_name(), task.name or task.get_name(), now)
                if task.action not in ASKING:
                    self._show(now)

    def v2_runner_item_on_ok(self, result):
        """A run that is watched was read again."""
        watched = Watched.of(result.task.action, result.result)
        if watched is not None:
            with self._guard:
                urgent, self._watched = watched.differs(self._watched), watched
                self._show(time.monotonic(), urgent)

    def v2_runner_on_ok(self, result):
        """A host ended a task."""
        self._ended(result, "ok")

    def v2_runner_on_skipped(self, result):
        """A host had nothing to do."""
        self._ended(result, "skipped")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        """A host failed, unless that is ignored."""
        self._ended(result, "ok" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result):
        """A host cannot be reached."""
        self._ended(result, "unreachable")

    def v2_playbook_on_stats(self, stats):
        """All plays have ended: close the view."""
        with self._guard:
            self._finish(time.monotonic())
            if self._view is not None:
                self._view.close()

    def _finish(self, now):
        """End the previous play. A play that only reports or decides gets no line."""
        if self._progress is not None:
            self._progress.finish()
            if self._progress.rolling or self._progress.counts():
                self._view.over(self._progress, now)

    def _ended(self, result, status):
        with self._guard:
            if self._progress is not None:
                now, self._watched = time.monotonic(), None
                urgent = self._progress.end(result.host.get_name(), result.task.action, result.result, status, now)
                self._show(now, urgent=urgent)

    def _show(self, now, urgent=False):
        if self._view is None:
            self._view = self._choose()
        self._view.show(self._watched or self._progress, now, urgent)

    def _choose(self):
        """Choose the view by the output stream."""
        if self.get_option("form") == "auto" and drawable(sys.stdout, os.environ):
            if screen.HAS_RICH:
                view = screen.Screen(self._display._lock, time.monotonic)
                # Ctrl-C ends plays without a last event; the cursor must be restored.
                atexit.register(view.close)
                return view
            self._display.warning(
                "progress: rich is not installed, so lines are written; install the Python library rich."
            )
        return Lines(self._display.display, self.get_option("interval"))
