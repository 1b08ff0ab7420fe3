# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception whose text is meant for the person at the keyboard."""


class LabError(Exception):
    """Something the user can act on, said in one sentence."""
