# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ends a command of ./dev, or one gate of it, with one clear sentence."""


class DevError(Exception):
    """The command cannot be done; the text is a sentence for the person at the keyboard."""


class GateFailed(Exception):
    """The gate ran and found something wrong."""


class GateSkipped(Exception):
    """The gate cannot run here, for a reason that is nobody's fault."""
