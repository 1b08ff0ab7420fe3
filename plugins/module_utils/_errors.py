# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one family of errors of the route. Internal to the collection: it can change at any time."""

from __future__ import annotations


class ShimError(Exception):
    """A stage could not do its work on one thing.

    :param stage: the stage of the route that failed, for example ``scan`` or ``dial``.
    :param subject: the thing it failed on: a path, an address, ``namespace/id``, an option.
    :param problem: what is wrong with it, without a final full stop.
    :param remedy: what the operator can do about it, without a final full stop.
    """

    def __init__(self, stage: str, subject: str, problem: str, remedy: str = "") -> None:
        super().__init__(stage, subject, problem, remedy)
        self.stage = stage
        self.subject = subject
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        text = "{0}: {1} {2}".format(self.stage, self.subject, self.problem)
        return "{0}; {1}.".format(text, self.remedy) if self.remedy else text + "."


class HostRefused(ShimError):
    """The host is to be left alone for now: nothing was done, and nothing is wrong with the task."""


class DeadlineExceeded(ShimError):
    """The time for a piece of work is spent."""
